"""The operator's side of the server: sessions, API, metrics; made and kept running."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from klein import Klein
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.logs import LogLevel
from cfos_cloud.metrics import HandshakeMetrics, RequestMetrics, TunnelMetrics
from cfos_cloud.pages import Pages
from cfos_cloud.registry import (
    Connections,
    Events,
    Operator,
    PreferenceStore,
    SiteSettings,
    Systems,
)
from cfos_cloud.registry.backup import Backups
from cfos_cloud.server.bounds import Bounds
from cfos_cloud.server.key_side import KeySide
from cfos_cloud.server.reactor_lag import ReactorLag
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession
from cfos_cloud.web.admin.page import AdminPages
from cfos_cloud.web.admin.parts import AdminKeys, AdminParts
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.backup import BackupResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.cloud_data import CloudData
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.health import Health
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
from cfos_cloud.workers import Worker

SWEEP_SECONDS = 60.0


@dataclass(frozen=True)
class ServerParts:
    """
    What the operator looks at and changes.

    :ivar verifiers: computes those of new Cloud passwords.
    :ivar seconds: a clock that nobody sets.
    :ivar now: the time, aware of its zone.
    :ivar time_of_day: the same, for whoever wants a clock.
    """

    systems: Systems
    exchange: Exchange
    sessions: SessionTable
    connections: Connections
    events: Events
    operator: Operator
    site_settings: SiteSettings
    preferences: PreferenceStore
    backups: Backups
    certificates: CertificateService
    health: Health
    level: LogLevel
    verifiers: Worker
    clock: IReactorTime
    seconds: Callable[[], float]
    now: Callable[[], datetime]
    time_of_day: IReactorTime


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
        self._bounds = bounds
        throttle = Throttle(parts.seconds)
        self.sessions = OperatorSessions(parts.seconds)
        self.password = OperatorPassword(
            parts.operator, throttle, parts.events, bounds.known.operator_came
        )
        self.login = OperatorLogin(self.password, self.sessions, parts.events)
        self.live = Live(parts.systems, parts.exchange, parts.clock)
        self._authorizers = {
            **operator_authorizers(
                self.password, self.sessions, parts.events, parts.seconds, keys.bearers
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
            password_fixed=lambda: parts.operator.fixed,
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
        parts = self._parts
        systems, exchange, events = parts.systems, parts.exchange, parts.events
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
            history=HistoryResource(systems, parts.connections, parts.time_of_day),
            events=EventsResource(events),
            live=LiveResource(self.live, parts.clock),
            status=StatusResource(status),
            settings=SettingsResource(parts.site_settings, parts.preferences),
            certificate=CertificateResource(parts.certificates, events),
            password=AdminPasswordResource(parts.operator, self.password),
            backup=BackupResource(parts.backups, parts.time_of_day, events),
            loglevel=LogLevelResource(parts.level, events),
            session=SessionResource(self.sessions, self.password, self.login),
        )

    def _make_metrics(
        self,
        requests: RequestMetrics,
        handshakes: HandshakeMetrics,
        throttles: Mapping[str, Throttle],
    ) -> APIResource:
        parts = self._parts
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "systems": ("Systems", lambda: len(parts.systems)),
            "sessions": (
                "Browsers that are logged in to a system",
                lambda: len(parts.sessions),
            ),
            "operator_sessions": (
                "Browsers that are logged in as the operator",
                lambda: len(self.sessions),
            ),
            "streams": (
                "Streams of all tunnels: one each for control, and one for a request",
                lambda: sum(session.stream_count for session in parts.exchange),
            ),
            "timers": (
                "What is to happen later, if nothing else does before",
                lambda: len(parts.clock.getDelayedCalls()),
            ),
            "live_listeners": (
                "Who is told at once what happens",
                lambda: len(self.live),
            ),
            "certificate_days": (
                "Days until the certificate expires that does so first",
                lambda: parts.certificates.days_left,
            ),
            "database_up": (
                "Whether the database answers",
                lambda: int(parts.health.ok),
            ),
            "events_waiting": (
                "Events that wait for the database",
                lambda: len(parts.events),
            ),
            "connections_waiting": (
                "Records of tunnels that wait for the database",
                lambda: len(parts.connections),
            ),
            "reactor_lag_seconds": (
                "The longest that anything due had to wait, of the last minute",
                lambda: self._lag.longest,
            ),
        }
        sources = Sources(
            requests,
            self._tunnels,
            handshakes,
            parts.exchange,
            throttles,
            {**gauges, **self._bounds.gauges},
            self._bounds.refusals,
        )
        app = Klein()
        mount(app, [MetricsResource(sources)], self._authorizers)
        return APIResource(app)

    def _listen(self) -> None:
        parts = self._parts
        parts.systems.subscribe(self.live.system_changed)
        parts.events.subscribe(self.live.event_happened)
        parts.exchange.when_up(self._came_up)
        parts.exchange.when_lost(self._lost)
        parts.operator.when_changed(self._password_changed)

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
