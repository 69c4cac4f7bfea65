"""What ends when a system is removed, disabled, or has another password or mode."""

from __future__ import annotations

from collections.abc import Callable

from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.registry import SystemChange
from cfos_cloud.registry.system import ChangeKind
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.web.api.system_access import RETRY_AFTER


class Endings:
    """
    Listens to changes of systems.

    :param end_accesses: ends what a system's access keys have open.
    """

    def __init__(
        self,
        exchange: Exchange,
        sessions: SessionTable,
        end_accesses: Callable[[str], object],
    ) -> None:
        self._exchange = exchange
        self._sessions = sessions
        self._end_accesses = end_accesses

    def system_changed(self, change: SystemChange) -> None:
        """After the change is kept, before it is answered."""
        cloud_id = change.system.cloud_id
        if change.kind is ChangeKind.REMOVED:
            self._exchange.disconnect(cloud_id, "removed")
            self._end_ways_in(cloud_id)
        elif change.disabled:
            self._exchange.disconnect(cloud_id, "disabled")
            self._end_ways_in(cloud_id)
        elif change.closed_to_us:
            self._end_ways_in(cloud_id)
        elif change.password_changed:
            # Whoever is there knows the old one, which may be why it was changed.
            self._exchange.disconnect(cloud_id, "shutdown", RETRY_AFTER)

    def _end_ways_in(self, cloud_id: str) -> None:
        self._sessions.end_system(cloud_id)
        self._end_accesses(cloud_id)
