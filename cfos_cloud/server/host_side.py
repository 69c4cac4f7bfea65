"""Hosts of devices at the server: how a session gets there, and our pages on them."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import IResource
from twisted.web.server import Site

from cfos_cloud.gateway.handover import CODE_SECONDS, Handovers
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.sessions import Ending, SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.registry import Systems
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.hosts.landing import OwnOrigins, Places
from cfos_cloud.web.hosts.pages import HostPages, HostParts
from cfos_cloud.web.keys.page import KeysPages
from cfos_cloud.web.login.landing import Entrance
from cfos_cloud.web.overview.page import OverviewPages
from cfos_cloud.web.root import make_device_root
from cfos_cloud.web.session_state import SessionState


@dataclass(frozen=True)
class SharedPages:
    """
    Our pages that are on the hosts of devices, too.

    :ivar api: what of it browsers need.
    """

    common: CommonPages
    api: IResource
    health: IResource
    state: SessionState
    keys: KeysPages
    overview: OverviewPages


class HostSide(Service):
    """
    :ivar landing: where log-ins lead to.
    :ivar handovers: how sessions get there.

    :param hosts: not one for all.
    :param login_key: that of the log-in page, which is remembered on all hosts alike.
    """

    def __init__(
        self,
        hosts: Hosts,
        sessions: SessionTable,
        systems: Systems,
        login_key: bytes,
        clock: IReactorTime,
    ) -> None:
        self.handovers = Handovers(
            clock.seconds, lambda session: sessions.end(session, Ending.EXPIRED)
        )
        entrance = Entrance(sessions, KnownBrowsers(login_key))
        self.landing = OwnOrigins(Places(hosts), self.handovers, entrance)
        self._parts = HostParts(
            self.landing, self.handovers, sessions, systems, Csrf(login_key)
        )
        self._sweep = LoopingCall(self.handovers.sweep)
        self._sweep.clock = clock

    def site(self, pages: Pages, shared: SharedPages) -> Site:
        """All of our pages on such a host."""
        root = make_device_root(
            HostPages(self._parts, pages),
            shared.common,
            shared.api,
            shared.health,
            shared.state,
            shared.keys,
            shared.overview,
        )
        # Our pages read their forms themselves.
        return Site(root, parsePOSTFormSubmission=False)

    def startService(self) -> None:
        super().startService()
        self._sweep.start(CODE_SECONDS, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._sweep.running:
            self._sweep.stop()
