"""The operator's side of the server: sessions, API, metrics; made and kept running."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from klein import Klein
from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from cfos_cloud.metrics import HandshakeMetrics, RequestMetrics, TunnelMetrics
from cfos_cloud.pages import Pages
from cfos_cloud.server.bounds import Bounds
from cfos_cloud.server.gauges import gauges_of
from cfos_cloud.server.key_side import KeySide
from cfos_cloud.server.parts import ServerParts
from cfos_cloud.server.reactor_lag import ReactorLag
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.session import TunnelSession
from cfos_cloud.web.admin.page import AdminPages
from cfos_cloud.web.admin.parts import AdminKeys, AdminParts
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.backup import BackupResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.cloud_data import CloudData
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.history import HistoryResource
from cfos_cloud.web.api.live import LiveResource
from cfos_cloud.web.api.live_hub import Live
from cfos_cloud.web.api.loglevel import LogLevelResource
from cfos_cloud.web.api.metrics import MetricsResource, Sources
from cfos_cloud.web.api.operator_api import (
    BASE,
    BROWSERS,
    OPERATORS,
    OperatorAPI,
    key_authorizers,
    operator_authorizers,
)
from cfos_cloud.web.api.resources import OperatorResources
from cfos_cloud.web.api.routes import APIResource, mount
from cfos_cloud.web.api.session import SessionResource
from cfos_cloud.web.api.settings import SettingsResource
from cfos_cloud.web.api.status import StatusParts, StatusResource
from cfos_cloud.web.api.system_access import SystemAccessResource
from cfos_cloud.web.api.system_import import SystemImport
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.api.tables import TablesResource
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.login import OperatorLogin
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.session import OperatorSessions
from cfos_cloud.web.public_address import PublicAddress

SWEEP_SECONDS = 60.0


class OperatorSide(Service):
    """
    :ivar sessions: of the admin page.
    :ivar login: the way to one.
    :ivar api: to be mounted at ``/cloud/api/v1``.
    :ivar cloud_data: to be mounted at ``/api/json``.
    :ivar metrics: to be mounted at ``/cloud/metrics``.
    """

    def __init__(
        self,
        parts: ServerParts,
        requests: RequestMetrics,
        handshakes: HandshakeMetrics,
        throttles: Mapping[str, Throttle],
        keys: KeySide,
        bounds: Bounds,
        *,
        own_port: bool = False,
    ) -> None:
        """
        :param bounds: told where the operator is, and asked for the metrics.
        :param throttles: those of who logs in elsewhere, for the metrics.
        :param own_port: whether browsers of systems have another one.
        """
        self._parts = parts
        stores = parts.stores
        self._bounds = bounds
        throttle = Throttle(parts.seconds)
        self.sessions = OperatorSessions(parts.seconds)
        self.password = OperatorPassword(
            stores.operator,
            throttle,
            stores.events,
            bounds.known.operator_came,
        )
        self.login = OperatorLogin(self.password, self.sessions, stores.events)
        self.live = Live(stores.systems, parts.exchange, parts.clock)
        self._authorizers = {
            **operator_authorizers(
                self.password,
                self.sessions,
                stores.events,
                parts.seconds,
                keys.bearers,
            ),
            **key_authorizers(keys.admins, keys.bearers),
        }
        self._lag = ReactorLag(parts.clock, parts.seconds)
        self._sweep = LoopingCall(self.sessions.sweep)
        self._sweep.clock = parts.clock
        self._tunnels = TunnelMetrics()
        self._listen()
        self._resources = self._make_resources()
        self.key_resources = keys.resources(self.password)
        self._cloud_data = CloudData(
            self._resources.systems, self._resources.events, self._resources.live
        )
        self.cloud_data = self._cloud_data.resource(self._authorizers)
        self.api = self._make_api(BROWSERS if own_port else ())
        self.metrics = self._make_metrics(
            requests,
            handshakes,
            {**throttles, "operator": throttle, "keys": keys.throttle},
        )

    def api_of_browsers(self) -> APIResource:
        """What remains of the API on the port of browsers when this has its own."""
        return self._make_api(OPERATORS)

    def admin_pages(
        self, pages: Pages, signing_key: bytes, address: PublicAddress
    ) -> AdminPages:
        """``/ui/<lang>/cloud-admin.htm``, which asks the same resources."""
        parts, resources = self._parts, self._resources
        cloud_keys = self.key_resources.cloud_keys
        signing_keys = self.key_resources.signing_keys
        keys = AdminKeys(
            list_all=cloud_keys.list_all,
            add=cloud_keys.add,
            authorise=cloud_keys.authorise,
            revoke=cloud_keys.revoke,
            list_signing=signing_keys.list_all,
            rotate=signing_keys.rotate,
            drop=signing_keys.drop,
        )
        admin = AdminParts(
            systems=resources.systems,
            access=resources.access,
            tables=resources.tables,
            history=resources.history,
            events=resources.events,
            status=resources.status,
            settings=resources.settings,
            certificate=resources.certificate,
            password=resources.password,
            loglevel=resources.loglevel,
            session=resources.session,
            keys=keys,
            sessions=self.sessions,
            login=self.login,
            password_fixed=lambda: parts.stores.operator.fixed,
            now=parts.now,
            address=address,
        )
        return AdminPages(admin, pages, signing_key)

    def startService(self) -> None:
        super().startService()
        self._lag.startService()
        self._sweep.start(SWEEP_SECONDS, now=False)

    def stopService(self) -> None:
        super().stopService()
        self._lag.stopService()
        if self._sweep.running:
            self._sweep.stop()
        self.live.end_all()

    def _make_api(self, without: Collection[Needs]) -> APIResource:
        api = OperatorAPI(
            [*self._resources, *self.key_resources],
            self._authorizers,
            without=without,
            elsewhere=[self._cloud_data],
        )
        return api.resource()

    def _make_resources(self) -> OperatorResources:
        parts, stores = self._parts, self._parts.stores
        systems, exchange, events = stores.systems, parts.exchange, stores.events
        importer = SystemImport(systems, parts.verifiers)
        status = StatusParts(
            systems,
            exchange,
            parts.sessions,
            parts.health,
            parts.certificates,
            parts.now,
        )
        return OperatorResources(
            systems=SystemsResource(systems, exchange, parts.verifiers, BASE),
            access=SystemAccessResource(systems, exchange, parts.verifiers, events),
            tables=TablesResource(systems, exchange, importer, parts.clock),
            history=HistoryResource(systems, stores.connections, parts.time_of_day),
            events=EventsResource(events),
            live=LiveResource(self.live, parts.clock),
            status=StatusResource(status),
            settings=SettingsResource(stores.site_settings, stores.preferences),
            certificate=CertificateResource(parts.certificates, events),
            password=AdminPasswordResource(stores.operator, self.password),
            backup=BackupResource(stores.backups, parts.time_of_day, events),
            loglevel=LogLevelResource(parts.level, events),
            session=SessionResource(self.sessions, self.password, self.login),
        )

    def _make_metrics(
        self,
        requests: RequestMetrics,
        handshakes: HandshakeMetrics,
        throttles: Mapping[str, Throttle],
    ) -> APIResource:
        gauges = gauges_of(
            self._parts, self.sessions, self.live, lambda: self._lag.longest
        )
        sources = Sources(
            requests,
            self._tunnels,
            handshakes,
            self._parts.exchange,
            throttles,
            {**gauges, **self._bounds.gauges},
            self._bounds.refusals,
        )
        app = Klein()
        mount(app, [MetricsResource(sources)], self._authorizers)
        return APIResource(app)

    def _listen(self) -> None:
        parts = self._parts
        parts.stores.systems.subscribe(self.live.system_changed)
        parts.stores.events.subscribe(self.live.event_happened)
        parts.exchange.when_up(self._came_up)
        parts.exchange.when_lost(self._lost)
        parts.stores.operator.when_changed(self._password_changed)

    def _came_up(self, session: TunnelSession) -> None:
        self._tunnels.opened += 1
        self.live.tunnel_came_up(session)

    def _lost(self, session: TunnelSession) -> None:
        self._tunnels.closed += 1
        self._tunnels.bytes_in += session.bytes_in
        self._tunnels.bytes_out += session.bytes_out
        self.live.tunnel_was_lost(session)

    def _password_changed(self) -> None:
        self.sessions.end_all()
        self.live.end_all()
