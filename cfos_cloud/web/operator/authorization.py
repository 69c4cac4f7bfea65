"""Who may call an API, by which credentials."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from time import monotonic

from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.http.basic import parse_basic
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.request import (
    check_fresh,
    check_request,
    check_token,
    session_of,
)
from cfos_cloud.web.operator.session import OperatorSessions
from cfos_cloud.web.problem import Unauthorized

#: Seconds for which a program that gives its password is not noted once more.
NOTED_SECONDS = 3600.0
#: Addresses of which that is remembered.
MAX_NOTED = 1000


class Needs(enum.Enum):
    """What a route can demand; each is checked by an :class:`Authorizer`."""

    #: Nothing: everybody may know it.
    NOTHING = "nothing"
    OPERATOR = "operator"
    #: The operator, who has given the password within the last five minutes.
    FRESH_OPERATOR = "fresh operator"
    #: The session of the system's admin, whom the device knows by its password.
    SYSTEM_ADMIN = "system admin"
    #: Nothing: an application that has no key yet asks a system for one.
    PAIRING = "pairing"
    #: The key that the path names, in whatever state.
    KEY = "key"
    #: A key of scope ``cloud``.
    CLOUD_KEY = "cloud key"


class Authorizer(typing.Protocol):
    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """
        Return if the request may go on; ``path`` has the variable parts of its
        address.

        :raises Unauthorized: it may not.
        :raises NotSystemAdmin: whoever it is of may not.
        :raises Reauthenticate: it may after the password was given again.
        :raises CrossSite: it comes from another site.
        :raises BadCsrfToken: it comes from no page of ours.
        :raises TooManyAttempts: it has to wait.
        :raises Overloaded: there is no room to look at it.
        """


class Anybody:
    """No credentials are looked at."""

    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """See :class:`Authorizer`."""


class OperatorAccess:
    """
    The session of the admin page, else credentials of the request's own: an access
    key, or the password.

    The session comes first: on one origin a browser may send along what a device
    has asked it for.

    :param credentials: for requests without a session.
    :param fresh: the password must have been given lately.
    """

    def __init__(
        self, sessions: OperatorSessions, credentials: Authorizer, *, fresh: bool
    ) -> None:
        self._sessions = sessions
        self._credentials = credentials
        self._fresh = fresh

    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """See :class:`Authorizer`."""
        session = session_of(request, self._sessions)
        if session is None:
            await self._credentials.authorize(request, path)
            return
        check_request(request, session)
        if self._fresh:
            # Also to read: on one origin a device's page can ask, without the token.
            check_token(request, session)
            check_fresh(session, self._sessions)


class OperatorCredentials:
    """
    HTTP Basic ``admin:<password>``, from programs only: a browser sends
    ``Sec-Fetch-*`` and would send what it once learned along with anything that
    another site makes it ask for.

    A program gives its password with each request, so that it uses it is noted once
    an hour for each address. ``seconds`` is a clock.
    """

    def __init__(
        self,
        password: OperatorPassword,
        events: EventLog = NO_EVENTS,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._password = password
        self._events = events
        self._seconds = seconds
        #: When each address was noted last, the longest ago first.
        self._noted: dict[str, float] = {}

    async def authorize(
        self, request: IRequest, path: typing.Mapping[str, str]
    ) -> None:
        """See :class:`Authorizer`."""
        values = request.requestHeaders.getRawHeaders(b"authorization", [])
        if len(values) != 1 or _is_from_a_browser(request):
            raise Unauthorized
        user, password = parse_basic(values[0])
        address = client_address(request)
        await self._password.check(address, password, user)
        self._note(address)

    def _note(self, address: str) -> None:
        now = self._seconds()
        noted = self._noted.get(address)
        if noted is not None and now - noted < NOTED_SECONDS:
            return
        self._noted.pop(address, None)
        self._noted[address] = now
        if len(self._noted) > MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        who = Origin("operator", address or None)
        self._events.note(EventKind.OPERATOR_LOGGED_IN, who, detail="by a program")


def _is_from_a_browser(request: IRequest) -> bool:
    return any(
        name.lower().startswith(b"sec-fetch-")
        for name, _ in request.requestHeaders.getAllRawHeaders()
    )
