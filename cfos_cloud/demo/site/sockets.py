"""What the site's two sockets answer: the same, to visitors told in other ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Site

from cfos_cloud.demo.site.access import Access, CloudAccess, LocalAccess
from cfos_cloud.demo.site.api_admin import CloudAPI, SettingsAPI, UsersAPI
from cfos_cloud.demo.site.api_live import LiveAPI
from cfos_cloud.demo.site.front import SiteFactory
from cfos_cloud.demo.site.hosts import HostRule, is_home_name, is_loopback
from cfos_cloud.demo.site.page_routes import PageRoutes
from cfos_cloud.demo.site.pages import SitePages
from cfos_cloud.demo.site.probes import Probes
from cfos_cloud.demo.site.routes import Routes
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.vendor import Vendor
from cfos_cloud.throttle import Throttle


@dataclass(frozen=True)
class Sockets:
    """
    :param local: of the local network, by HTTP Basic.
    :param cloud: for the site's own device end alone.
    """

    local: SiteFactory
    cloud: SiteFactory

    def close(self) -> None:
        """End all connections."""
        self.local.close()
        self.cloud.close()


def make_sockets(
    site: ChargingSite,
    pages: SitePages,
    clock: IReactorTime,
    now: Callable[[], float],
    door: str,
) -> Sockets:
    """
    Both, not listening yet.

    :param now: seconds since the epoch.
    :param door: what the site's own device end is known by.
    """
    throttle = Throttle(clock.seconds)
    shown = PageRoutes(site, pages)

    def make(access: Access, knows: HostRule) -> SiteFactory:
        resources = (
            LiveAPI(site),
            UsersAPI(site, shown.created_page),
            SettingsAPI(site),
            CloudAPI(site, clock),
            Vendor(site, access, throttle),
            Probes(clock, now),
            shown,
        )
        routes = Routes(
            access, resources, lambda: site.firmware.away_for, shown.error_page
        )
        return SiteFactory(site, access, Site(routes.resource()), clock, knows)

    return Sockets(
        make(LocalAccess(site.accounts, throttle), is_home_name),
        make(CloudAccess(door), is_loopback),
    )
