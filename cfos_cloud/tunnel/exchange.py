"""Who is online: the tunnels that are up, by Cloud ID."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cfos_cloud.cloud_id import fold

if TYPE_CHECKING:
    from cfos_cloud.tunnel.session import TunnelSession


@dataclass(frozen=True)
class Presence:
    """How a system stands now; the counts are those of its present connection."""

    online: bool
    since: datetime | None = None
    agent: str | None = None
    client: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0


OFFLINE = Presence(online=False)

SessionListener = Callable[["TunnelSession"], None]


class Exchange:
    """
    One session a Cloud ID: a newcomer that proved the password replaces the old one
    at once.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, TunnelSession] = {}
        #: Proven, and not yet greeted: they can be dismissed, not used.
        self._greeting: set[TunnelSession] = set()
        self._up: list[SessionListener] = []
        self._lost: list[SessionListener] = []
        self._revoked: list[Callable[[str, str], None]] = []

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[TunnelSession]:
        return iter(list(self._sessions.values()))

    def when_up(self, listener: SessionListener) -> None:
        """Call ``listener`` with each session that comes up."""
        self._up.append(listener)

    def when_lost(self, listener: SessionListener) -> None:
        """Call ``listener`` with each session that is over, replaced ones too."""
        self._lost.append(listener)

    def when_revoked(self, listener: Callable[[str, str], None]) -> None:
        """Call ``listener`` with Cloud ID and grant that a device takes back."""
        self._revoked.append(listener)

    def session(self, cloud_id: str) -> TunnelSession | None:
        """The tunnel of ``cloud_id`` (in any case), if it is up."""
        return self._sessions.get(fold(cloud_id))

    def presence(self, cloud_id: str) -> Presence:
        """How ``cloud_id`` stands now."""
        session = self.session(cloud_id)
        if session is None:
            return OFFLINE
        return Presence(
            online=True,
            since=session.since,
            agent=session.agent,
            client=session.client,
            bytes_in=session.bytes_in,
            bytes_out=session.bytes_out,
        )

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool:
        """
        Tell the device why, and cut its tunnel and all streams at once.

        :returns: whether there was one.
        """
        for early in list(self._greeting):
            if fold(early.cloud_id) == fold(cloud_id):
                early.dismiss(reason, retry_after)
        session = self._sessions.get(fold(cloud_id))
        if session is None:
            return False
        session.dismiss(reason, retry_after)
        return True

    # from the sessions

    def greeting(self, session: TunnelSession, *, over: bool) -> None:
        """``session`` is proven and has to say hello, or this is over."""
        (self._greeting.discard if over else self._greeting.add)(session)

    def session_up(self, session: TunnelSession) -> None:
        """``session`` has said hello: it is the system's tunnel from now on."""
        key = fold(session.cloud_id)
        old = self._sessions.get(key)
        self._sessions[key] = session
        if old is not None:
            old.dismiss("replaced")
        for listener in self._up:
            listener(session)

    def session_over(self, session: TunnelSession) -> None:
        """``session`` takes no more streams."""
        key = fold(session.cloud_id)
        if self._sessions.get(key) is session:
            del self._sessions[key]
        for listener in self._lost:
            listener(session)

    def grant_revoked(self, session: TunnelSession, grant: str) -> None:
        """The device of ``session`` has taken back ``grant``."""
        for listener in self._revoked:
            listener(session.cloud_id, grant)
