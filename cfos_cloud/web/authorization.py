"""Who may call an API, by which credentials."""

from __future__ import annotations

import base64
import binascii
import enum
import typing

from twisted.logger import Logger
from twisted.web.iweb import IRequest

from cfos_cloud.registry import Operator
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.problem import TooManyAttempts, Unauthorized

#: The only user there is.
OPERATOR = "admin"


class Needs(enum.Enum):
    """What a route can demand; each is checked by an :class:`Authorizer`."""

    OPERATOR = "operator"


class Authorizer(typing.Protocol):
    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """
        Return if the request may go on; ``path`` has the variable parts of its
        address.

        :raises Unauthorized: it may not.
        :raises TooManyAttempts: it has to wait.
        :raises Overloaded: there is no room to look at it.
        """


class OperatorCredentials:
    """
    HTTP Basic ``admin:<password>``, from programs only: a browser sends
    ``Sec-Fetch-*`` and would send what it once learned along with anything that
    another site makes it ask for.

    Failures count by source. A source that has to wait is not looked at, and what
    was under way when it came to that is not answered either, so that attempts
    side by side gain nothing.
    """

    _log = Logger()

    def __init__(self, operator: Operator, throttle: Throttle) -> None:
        self._operator = operator
        self._throttle = throttle

    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """See :class:`Authorizer`."""
        values = request.requestHeaders.getRawHeaders(b"authorization", [])
        if len(values) != 1 or _is_from_a_browser(request):
            raise Unauthorized
        address = client_address(request)
        keys = (source_key(address),)
        self._go_on(keys)
        user, password = _parse_basic(values[0])
        # A wrong user costs what a wrong password does.
        right = await self._operator.verify(password) and user == OPERATOR
        self._go_on(keys)
        if not right:
            self._throttle.failed(keys)
            self._log.warn(
                "operator credentials from {address} were refused", address=address
            )
            raise Unauthorized
        self._throttle.succeeded(keys)

    def _go_on(self, keys: tuple[str, ...]) -> None:
        wait = self._throttle.wait(keys)
        if wait > 0:
            raise TooManyAttempts(wait)


def _is_from_a_browser(request: IRequest) -> bool:
    return any(
        name.lower().startswith(b"sec-fetch-")
        for name, _ in request.requestHeaders.getAllRawHeaders()
    )


def _parse_basic(value: bytes) -> tuple[str, str]:
    """User and password of RFC 7617; both empty for anything else."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
