"""Asking the operator API, and what its answers and its silence mean."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping

from OpenSSL import SSL
from service_identity import VerificationError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.web.client import RequestTransmissionFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers

from cfos_cloud.operator_tool.credentials import Credentials
from cfos_cloud.operator_tool.errors import Refused, ToolError
from cfos_cloud.operator_tool.server_address import ServerAddress

BASE = "/cloud/api/v1"
#: Seconds for one answer.
TIMEOUT = 30.0
#: Seconds until a download begins; a large database is copied before.
DOWNLOAD_TIMEOUT = 600.0

Object = dict[str, typing.Any]


class OperatorAPI:
    """Every method raises :class:`ToolError` when it can't do what it says."""

    def __init__(
        self, http: HTTPClient, server: ServerAddress, credentials: Credentials
    ) -> None:
        self._http = http
        self.server = server
        self._credentials = credentials
        self._headers = Headers({"Authorization": [credentials.authorization]})

    async def ask(self, method: str, path: str, **more: typing.Any) -> Object:
        """The JSON object that comes back; empty where nothing does."""
        status, headers, value = await self._request(
            method, f"{BASE}{path}", headers=self._headers, **more
        )
        if 200 <= status < 300 and isinstance(value, dict):
            return value
        raise self._refusal(status, headers, value)

    async def download(
        self,
        path: str,
        query: Mapping[str, str],
        write: typing.Callable[[bytes], object],
    ) -> None:
        """
        Give what comes back to ``write``, piece by piece.

        :raises OSError: of ``write``.
        """
        failures: list[OSError] = []

        def keep(piece: bytes) -> None:
            try:
                write(piece)
            except OSError as error:
                failures.append(error)
                raise

        try:
            response = await self._http.get(
                f"{self.server}{BASE}{path}",
                params=query,
                headers=self._headers,
                timeout=DOWNLOAD_TIMEOUT,
                allow_redirects=False,
                unbuffered=True,
            )
            if response.code == 200:
                await response.collect(keep)
                return
            body = await response.content()
        except Exception as error:
            if failures:
                raise failures[0] from error
            raise self._trouble(error) from error
        raise self._refusal(response.code, response.headers, _value(body))

    async def _request(
        self, method: str, path: str, **more: typing.Any
    ) -> tuple[int, Headers, object]:
        try:
            response = await self._http.request(
                method,
                f"{self.server}{path}",
                timeout=TIMEOUT,
                # Credentials go to the server that was named, nowhere else.
                allow_redirects=False,
                **more,
            )
            body = await response.content()
        except Exception as error:
            raise self._trouble(error) from error
        return response.code, response.headers, _value(body)

    def _refusal(self, status: int, headers: Headers, value: object) -> ToolError:
        if 300 <= status < 400:
            location = (headers.getRawHeaders("location") or [""])[0]
            return ToolError(f"{self.server} sends elsewhere: {location}")
        if status == 401:
            return ToolError(f"{self.server} refuses {self._credentials.name}")
        if status == 413:
            return ToolError(f"this is more than {self.server} takes at a time")
        if status == 429:
            seconds = (headers.getRawHeaders("retry-after") or ["some"])[0]
            return ToolError(f"too many failed attempts; wait {seconds} seconds")
        if not isinstance(value, Mapping) or not isinstance(value.get("detail"), str):
            return ToolError(f"{self.server} has no operator API (status {status})")
        field = value.get("field")
        return Refused(value["detail"], field if isinstance(field, str) else None)

    def _trouble(self, error: BaseException) -> ToolError:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ToolError):
                return cause
        return ToolError(f"can't reach {self.server}: {_reason(causes)}")


def _value(body: bytes) -> object:
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return None


def _causes(error: BaseException) -> typing.Iterator[BaseException]:
    """What is in the errors of twisted.web's client, innermost first."""
    if isinstance(error, ResponseNeverReceived | RequestTransmissionFailed):
        for failure in error.reasons:
            yield from _causes(failure.value)
    yield error


def _reason(causes: list[BaseException]) -> str:
    for cause in causes:
        match cause:
            case ConnectionRefusedError():
                return "nobody listens there"
            case DNSLookupError():
                return "its name is not known"
            case NoRouteError():
                return "there is no way there"
            case TimeoutError() | CancelledError() | ConnectingCancelledError():
                return "it does not answer"
            case SSL.Error():
                return "its TLS or its certificate is refused"
            case VerificationError():
                return "its certificate is not for this name"
            case ConnectError():
                return "no connection"
    return f"the connection broke ({type(causes[0]).__name__})"
