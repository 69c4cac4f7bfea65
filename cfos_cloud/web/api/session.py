"""``session`` of the operator API: that of the admin page, by which it is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping

from twisted.web.iweb import IRequest

from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.operation import COUNT, STRING, Operation, as_json, members
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.login import OperatorLogin
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.request import clear_session, session_of
from cfos_cloud.web.operator.session import OperatorSession, OperatorSessions
from cfos_cloud.web.problem import InvalidInput, NoSession, Unauthorized

SESSION = as_json(
    members(
        expires_in={**COUNT, "description": "seconds, if nothing more is asked"},
        fresh_for={
            **COUNT,
            "description": "seconds in which the password need not be given again",
        },
        client={**STRING, "description": "the address that logged in"},
    )
)
_NO_SESSION = {404: "The request has credentials of its own, and no session."}


class SessionResource:
    """There is no way to a session here: the admin page's form is that."""

    def __init__(
        self,
        sessions: OperatorSessions,
        password: OperatorPassword,
        login: OperatorLogin,
    ) -> None:
        self._sessions = sessions
        self._password = password
        self._login = login

    @route(
        "/session",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The session of this request", {200: SESSION}, problems=_NO_SESSION
        ),
    )
    async def show(self, request: IRequest) -> Answer:
        return self._answer(self._session(request))

    @route(
        "/session",
        method="POST",
        needs=Needs.OPERATOR,
        about=Operation(
            "Give the password once more",
            {200: SESSION},
            description="""
            For five minutes the session may then do what matters most: upload a
            certificate, change passwords, remove systems.
            """,
            body=as_json(members(password=STRING)),
            problems=_NO_SESSION,
        ),
    )
    async def prove(self, request: IRequest) -> Answer:
        session = self._session(request)
        password = _password(read_object(request))
        try:
            await self._password.check(client_address(request), password)
        except Unauthorized as error:
            raise InvalidInput("password", "this is not the admin password") from error
        if session.ended:
            raise Unauthorized
        self._sessions.prove(session)
        return self._answer(session)

    @route(
        "/session",
        method="DELETE",
        needs=Needs.OPERATOR,
        about=Operation("Log out", {204: None}, problems=_NO_SESSION),
    )
    async def end(self, request: IRequest) -> Answer:
        self._login.log_out(self._session(request), client_address(request))
        return Answer(204, None, (clear_session(request),))

    def _session(self, request: IRequest) -> OperatorSession:
        session = session_of(request, self._sessions)
        if session is None:
            raise NoSession
        return session

    def _answer(self, session: OperatorSession) -> Answer:
        body = {
            "expires_in": math.floor(self._sessions.expires_in(session)),
            "fresh_for": math.floor(self._sessions.fresh_for(session)),
            "client": session.client,
        }
        return Answer(200, body)


def _password(data: Mapping[str, object]) -> str:
    password = data.get("password")
    if not isinstance(password, str):
        raise InvalidInput("password", "the admin password is needed, as a string")
    return password
