"""The devices of a site: a pool of connections to each, and how they stand."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from twisted.application.service import Service
from twisted.internet.endpoints import HostnameEndpoint

from cfos_cloud.cloud_id import fold
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.settings import DeviceSettings
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.device.target_probe import TargetProbes
from cfos_cloud.device.target_report import SiteReport
from cfos_cloud.device.targets import Targets
from cfos_cloud.device.users import ADMIN, Users
from cfos_cloud.tunnel.control import JSONObject

#: Seconds that a connection to a target may take.
TARGET_CONNECT_SECONDS = 10.0


class SiteTargets:
    """
    ``--target``, and each ``--also``.

    :param make_main: the main device's side, with what belongs to that one only: its
        own credential, say. It gets the pool, and the device's origin.
    :param report: gets each ``status`` for the server.
    :ivar targets: chooses among them.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        reactor: Any,
        make_main: Callable[[TargetPool, bytes], TargetSide],
        report: Callable[[JSONObject], object],
        seconds: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._report = SiteReport(report, seconds)
        self._pools: list[TargetPool] = []
        main = make_main(self._pool(settings.target, None), _text(settings.target))
        further = {
            each.name: TargetSide(
                self._pool(each.origin, each.name), _text(each.origin), takes_own=False
            )
            for each in settings.also
        }
        self.targets = Targets(main, fold(settings.cloud_id), MappingProxyType(further))

    def probes(self) -> Service | None:
        """
        Looks at all of them, where there are several for people to choose from; else
        whoever asks for the one sees how it stands.
        """
        several = len(self._pools) > 1
        return TargetProbes(self._pools, self._reactor) if several else None

    def names_for(self, role: str, user: str, users: Users) -> tuple[str, ...]:
        """The further devices that somebody may use, as ``users`` are now."""
        names = tuple(self.targets.further)
        if role == ADMIN:
            return names
        allowed = users.devices.get(user, frozenset())
        return tuple(name for name in names if name in allowed)

    @property
    def status(self) -> JSONObject:
        """How they stand now, as the server is told."""
        return self._report.status

    def tell(self) -> None:
        """A server listens that knows nothing yet."""
        self._report.tell()

    def close(self) -> None:
        """Close connections that nobody uses; the rest end with their requests."""
        for pool in self._pools:
            pool.close()

    def _pool(self, origin: Origin, name: str | None) -> TargetPool:
        pool = TargetPool(
            HostnameEndpoint(
                self._reactor, origin.host, origin.port, timeout=TARGET_CONNECT_SECONDS
            ),
            self._reactor,
            max_connections=self._settings.max_connections,
            target_state=self._report.add(str(origin), name).attempted,
        )
        self._pools.append(pool)
        return pool


def _text(origin: Origin) -> bytes:
    return str(origin).encode("ascii")
