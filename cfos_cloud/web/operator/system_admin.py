"""Who is logged in to a system as its admin, and may look after its keys."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway import cookies
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.web import answers
from cfos_cloud.web.operator.caller import Caller, set_caller
from cfos_cloud.web.operator.keys import has_bearer
from cfos_cloud.web.operator.request import SAFE_METHODS, check_site, given_token
from cfos_cloud.web.problem import (
    BadCsrfToken,
    KeyUnauthorized,
    NotLoggedIn,
    NotSystemAdmin,
)

#: How such a person is called in events.
ADMIN = "admin"


class SystemAdmins:
    """
    Sessions of browsers at devices, looked at from the side of our own addresses.

    :param signing_key: at least 32 random bytes, for :meth:`csrf`.
    """

    def __init__(self, sessions: SessionTable, signing_key: bytes) -> None:
        self._sessions = sessions
        self._key = hmac.digest(signing_key, b"system admin's csrf", "sha256")

    def admin_of(self, request: IRequest, cloud_id: str) -> Session:
        """
        The session by which ``request`` comes from the admin of a system.

        Whoever holds a session of another kind, or of another system, is told the
        same of systems that there are and of those that there are not.

        :raises NotLoggedIn: there is no session.
        :raises NotSystemAdmin: it is not that of an admin of this system who has
            given the device's password.
        """
        session = self.session_of(request)
        if session is None:
            raise NotLoggedIn
        if not session.manages_keys or fold(session.cloud_id) != fold(cloud_id):
            raise NotSystemAdmin
        return session

    def session_of(self, request: IRequest) -> Session | None:
        """The session whose cookie the request has, used by this."""
        name = cookies.session_name(answers.is_secure(request))
        token = cookies.find(answers.cookies(request), name)
        if token is None:
            return None
        return self._sessions.find(token, answers.device_of(request))

    def csrf(self, session: Session) -> str:
        """What a page of ours has to send along with a change; never logged."""
        mac = hmac.digest(self._key, session.token, "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode("ascii")


class SystemAdminAccess:
    """
    The session of the system's admin. A change needs our page's token, unless no
    browser sent it: those name an ``Origin``, or say ``Sec-Fetch-*``, or both.
    """

    def __init__(self, admins: SystemAdmins) -> None:
        self._admins = admins

    async def authorize(self, request: IRequest, path: Mapping[str, str]) -> None:
        """See :class:`~cfos_cloud.web.operator.authorization.Authorizer`."""
        try:
            session = self._admins.admin_of(request, path["cloud_id"])
        except NotLoggedIn:
            if has_bearer(request):
                raise KeyUnauthorized from None
            raise
        check_site(request)
        if request.method not in SAFE_METHODS:
            self._check_token(request, session)
        set_caller(request, Caller(session, ADMIN))

    def _check_token(self, request: IRequest, session: Session) -> None:
        given = given_token(request)
        if given is None and not _is_from_a_browser(request):
            return
        right = self._admins.csrf(session).encode("ascii")
        if not hmac.compare_digest(given or b"", right):
            raise BadCsrfToken


def _is_from_a_browser(request: IRequest) -> bool:
    return any(
        name.lower() == b"origin" or name.lower().startswith(b"sec-fetch-")
        for name, _ in request.requestHeaders.getAllRawHeaders()
    )
