"""Who is logged in as the operator: sessions of the admin page, in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol as Interface

#: Seconds without a request after which a session ends.
IDLE = 30 * 60.0
#: Seconds after its start at which a session ends in any case.
ABSOLUTE = 12 * 3600.0
#: Seconds for which the password, once given, is enough for what matters most.
FRESH = 5 * 60.0
#: Sessions in all; one more ends the one that was unused for longest.
MAX_SESSIONS = 100


class Abortable(Interface):
    """What lives by a session, a stream of events say; hashable."""

    def abort(self) -> None:
        """End at once."""


@dataclass(slots=True, eq=False)
class OperatorSession:
    """
    One log-in of one browser; times are those of the table's clock.

    Who carries an open stream of this session adds itself to ``streams``, after a
    look at ``ended``, and takes itself out when done.
    """

    #: 256 random bits, base64url; never logged.
    token: bytes = field(repr=False)
    #: What a change has to bring along, known to our own pages alone; never logged.
    csrf: str = field(repr=False)
    #: The address that logged in.
    client: str
    created: float
    last_used: float
    #: When the password was given last.
    proven: float
    streams: set[Abortable] = field(default_factory=set, repr=False)
    ended: bool = False


def _new_token() -> str:
    return secrets.token_urlsafe(32)


class OperatorSessions:
    """
    All sessions of this process; they end with it. ``seconds`` is the clock.

    An open stream is no use of a session: who only looks on is idle.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        idle: float = IDLE,
        absolute: float = ABSOLUTE,
        fresh: float = FRESH,
        max_sessions: int = MAX_SESSIONS,
        new_token: Callable[[], str] = _new_token,
    ) -> None:
        self._seconds = seconds
        self._idle = idle
        self._absolute = absolute
        self._fresh = fresh
        self._max_sessions = max_sessions
        self._new_token = new_token
        self._sessions: dict[bytes, OperatorSession] = {}

    def __len__(self) -> int:
        """How many there are, expired ones included until a sweep."""
        return len(self._sessions)

    def create(self, client: str) -> OperatorSession:
        """A new session of somebody who has just given the password."""
        if len(self._sessions) >= self._max_sessions:
            oldest = min(self._sessions.values(), key=lambda each: each.last_used)
            self.end(oldest)
        now = self._seconds()
        token = self._new_token().encode("ascii")
        session = OperatorSession(token, self._new_token(), client, now, now, now)
        self._sessions[token] = session
        return session

    def find(self, token: bytes) -> OperatorSession | None:
        """The session of ``token``, which counts as used now; an expired one ends."""
        session = self._sessions.get(token)
        if session is None:
            return None
        now = self._seconds()
        if self._is_expired(session, now):
            self.end(session)
            return None
        session.last_used = now
        return session

    def prove(self, session: OperatorSession) -> None:
        """The password was given again."""
        session.proven = self._seconds()

    def fresh_for(self, session: OperatorSession) -> float:
        """Seconds for which the password need not be given again; 0: it must."""
        return max(0.0, session.proven + self._fresh - self._seconds())

    def expires_in(self, session: OperatorSession) -> float:
        """Seconds until it ends if nothing more is asked by it."""
        now = self._seconds()
        ends = min(session.last_used + self._idle, session.created + self._absolute)
        return max(0.0, ends - now)

    def end(self, session: OperatorSession) -> None:
        """End it and what lives by it; nothing happens if it has ended before."""
        if session.ended:
            return
        session.ended = True
        self._sessions.pop(session.token, None)
        streams = list(session.streams)
        session.streams.clear()
        with ExitStack() as each_of_them:
            for stream in streams:
                each_of_them.callback(stream.abort)

    def end_all(self) -> None:
        """End every session: the password is another one now."""
        with ExitStack() as each_of_them:
            for session in list(self._sessions.values()):
                each_of_them.callback(self.end, session)

    def sweep(self) -> None:
        """End what has expired; to be called every minute or so."""
        now = self._seconds()
        for session in list(self._sessions.values()):
            if self._is_expired(session, now):
                self.end(session)

    def _is_expired(self, session: OperatorSession, now: float) -> bool:
        return (
            now - session.last_used > self._idle
            or now - session.created > self._absolute
        )
