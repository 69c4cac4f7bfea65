"""Log-in of the operator at the admin page."""

from __future__ import annotations

from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.session import OperatorSession, OperatorSessions


class OperatorLogin:
    """The way from the password to a session."""

    _log = Logger()

    def __init__(
        self,
        password: OperatorPassword,
        sessions: OperatorSessions,
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._password = password
        self._sessions = sessions
        self._events = events

    async def log_in(self, address: str, password: str) -> OperatorSession:
        """
        A new session for who knows the password; a page gives it to the browser by
        :func:`~cfos_cloud.web.operator.request.set_session`.

        :raises Unauthorized: the password is wrong.
        :raises TooManyAttempts: the address has to wait.
        :raises Overloaded: too many are being checked.
        """
        await self._password.check(address, password)
        session = self._sessions.create(address)
        self._log.info("the operator logged in from {address}", address=address)
        who = Origin("operator", address or None)
        self._events.note(EventKind.OPERATOR_LOGGED_IN, who)
        return session

    def log_out(self, session: OperatorSession, address: str) -> None:
        """End it, and all that lives by it."""
        self._sessions.end(session)
        self._log.info("the operator logged out from {address}", address=address)
        who = Origin("operator", address or None)
        self._events.note(EventKind.OPERATOR_LOGGED_OUT, who)
