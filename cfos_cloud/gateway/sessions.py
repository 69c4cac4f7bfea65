"""Who is logged in: browser sessions, found by the token in their cookie."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.access import Abortable
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.tunnel.devices import NamedDevice

#: Seconds without a request after which a session ends.
IDLE = 24 * 3600.0
#: Seconds after its start at which a session ends in any case.
ABSOLUTE = 30 * 24 * 3600.0
#: Sessions in all; one more ends the one that was unused for longest.
MAX_SESSIONS = 100_000
#: Sessions of one system, so that nobody's log-ins end other systems' sessions.
MAX_SESSIONS_PER_SYSTEM = 250
#: Sessions of one access key, so that whoever has stolen it can't end those of people.
MAX_SESSIONS_PER_KEY = 10


class Ending(Enum):
    """Why a session ended."""

    LOGGED_OUT = "logged out"
    #: The same browser has logged in again.
    REPLACED = "replaced"
    EXPIRED = "expired"
    #: To make room for newer ones.
    EVICTED = "evicted"
    #: The device has revoked the grant.
    REVOKED = "revoked"
    #: The access key that it was opened by has ended.
    KEY_ENDED = "key ended"
    #: The system was removed or disabled, or its TLS ends at its device now.
    SYSTEM_GONE = "system gone"


@dataclass(slots=True, eq=False)
class Session:
    """
    One log-in of one browser; times are those of the table's clock.

    Who carries a request of this session adds itself to ``streams`` in the turn in
    which :meth:`SessionTable.find` gave the session, or after a look at ``ended``,
    and takes itself out when done.
    """

    for_people: ClassVar[bool] = True

    #: 256 random bits, base64url; never logged.
    token: bytes = field(repr=False)
    #: As the registry spells it.
    cloud_id: str
    #: The device's name for this log-in; never logged.
    grant: str = field(repr=False)
    #: ``admin`` or ``user``.
    role: str
    user: str
    #: The address that logged in.
    client: str
    created: float
    last_used: float
    #: The language of the page that logged in.
    language: str | None = None
    #: ID of the access key that it was opened by, instead of a password.
    key_id: str | None = None
    #: The one host where it is good, once it was handed over to it; ``None`` where
    #: there is one host for all.
    host: DeviceHost | None = None
    #: Further devices of the site that it may use, as the device said then.
    devices: tuple[NamedDevice, ...] = ()
    #: Whether it lives by another one, see :mod:`~cfos_cloud.gateway.further_sessions`.
    is_further: bool = False
    streams: set[Abortable] = field(default_factory=set, repr=False)
    ended: bool = False

    @property
    def manages_keys(self) -> bool:
        """
        Whether the device's admin password has opened it, and no key; and not on the
        host of a further device, whose pages could use it: keys, and what else the
        admin looks after, are the whole site's.
        """
        by_password = self.role == "admin" and self.key_id is None
        return by_password and self.device is None

    @property
    def leads_further(self) -> bool:
        """
        Whether who has its token can open other devices of the site. (At a device's
        own door only by the session on the main device's host.)
        """
        by_key = self.key_id is not None  # of which the device has said nothing
        return self.is_further or by_key or bool(self.devices)

    @property
    def device(self) -> str | None:
        """The further device of the site that it is for; ``None``: the main one."""
        return None if self.host is None else self.host.name


def _new_token() -> bytes:
    return secrets.token_urlsafe(32).encode()


class SessionTable:
    """
    All sessions of this process. ``seconds`` is the clock; ``idle`` and ``absolute``
    are the time-outs in seconds.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        idle: float = IDLE,
        absolute: float = ABSOLUTE,
        max_sessions: int = MAX_SESSIONS,
        max_per_system: int = MAX_SESSIONS_PER_SYSTEM,
        new_token: Callable[[], bytes] = _new_token,
    ) -> None:
        #: Both may change; what counts is how they are when it is looked.
        self.absolute = absolute
        self.idle = idle
        self._seconds = seconds
        self._max_sessions = max_sessions
        self._max_per_system = max_per_system
        self._new_token = new_token
        self._sessions: dict[bytes, Session] = {}
        self._by_system: dict[str, dict[bytes, Session]] = {}
        self._listeners: list[Callable[[Session, Ending], None]] = []

    def __len__(self) -> int:
        """How many sessions there are, expired ones included until a sweep."""
        return len(self._sessions)

    def subscribe(self, listener: Callable[[Session, Ending], None]) -> None:
        """Call ``listener`` with every session that ends, after its streams did."""
        self._listeners.append(listener)

    def create(
        self,
        cloud_id: str,
        grant: str,
        role: str,
        user: str,
        client: str,
        language: str | None = None,
        key_id: str | None = None,
        devices: tuple[NamedDevice, ...] = (),
        *,
        is_further: bool = False,
    ) -> Session:
        """
        A new session; where a bound is reached, the least used one ends: of the same
        key, or of a system one that a key has opened rather than a password, and of
        whoever has most of them, so that nobody logs out others by logging in.
        """
        of_system = self.of_system(cloud_id)
        of_key = [] if key_id is None else [s for s in of_system if s.key_id == key_id]
        if len(of_key) >= MAX_SESSIONS_PER_KEY:
            self._evict(of_key)
        elif len(of_system) >= self._max_per_system:
            self._evict_of_system(of_system)
        elif len(self._sessions) >= self._max_sessions:
            self._evict(list(self._sessions.values()))
        now = self._seconds()
        session = Session(
            self._new_token(),
            cloud_id,
            grant,
            role,
            user,
            client,
            now,
            now,
            language,
            key_id,
            devices=devices,
            is_further=is_further,
        )
        self._sessions[session.token] = session
        self._by_system.setdefault(fold(cloud_id), {})[session.token] = session
        return session

    def find(self, token: bytes, host: DeviceHost | None = None) -> Session | None:
        """
        The session of ``token``, which counts as used now; an expired one ends.

        :param host: that of the device on which it was presented. At another one than
            its own a session is none.
        """
        session = self._sessions.get(token)
        if session is None or session.host != host:
            return None
        now = self._seconds()
        if self._is_expired(session, now):
            self.end(session, Ending.EXPIRED)
            return None
        session.last_used = now
        return session

    def of_system(self, cloud_id: str) -> list[Session]:
        """The sessions of one system."""
        return list(self._by_system.get(fold(cloud_id), {}).values())

    def end(self, session: Session, ending: Ending = Ending.LOGGED_OUT) -> None:
        """
        End ``session``: its streams are aborted, then the listeners told. Every one
        of them is, even if one raises. Nothing happens if it has ended before.
        """
        if session.ended:
            return
        session.ended = True
        self._sessions.pop(session.token, None)
        system = fold(session.cloud_id)
        of_system = self._by_system.get(system, {})
        of_system.pop(session.token, None)
        if not of_system:
            self._by_system.pop(system, None)
        streams = list(session.streams)
        session.streams.clear()
        with ExitStack() as last_first:
            for listener in reversed(self._listeners):
                last_first.callback(listener, session, ending)
            for stream in streams:
                last_first.callback(stream.abort)

    def end_grant(self, cloud_id: str, grant: str) -> None:
        """The device has revoked ``grant``: its sessions end."""
        for session in self.of_system(cloud_id):
            if session.grant == grant:
                self.end(session, Ending.REVOKED)

    def end_system(self, cloud_id: str) -> None:
        """As for :attr:`Ending.SYSTEM_GONE`: all its sessions end."""
        for session in self.of_system(cloud_id):
            self.end(session, Ending.SYSTEM_GONE)

    def sweep(self) -> None:
        """
        End what has expired; to be called every minute or so. An open stream, a
        WebSocket say, is use: its session is not idle.
        """
        now = self._seconds()
        for session in list(self._sessions.values()):
            if session.streams:
                session.last_used = now
            if self._is_expired(session, now):
                self.end(session, Ending.EXPIRED)

    def _is_expired(self, session: Session, now: float) -> bool:
        return (
            now - session.last_used > self.idle or now - session.created > self.absolute
        )

    def _evict(self, candidates: list[Session]) -> None:
        def rank(each: Session) -> tuple[bool, float]:
            return each.key_id is None, each.last_used

        self.end(min(candidates, key=rank), Ending.EVICTED)

    def _evict_of_system(self, candidates: list[Session]) -> None:
        by_key = [each for each in candidates if each.key_id is not None]
        by_whom = Counter((each.role, each.user) for each in candidates)
        most = max(by_whom.values())
        self._evict(
            by_key
            or [each for each in candidates if by_whom[each.role, each.user] == most]
        )
