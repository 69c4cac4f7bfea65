"""Keeps in the registry when each system was seen, and how much it moved."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.registry import Systems
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession

#: Seconds between records of a tunnel that stays up: a server that is killed
#: knows of its systems to within this.
INTERVAL = 300.0


class ConnectionRecorder(Service):
    """Records tunnels as they come up, while they last and as they end."""

    log = Logger()

    def __init__(
        self, exchange: Exchange, systems: Systems, clock: IReactorTime
    ) -> None:
        self._exchange = exchange
        self._systems = systems
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
            self._record(session, 0, 0)

    def _came_up(self, session: TunnelSession) -> None:
        self._record(session, 0, 0)

    def _ended(self, session: TunnelSession) -> None:
        # While it is up, its bytes are counted by its presence.
        self._record(session, session.bytes_in, session.bytes_out)

    def _record(self, session: TunnelSession, bytes_in: int, bytes_out: int) -> None:
        self._systems.record_connection(
            session.cloud_id,
            last_seen=datetime.now(UTC),
            agent=session.agent,
            client=session.client,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        ).addErrback(
            lambda failure: self.log.error(
                "the connection of {cloud_id} is not recorded: {why}",
                cloud_id=session.cloud_id,
                why=failure.getErrorMessage(),
            )
        )
