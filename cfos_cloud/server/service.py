"""The composition root of ``twistd cfos-cloud``: all parts are made here."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import sdnotify
from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.server import Site

from cfos_cloud import __version__
from cfos_cloud.daemon_options import data_directory, leave, make_private
from cfos_cloud.events import EventKind
from cfos_cloud.gateway.client import ProxyTrust
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.gateway import FrontFactory, Gateway
from cfos_cloud.gateway.hosts import hosts_of
from cfos_cloud.gateway.pages_front import PagesFactory, PagesPort
from cfos_cloud.gateway.passthrough import Passthrough
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.listener.listening import ListeningService
from cfos_cloud.listener.places import Room, TooFewFiles
from cfos_cloud.listener.ports import ListenError, NumberedPort, PortSpec
from cfos_cloud.listener.self_signed import domain_names, server_names
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.logs import LoggedService, LogLevel, observer_for_twistd
from cfos_cloud.metrics import HandshakeMetrics, RequestMetrics
from cfos_cloud.pages import Pages
from cfos_cloud.registry import (
    AdminPasswordError,
    DatabaseError,
    Housekeeping,
    Preferences,
)
from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.server.bounds import BUFFERED_MIB, Bounds, raise_file_limit
from cfos_cloud.server.connection_recorder import ConnectionRecorder
from cfos_cloud.server.drain import drain
from cfos_cloud.server.endings import Endings
from cfos_cloud.server.key_side import KeyParts, KeySide
from cfos_cloud.server.operator_side import OperatorSide
from cfos_cloud.server.options import Options
from cfos_cloud.server.page_side import Addresses, PageSide
from cfos_cloud.server.parts import ServerParts
from cfos_cloud.server.ports import ServerPorts
from cfos_cloud.server.session_recorder import record_endings
from cfos_cloud.server.stores import Stores
from cfos_cloud.server.system_modes import SystemModes
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.signals import stop_once
from cfos_cloud.steady_time import TimeOfDay, keep_steady
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.scram import FakeVerifiers
from cfos_cloud.ui import ui_directory
from cfos_cloud.watchdog import Watchdog
from cfos_cloud.web.api.health import Health
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.workers import ThreadWorker

__all__ = ["Options", "makeService"]

#: Threads that compute the verifiers of new passwords, and what may wait for them.
VERIFIER_THREADS = 2
VERIFIER_WAITING = 64
SWEEP_SECONDS = 60.0

# The global reactor has every interface that we ask of it.
reactor: Any = _reactor


class CloudServer(LoggedService):
    """All parts, and the order in which they start and stop."""

    log = Logger()

    def __init__(self, options: Options, data_dir: Path, level: LogLevel) -> None:
        super().__init__(
            observer_for_twistd(options.parent, level, formatter=options.log_formatter)
        )
        self._notify = sdnotify.SystemdNotifier().notify
        Watchdog(self._notify, reactor).setServiceParent(self)
        self._data_dir = data_dir
        self._options = options
        self._time_of_day = time_of_day = TimeOfDay(reactor)
        self.bounds = Bounds(
            Room.within(
                raise_file_limit(),
                options["max-connections"],
                options["max-connections-per-source"],
            ),
            options["max-buffered-mib"] or BUFFERED_MIB,
            options.trusted_proxies,
            monotonic,
        )
        secret = ServerSecret.in_directory(data_dir)
        self.stores = Stores.in_database(
            options["database"], data_dir, options.site_info, reactor, time_of_day, _now
        )
        self.stores.preferences.subscribe(self._preferences_changed)
        self._verifiers = ThreadWorker(
            reactor, "verifiers", VERIFIER_THREADS, VERIFIER_WAITING
        )
        self.exchange = Exchange()
        self._hosts = hosts_of(options["domain"])
        self.sessions = SessionTable(monotonic)
        record_endings(self.sessions, self.stores.events)
        self.exchange.when_revoked(self.sessions.end_grant)
        self._health = Health(self.stores.database, reactor)
        self._level = level
        self._make_certificates(data_dir)
        self.key_side = self._make_key_side(data_dir, secret)
        self.key_side.setServiceParent(self)
        self._follow_systems()
        self.operator_side = self._make_operator_side()
        self.operator_side.setServiceParent(self)
        pages = Pages(ui_directory(), self.stores.site_settings.current)
        self.page_side = self._make_page_side(secret, pages)
        self.page_side.setServiceParent(self)
        self.gateway = self._make_gateway(secret, pages)
        self.passthrough = Passthrough(
            self._hosts,
            self.stores.systems,
            self.exchange,
            reactor,
            self._requests.passed,
            monotonic,
        )
        self._ports = ServerPorts(
            reactor,
            self._tls,
            self._handshakes,
            options["allow-http"],
            self._port_lost,
        )
        self._listening = self._ports.listen(
            options.port_spec,
            lambda secure: FrontFactory(self.gateway, secure=secure),
            self.bounds.places,
            None if self._hosts.is_shared else self.passthrough,
            self.gateway.proxies if options["proxy-protocol"] else None,
        )
        self._listening.setServiceParent(self)
        self._admin_listening: ListeningService | None = None
        port, site = options.admin_port_spec, self.page_side.on_admin_port
        if port is not None and site is not None:
            self._admin_listening = self._make_admin_port(port, site)
            self._admin_listening.setServiceParent(self)
        self._make_record_keepers(self.stores)
        self._sweep = LoopingCall(self.sessions.sweep)

    def _follow_systems(self) -> None:
        endings = Endings(
            self.exchange, self.sessions, self.key_side.accesses.end_system
        )
        self.stores.systems.subscribe(endings.system_changed)
        self.stores.systems.subscribe(self.bounds.system_changed)

    def _make_record_keepers(self, stores: Stores) -> None:
        ConnectionRecorder(
            self.exchange, stores.connections, stores.events, self._time_of_day
        ).setServiceParent(self)
        Housekeeping(
            stores.events, stores.connections, stores.keys, stores.preferences, reactor
        ).setServiceParent(self)

    def _make_certificates(self, data_dir: Path) -> None:
        domain = self._options["domain"]
        names = server_names(socket.gethostname(), domain)
        self._tls = ReloadableTLS(main=domain, now=_now)
        self.certificates = CertificateService(
            CertificateStore(data_dir, names, _now),
            self._tls,
            reactor,
            _now,
            domain_names(domain),
            self.stores.events,
        )
        self.certificates.setServiceParent(self)

    def _make_key_side(self, data_dir: Path, secret: ServerSecret) -> KeySide:
        parts = KeyParts(
            self.stores.keys,
            self.stores.systems,
            self.exchange,
            self.sessions,
            self.stores.events,
            reactor,
            monotonic,
            _now,
        )
        return KeySide(parts, data_dir, secret)

    def _make_operator_side(self) -> OperatorSide:
        self._throttles = {
            "browser": Throttle(monotonic),
            "tunnel": Throttle(monotonic),
        }
        self._requests, self._handshakes = RequestMetrics(), HandshakeMetrics()
        self._parts = ServerParts(
            stores=self.stores,
            exchange=self.exchange,
            sessions=self.sessions,
            certificates=self.certificates,
            health=self._health,
            level=self._level,
            verifiers=self._verifiers,
            clock=reactor,
            seconds=monotonic,
            now=_now,
            time_of_day=self._time_of_day,
        )
        return OperatorSide(
            self._parts,
            self._requests,
            self._handshakes,
            self._throttles,
            self.key_side,
            self.bounds,
            own_port=self._options.admin_port_spec is not None,
        )

    def _make_page_side(self, secret: ServerSecret, pages: Pages) -> PageSide:
        domain, port = self._options["domain"], self._options.port_spec
        has_admin_port = self._options.admin_port_spec is not None
        number = port.number if isinstance(port, NumberedPort) else None
        own = PublicAddress(domain)
        addresses = Addresses(
            self._hosts,
            own,
            PublicAddress(domain, number) if has_admin_port else own,
            has_admin_port,
        )
        return PageSide(
            self._parts,
            self.operator_side,
            self.key_side,
            addresses,
            self._throttles["browser"],
            secret,
            pages,
        )

    def _make_gateway(self, secret: ServerSecret, pages: Pages) -> Gateway:
        door = TunnelDoor(
            self.stores.systems.get,
            FakeVerifiers(secret.derive("fake verifiers")),
            self.exchange,
            self._throttles["tunnel"],
            reactor,
            self.stores.events,
            SystemModes(self.stores.systems, self._hosts),
            self.bounds.buffered,
            counts=self._handshakes,
        )
        return Gateway(
            clock=reactor,
            exchange=self.exchange,
            systems=self.stores.systems,
            sessions=self.sessions,
            door=door,
            error_pages=ErrorPages(pages),
            site=self.page_side.main,
            proxies=ProxyTrust(self._options.trusted_proxies),
            metrics=self._requests,
            keys=self.key_side.gate,
            hosts=self._hosts,
            device_site=self.page_side.on_devices,
        )

    def _make_admin_port(self, port: PortSpec, site: Site) -> ListeningService:
        self._admin_pages = PagesPort(
            reactor,
            site,
            self.gateway.answers,
            self.gateway.proxies,
            self._requests,
        )
        return self._ports.listen(
            port,
            lambda secure: PagesFactory(self._admin_pages, secure=secure),
            self.bounds.admin_places,
        )

    def _port_lost(self, error: ListenError) -> None:
        reactor.stop()

    def startService(self) -> None:
        try:
            self.stores.open()
            self.certificates.load()
            self.stores.load(self._data_dir, self._options.path("admin-password-file"))
        except BadCertificate as error:
            leave(Options.command, f"{self._data_dir / 'tls'}: {error}")
        except (CertificateError, DatabaseError, AdminPasswordError) as error:
            leave(Options.command, error)
        self.bounds.follow(self.stores.systems, self.exchange)
        super().startService()
        self._health.start()
        self._sweep.start(SWEEP_SECONDS, now=False)
        self.stores.events.note(EventKind.SERVER_STARTED, detail=__version__)
        self.log.info(
            "serving {systems} at {addresses}",
            systems=_count(len(self.stores.systems), "system"),
            addresses=", ".join(map(_place, self._listening.addresses)),
        )
        self.bounds.tell(len(self.stores.systems))
        if self._admin_listening is not None:
            self.log.info(
                "the operator's page and API are at {addresses}",
                addresses=", ".join(map(_place, self._admin_listening.addresses)),
            )
        self._notify("READY=1")

    def stopService(self) -> Deferred[None]:
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        """Requests finish, devices are told when to come back, then all ends."""
        self._notify("STOPPING=1")
        self._sweep.stop()
        self._health.stop()
        # First no new ones: the listening service stops with the others.
        stopped = super().stopService()
        self.gateway.close_when_idle()
        self.passthrough.close_when_idle()
        if self._admin_listening is not None:
            self._admin_pages.close_when_idle()
        await drain(self.exchange, reactor)
        await stopped
        self._verifiers.stop()
        self.stores.events.note(EventKind.SERVER_STOPPED)
        await self.stores.close()

    def _preferences_changed(self, preferences: Preferences) -> None:
        self.sessions.idle = preferences.session_idle_minutes * 60.0
        self.sessions.absolute = preferences.session_absolute_hours * 3600.0


def _now() -> datetime:
    return datetime.now(UTC)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _place(address: IAddress) -> str:
    if isinstance(address, IPv4Address | IPv6Address):
        return f"{address.host} port {address.port}"
    return str(address)


def makeService(options: Options) -> CloudServer:
    """What twistd runs; errors of files and ports are one line and exit status 1."""
    keep_steady(reactor)
    stop_once(reactor)
    # In the log it is to be found from anywhere.
    data_dir = data_directory(options["data-dir"]).resolve()
    try:
        make_private(data_dir)
        return CloudServer(options, data_dir, LogLevel(options.loglevel))
    except (DatabaseError, ListenError, SecretFileError, TooFewFiles) as error:
        leave(Options.command, error)
    except OSError as error:
        leave(Options.command, f"{error.filename or data_dir}: {error.strerror}")
