"""What a door needs for the further devices of its site; all parts are made here."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Site

from cfos_cloud.gateway.further_sessions import FurtherSessions
from cfos_cloud.gateway.handover import Handovers
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.sessions import Ending, SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.site_door.further_root import FurtherRoot
from cfos_cloud.site_door.hosts import SiteHosts
from cfos_cloud.site_door.landing import SiteLanding
from cfos_cloud.site_door.local_tunnel import OneSystem
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.hosts.landing import OwnOrigins, Places
from cfos_cloud.web.hosts.pages import HostPages, HostParts
from cfos_cloud.web.login.landing import Entrance
from cfos_cloud.web.overview.page import OverviewPages
from cfos_cloud.web.overview.parts import OverviewParts


class SitePages:
    """
    :ivar landing: where log-ins lead to.
    :ivar overview: the devices of the site.
    :ivar further: all of our pages on the host of a further device.
    :ivar handovers: how sessions get there; to be swept.

    :param login_key: that of the log-in page.
    """

    def __init__(
        self,
        hosts: SiteHosts,
        sessions: SessionTable,
        system: OneSystem,
        login_key: bytes,
        clock: IReactorTime,
        pages: Pages,
    ) -> None:
        self.handovers = Handovers(
            clock.seconds, lambda session: sessions.end(session, Ending.EXPIRED)
        )
        entrance = Entrance(sessions, KnownBrowsers(login_key))
        places, csrf = Places(hosts), Csrf(login_key)
        origins = OwnOrigins(places, self.handovers, entrance)
        further = FurtherSessions(sessions)
        self.landing = SiteLanding(hosts, origins, further)
        overview = OverviewParts(
            sessions,
            system,
            system,
            hosts,
            further,
            csrf,
            self.handovers,
        )
        self.overview = OverviewPages(overview, pages)
        host = HostParts(
            origins,
            self.handovers,
            sessions,
            system,
            csrf,
            takes_keys=False,
            end_to_end=True,
        )
        root = FurtherRoot(HostPages(host, pages), CommonPages(pages), places)
        # Our pages read their forms themselves.
        self.further = Site(root, parsePOSTFormSubmission=False)
