"""Keeps in the registry each tunnel: that it came, how much it moved, why it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from cfos_cloud.events import EventKind, EventLog, Origin
from cfos_cloud.registry import TunnelRecord
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession

#: Seconds between records of a tunnel that stays up: a server that is killed knows
#: of those that are busy to within this.
INTERVAL = 30.0


class ConnectionStore(Protocol):
    """Where connections are kept; ``Connections`` is one."""

    def record(self, tunnel: TunnelRecord) -> None: ...


class ConnectionRecorder(Service):
    """Records tunnels as they come up, while they last and as they end."""

    def __init__(
        self,
        exchange: Exchange,
        connections: ConnectionStore,
        events: EventLog,
        clock: IReactorTime,
    ) -> None:
        self._exchange = exchange
        self._connections = connections
        self._events = events
        self._clock = clock
        self._loop = LoopingCall(self._record_all)
        self._loop.clock = clock
        exchange.when_up(self._came_up)
        exchange.when_lost(self._ended)

    def startService(self) -> None:
        super().startService()
        self._loop.start(INTERVAL, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def _record_all(self) -> None:
        for session in self._exchange:
            self._record(session)

    def _came_up(self, session: TunnelSession) -> None:
        self._record(session)
        self._note(EventKind.CONNECTED, session, session.agent)

    def _ended(self, session: TunnelSession) -> None:
        self._record(session, is_over=True)
        self._note(EventKind.DISCONNECTED, session, session.ending)

    def _record(self, session: TunnelSession, *, is_over: bool = False) -> None:
        now = datetime.fromtimestamp(self._clock.seconds(), UTC)
        self._connections.record(
            TunnelRecord(
                session=session.session_id,
                cloud_id=session.cloud_id,
                started=session.since,
                seen=now,
                agent=session.agent,
                client=session.client,
                bytes_in=session.bytes_in,
                bytes_out=session.bytes_out,
                ended=now if is_over else None,
                reason=session.ending if is_over else None,
            )
        )

    def _note(self, kind: EventKind, session: TunnelSession, why: str | None) -> None:
        by = Origin("device", session.client)
        self._events.note(kind, by, session.cloud_id, why or "")
