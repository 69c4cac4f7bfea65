"""Log-in by an access key, which asks no device: the key is its consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.gateway.access import Abortable
from cfos_cloud.gateway.login import LoginFailed
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.web.login.throttled import Throttled


class FoundKey(Interface):
    """An access key that works now, and what ends with it."""

    @property
    def key(self) -> AccessKey: ...

    @property
    def grant(self) -> str: ...

    @property
    def streams(self) -> set[Abortable]: ...


class KeyFinder(Interface):
    """Where keys are found by their tokens; ``KeyAccesses`` is one."""

    def find(self, token: bytes, client: str) -> FoundKey:
        """:raises KeyRefused: it does not work, or its system is disabled."""


class KeyLogins:
    """
    Opens sessions for who has an access key with the role ``admin`` of a system; each
    ends with its key. The device may be offline.

    :param throttle: of those who present keys.
    """

    def __init__(
        self,
        finder: KeyFinder,
        sessions: SessionTable,
        throttle: Throttle,
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._finder = finder
        self._sessions = sessions
        self._throttle = throttle
        self._events = events
        self._ends: dict[bytes, tuple[FoundKey, _SessionEnd]] = {}
        sessions.subscribe(self._session_ended)

    def log_in(self, token: bytes, client: str, language: str | None) -> Session:
        """
        A new session, whose user is the key's name.

        :param client: the address of who asks; failures are charged to it.
        :raises LoginFailed: for whatever reason; all are to look the same.
        :raises Throttled: as well, but there were too many before. Who has a key that
            works never waits: a signature of 256 bits can't be guessed.
        """
        # Not the name under which people give secrets for keys: a browser that tries
        # an old key again and again is in their household, mostly.
        source = (f"log-in {source_key(client)}",)
        try:
            found, cloud_id = self._find(token, client)
        except LoginFailed as failed:
            wait = self._throttle.wait(source)
            if wait > 0:
                raise Throttled(wait, None) from failed
            self._throttle.failed(source)
            raise
        key = found.key
        session = self._sessions.create(
            cloud_id, found.grant, key.role.value, key.name, client, language, key.id
        )
        end = _SessionEnd(self._sessions, session)
        self._ends[session.token] = found, end
        found.streams.add(end)
        by = Origin(f"key:{key.name}", client)
        self._events.note(EventKind.LOGGED_IN, by, cloud_id)
        return session

    def _find(self, token: bytes, client: str) -> tuple[FoundKey, str]:
        try:
            found = self._finder.find(token, client)
        except KeyRefused as refused:
            cloud_id = None if refused.key is None else refused.key.cloud_id
            raise LoginFailed(f"access key: {refused.reason}", cloud_id) from refused
        key = found.key
        if key.cloud_id is None:
            raise LoginFailed("access key: of no system")
        if key.role is not Role.ADMIN:
            raise LoginFailed(f"access key: role {key.role.value}", key.cloud_id)
        return found, key.cloud_id

    def _session_ended(self, session: Session, ending: Ending) -> None:
        ended = self._ends.pop(session.token, None)
        if ended is not None:
            found, end = ended
            found.streams.discard(end)


@dataclass(frozen=True, eq=False)
class _SessionEnd:
    """Stands for a session among what ends with its key."""

    sessions: SessionTable
    session: Session

    def abort(self) -> None:
        self.sessions.end(self.session, Ending.KEY_ENDED)
