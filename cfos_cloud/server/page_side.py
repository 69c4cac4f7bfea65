"""Our own pages at the server: which there are, and on which hosts and ports."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.application.service import MultiService
from twisted.web.resource import IResource
from twisted.web.server import Site

from cfos_cloud.gateway.further_sessions import FurtherSessions
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.pages import Pages
from cfos_cloud.server.host_side import HostSide, SharedPages
from cfos_cloud.server.key_side import KeySide
from cfos_cloud.server.operator_side import OperatorSide
from cfos_cloud.server.parts import ServerParts
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.overview.page import OverviewPages
from cfos_cloud.web.overview.parts import OverviewParts
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.root import make_admin_root, make_root
from cfos_cloud.web.session_state import SessionState


@dataclass(frozen=True)
class Addresses:
    """
    Where pages are.

    :ivar hosts: of devices.
    :ivar own: of the server, as people know it; ``for_operator``: as its page tells
        device ends.
    :ivar has_admin_port: the operator's pages are nowhere else.
    """

    hosts: Hosts
    own: PublicAddress
    for_operator: PublicAddress
    has_admin_port: bool


class PageSide(MultiService):
    """
    :ivar main: all on the server's own host.
    :ivar on_devices: those on the hosts of devices, if these have any.
    :ivar on_admin_port: those on the operator's own port, if there is one.

    :param throttle: of log-ins.
    """

    def __init__(
        self,
        parts: ServerParts,
        operator: OperatorSide,
        keys: KeySide,
        addresses: Addresses,
        throttle: Throttle,
        secret: ServerSecret,
        pages: Pages,
    ) -> None:
        super().__init__()
        self._parts = parts
        self._addresses = addresses
        self._login_key = secret.derive("log-in")
        self._host_side = self._make_host_side()
        common, overview = CommonPages(pages), self._make_overview(pages)
        state = SessionState(
            parts.sessions, parts.stores.systems, parts.exchange, pages
        )
        key_pages = keys.pages(
            operator.key_resources, pages, addresses.own, parts.certificates
        )
        admin = operator.admin_pages(
            pages, secret.derive("operator's log-in"), addresses.for_operator
        )
        login = self._make_login(keys, throttle, pages)
        is_shared = not addresses.has_admin_port
        root = make_root(
            login,
            common,
            operator.api if is_shared else operator.api_of_browsers(),
            parts.health,
            state,
            metrics=operator.metrics if is_shared else None,
            admin_pages=admin if is_shared else None,
            keys_pages=key_pages,
            cloud_data=operator.cloud_data,
            overview=overview,
        )
        self.main = _site(root)
        self.on_devices: Site | None = None
        if self._host_side is not None:
            shared = SharedPages(
                common,
                operator.api_of_browsers(),
                parts.health,
                state,
                key_pages,
                overview,
            )
            self.on_devices = self._host_side.site(pages, shared)
        self.on_admin_port: Site | None = None
        if not is_shared:
            self.on_admin_port = _site(
                make_admin_root(
                    common,
                    operator.api,
                    parts.health,
                    operator.metrics,
                    admin,
                    operator.cloud_data,
                )
            )

    def _make_host_side(self) -> HostSide | None:
        if self._addresses.hosts.is_shared:
            return None
        parts = self._parts
        side = HostSide(
            self._addresses.hosts,
            parts.sessions,
            parts.stores.systems,
            self._login_key,
            parts.clock,
        )
        side.setServiceParent(self)
        return side

    def _make_login(
        self, keys: KeySide, throttle: Throttle, pages: Pages
    ) -> LoginPages:
        parts, host_side = self._parts, self._host_side
        return LoginPages(
            Authenticator(parts.exchange, parts.sessions, parts.clock),
            parts.sessions,
            parts.stores.systems,
            throttle,
            self._login_key,
            parts.clock,
            pages,
            parts.stores.events,
            keys=keys.logins,
            address=None if host_side is None else self._addresses.own,
            landing=None if host_side is None else host_side.landing,
        )

    def _make_overview(self, pages: Pages) -> OverviewPages:
        parts, host_side = self._parts, self._host_side
        of_devices = OverviewParts(
            parts.sessions,
            parts.stores.systems,
            parts.exchange,
            self._addresses.hosts,
            FurtherSessions(parts.sessions),
            Csrf(self._login_key),
            None if host_side is None else host_side.handovers,
        )
        return OverviewPages(of_devices, pages)


def _site(root: IResource) -> Site:
    # Our pages read their forms themselves.
    return Site(root, parsePOSTFormSubmission=False)
