"""The operator API from outside."""

from __future__ import annotations

import base64
import json
import typing
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

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

from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.server_address import ServerAddress

BASE = "/cloud/api/v1"
#: Seconds for one answer.
TIMEOUT = 30.0
#: Systems on a page that is asked for.
PAGE = 500

Object = dict[str, typing.Any]


class OperatorClient:
    """Every method raises :class:`ToolError` when it can't do what it says."""

    def __init__(self, http: HTTPClient, server: ServerAddress, password: str) -> None:
        self._http = http
        self._server = server
        credentials = base64.b64encode(f"admin:{password}".encode()).decode("ascii")
        self._headers = Headers({"Authorization": [f"Basic {credentials}"]})

    async def systems(self) -> AsyncIterator[Object]:
        """All of them, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            page = await self._ask("GET", "/systems", params=query)
            for system in page["items"]:
                yield system
            cursor = page["next"]

    async def add(self, cloud_id: str, password: str | None, name: str) -> Object:
        """The new system, with ``password`` if the server made it."""
        members = {"cloud_id": cloud_id, "password": password, "name": name}
        return await self._ask("POST", "/systems", json=members)

    async def show(self, cloud_id: str) -> Object:
        return await self._ask("GET", _path(cloud_id))

    async def set_enabled(self, cloud_id: str, enabled: bool) -> Object:
        return await self._ask("PATCH", _path(cloud_id), json={"enabled": enabled})

    async def remove(self, cloud_id: str) -> None:
        await self._ask("DELETE", _path(cloud_id))

    async def _ask(self, method: str, path: str, **more: typing.Any) -> Object:
        try:
            response = await self._http.request(
                method,
                f"{self._server}{BASE}{path}",
                headers=self._headers,
                timeout=TIMEOUT,
                # Credentials go to the server that was named, nowhere else.
                allow_redirects=False,
                **more,
            )
            body = await response.content()
        except Exception as error:
            raise self._trouble(error) from error
        return self._checked(response.code, response.headers, body)

    def _checked(self, status: int, headers: typing.Any, body: bytes) -> Object:
        try:
            value = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            value = None
        if 200 <= status < 300 and isinstance(value, dict):
            return value
        location = (headers.getRawHeaders("location") or [""])[0]
        if 300 <= status < 400:
            raise ToolError(f"{self._server} sends elsewhere: {location}")
        if status == 401:
            raise ToolError(f"{self._server} refuses the admin password")
        if status == 429:
            seconds = (headers.getRawHeaders("retry-after") or ["some"])[0]
            raise ToolError(f"too many failed attempts; wait {seconds} seconds")
        detail = _detail(value)
        if detail is None:
            raise ToolError(f"{self._server} has no operator API (status {status})")
        raise ToolError(detail)

    def _trouble(self, error: BaseException) -> ToolError:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ToolError):
                return cause
        return ToolError(f"can't reach {self._server}: {_reason(causes)}")


def _path(cloud_id: str) -> str:
    return f"/systems/{quote(cloud_id, safe='')}"


def _detail(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return None
    detail, field = value.get("detail"), value.get("field")
    if not isinstance(detail, str):
        return None
    return f"{field}: {detail}" if field else detail


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
