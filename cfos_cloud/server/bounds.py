"""What the server holds at most, of connections and of bytes, and who is told."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.buffered import Buffered
from cfos_cloud.gateway.client import Network, ProxyTrust
from cfos_cloud.listener.known_sources import KnownSources
from cfos_cloud.listener.places import ADMIN_ROOM, Places, Room
from cfos_cloud.registry.system import ChangeKind, SystemChange
from cfos_cloud.seldom import Seldom
from cfos_cloud.tunnel.exchange import Exchange

#: MiB that wait for who does not read, in the buffers of all connections together.
BUFFERED_MIB = 256
#: The part of them that strangers may have, who have neither a session nor a key.
STRANGERS_SHARE = 4
MIB = 1024 * 1024


#: Taken for a limit of open files where the system has none.
_ENDLESS = 2**20


def raise_file_limit() -> int:
    """
    Each tunnel and each browser is an open file: take as many as the system allows.

    :returns: how many that are.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENDLESS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY:
        return _ENDLESS
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


class SeenSystem(Interface):
    """Where the tunnel of a system came from last."""

    @property
    def cloud_id(self) -> str: ...

    @property
    def client(self) -> str | None: ...


class Bounds:
    """
    :ivar places: of everybody's port; ``admin_places`` of the operator's own.
    :ivar buffered: what waits on all connections and tunnels.
    """

    log = Logger()

    def __init__(
        self,
        room: Room,
        buffered_mib: int,
        proxies: Sequence[Network],
        seconds: Callable[[], float],
    ) -> None:
        trusted = ProxyTrust(proxies)
        self.known = KnownSources()
        self.buffered = Buffered(buffered_mib * MIB, told=self._shed)
        strangers = self.buffered.part(self.buffered.most // STRANGERS_SHARE)
        self.cut = 0

        def places(room: Room) -> Places:
            return Places(
                room,
                self.known,
                # A UNIX socket's clients have no address.
                lambda address: not address or trusted.trusts(address),
                strangers,
                seconds,
            )

        self.places, self.admin_places = places(room), places(ADMIN_ROOM)
        self._strangers = strangers
        self._seldom = Seldom(seconds)

    def follow(self, systems: Iterable[SeenSystem], exchange: Exchange) -> None:
        """Know where tunnels came from, and where they come from now on."""
        for system in systems:
            if system.client is not None:
                self.known.system_came(system.cloud_id, system.client)
        exchange.when_up(
            lambda session: self.known.system_came(session.cloud_id, session.client)
        )

    def system_changed(self, change: SystemChange) -> None:
        """A listener of the registry's."""
        if change.kind is ChangeKind.REMOVED:
            self.known.system_went(change.system.cloud_id)

    def tell(self, systems: int) -> None:
        """Write into the log what there is room for."""
        room = self.places.room
        self.log.info(
            "room for {connections} connections and {tunnels} tunnels",
            connections=room.connections,
            tunnels=room.tunnels,
        )
        if systems > room.tunnels:
            self.log.warn(
                "{systems} systems are more than the open files are enough for: raise "
                "their limit (LimitNOFILE, ulimit -n)",
                systems=systems,
            )

    @property
    def gauges(self) -> Mapping[str, tuple[str, Callable[[], float]]]:
        """What there is, and may be, by name: help and how to tell."""
        places, room, buffered = self.places, self.places.room, self.buffered
        return {
            "connections": (
                "Connections that are no tunnels",
                lambda: places.taken + self.admin_places.taken,
            ),
            "connections_limit": (
                "Connections for which there are places",
                lambda: room.connections,
            ),
            "tunnels_limit": ("Tunnels for which there are", lambda: room.tunnels),
            "buffered_bytes": (
                "Bytes that wait for who does not take them",
                lambda: buffered.size,
            ),
            "buffered_strangers_bytes": (
                "… of those, on connections without a session or a key",
                lambda: self._strangers.size,
            ),
            "buffered_limit_bytes": ("Bytes that may", lambda: buffered.most),
        }

    def refusals(self) -> Mapping[str, int]:
        """Who found no place, or lost it, by the bound."""
        refused = self.places.refused + self.admin_places.refused
        bounds = ("source", "total", "tunnels")
        return {**{each: refused[each] for each in bounds}, "bytes": self.cut}

    def _shed(self, limit: int) -> None:
        self.cut += 1
        passed = self._seldom.due("bytes")
        if passed is not None:
            self.log.warn(
                "cut off the newest of those for whom bytes wait: {limit} MiB may; "
                "{passed} more since the last such line",
                limit=limit // MIB,
                passed=passed,
            )
