"""The composition root of ``twistd cfos-cloud``: all parts are made here."""

from __future__ import annotations

import random
import resource
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
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.server import Site

from cfos_cloud.connection_recorder import ConnectionRecorder
from cfos_cloud.daemon_options import data_directory, leave, make_private
from cfos_cloud.gateway.client import ProxyTrust
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.gateway import FrontFactory, Gateway
from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.listening import ListeningService
from cfos_cloud.listener.plain import PlainOnlyFactory
from cfos_cloud.listener.ports import ListenError
from cfos_cloud.listener.self_signed import server_names
from cfos_cloud.listener.sniffer import SnifferFactory
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.logs import LoggedService, LogLevel, observer_for_twistd
from cfos_cloud.pages import Pages
from cfos_cloud.registry import (
    AdminPasswordError,
    Database,
    DatabaseError,
    Operator,
    SystemChange,
    Systems,
    default_url,
    hashing_worker,
)
from cfos_cloud.registry.system import ChangeKind
from cfos_cloud.relay.prompt import PromptTLS
from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.server_options import Options
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.scram import FakeVerifiers
from cfos_cloud.ui import ui_directory
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.health import Health
from cfos_cloud.web.login import LoginPages
from cfos_cloud.web.operator_api import OperatorAPI
from cfos_cloud.web.root import make_root
from cfos_cloud.workers import ThreadWorker

__all__ = ["Options", "makeService"]

#: Seconds that requests get to finish when the server is told to stop.
GRACE_SECONDS = 10.0
#: Devices that are told to come back within each second after a stop.
RETURNS_PER_SECOND = 150
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
        super().__init__(observer_for_twistd(options.parent, level))
        self._data_dir = data_dir
        self._options = options
        secret = ServerSecret.in_directory(data_dir)
        self.database = Database(options["database"] or default_url(data_dir), reactor)
        self.systems = Systems(self.database, reactor)
        self.operator = Operator(self.database, hashing_worker(reactor), reactor)
        self._verifiers = ThreadWorker(
            reactor, "verifiers", VERIFIER_THREADS, VERIFIER_WAITING
        )
        self.exchange = Exchange()
        self.sessions = SessionTable(monotonic)
        self.exchange.when_revoked(self.sessions.end_grant)
        self.systems.subscribe(self._system_changed)
        self._health = Health(self.database, reactor)
        self.gateway = self._make_gateway(secret)
        self._listening = self._make_listening(data_dir)
        ConnectionRecorder(self.exchange, self.systems, reactor).setServiceParent(self)
        self._sweep = LoopingCall(self.sessions.sweep)

    def _make_gateway(self, secret: ServerSecret) -> Gateway:
        pages = Pages(ui_directory())
        login = LoginPages(
            Authenticator(self.exchange, self.sessions, reactor),
            self.sessions,
            self.systems,
            Throttle(monotonic),
            secret.derive("log-in"),
            reactor,
            pages,
        )
        api = OperatorAPI(
            self.systems,
            self.exchange,
            self.operator,
            Throttle(monotonic),
            self._verifiers,
        )
        door = TunnelDoor(
            self.systems.get,
            FakeVerifiers(secret.derive("fake verifiers")),
            self.exchange,
            Throttle(monotonic),
            reactor,
        )
        root = make_root(login, CommonPages(pages), api.resource(), self._health)
        return Gateway(
            reactor,
            self.exchange,
            self.systems,
            self.sessions,
            door,
            ErrorPages(pages),
            # Our pages read their forms themselves.
            Site(root, parsePOSTFormSubmission=False),
            ProxyTrust(self._options.trusted_proxies),
        )

    def _make_listening(self, data_dir: Path) -> ListeningService:
        names = server_names(socket.gethostname(), self._options["domain"])
        store = CertificateStore(data_dir, names, lambda: datetime.now(UTC))
        tls = ReloadableTLS(store.load())
        CertificateService(store, tls, reactor).setServiceParent(self)
        plain = (
            FrontFactory(self.gateway, secure=False)
            if self._options["allow-http"]
            else PlainOnlyFactory(reactor)
        )
        secure = TLSMemoryBIOFactory(
            tls, False, FrontFactory(self.gateway, secure=True), reactor
        )
        secure.protocol = PromptTLS
        sniffer = SnifferFactory({Route.TLS: secure, Route.PLAIN: plain}, reactor)
        listening = ListeningService(
            reactor, self._options.port_spec, sniffer, self._port_lost
        )
        listening.bind()
        listening.setServiceParent(self)
        return listening

    def _port_lost(self, error: ListenError) -> None:
        reactor.stop()

    def startService(self) -> None:
        try:
            self.database.open()
            self.systems.load()
            self.operator.prepare(
                self._data_dir, self._options.path("admin-password-file")
            )
        except (DatabaseError, AdminPasswordError) as error:
            leave(Options.command, error)
        super().startService()
        self._health.start()
        self._sweep.start(SWEEP_SECONDS, now=False)
        self.log.info(
            "serving {systems} systems at {addresses}",
            systems=len(self.systems),
            addresses=", ".join(map(_place, self._listening.addresses)),
        )
        sdnotify.SystemdNotifier().notify("READY=1")

    def stopService(self) -> Deferred[None]:
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        """Requests finish, devices are told when to come back, then all ends."""
        sdnotify.SystemdNotifier().notify("STOPPING=1")
        self._sweep.stop()
        self._health.stop()
        # First no new ones: the listening service stops with the others.
        stopped = super().stopService()
        self.gateway.close_when_idle()
        grace_ends = reactor.seconds() + GRACE_SECONDS
        while reactor.seconds() < grace_ends and self._busy():
            await deferLater(reactor, 0.1)
        sessions = list(self.exchange)
        spread = max(5, len(sessions) // RETURNS_PER_SECOND)
        for session in sessions:
            session.dismiss("shutdown", random.randint(1, spread))  # noqa: S311
        if sessions:
            await deferLater(reactor, 0.5)
        await stopped
        self._verifiers.stop()
        self.operator.close()
        await self.database.close()

    def _busy(self) -> bool:
        return any(session.busy for session in self.exchange)

    def _system_changed(self, change: SystemChange) -> None:
        cloud_id = change.system.cloud_id
        if change.kind is ChangeKind.REMOVED:
            self.exchange.disconnect(cloud_id, "removed")
            self.sessions.end_system(cloud_id)
        elif change.disabled:
            self.exchange.disconnect(cloud_id, "disabled")
            self.sessions.end_system(cloud_id)


def _place(address: IAddress) -> str:
    if isinstance(address, IPv4Address | IPv6Address):
        return f"{address.host} port {address.port}"
    return str(address)


def _raise_file_limit() -> None:
    """Each tunnel and each browser is a file: take as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def makeService(options: Options) -> CloudServer:
    """What twistd runs; errors of files and ports are one line and exit status 1."""
    _raise_file_limit()
    data_dir = data_directory(options["data-dir"])
    try:
        make_private(data_dir)
        return CloudServer(options, data_dir, LogLevel(options.loglevel))
    except (CertificateError, DatabaseError, ListenError, SecretFileError) as error:
        leave(Options.command, error)
    except OSError as error:
        leave(Options.command, f"{error.filename or data_dir}: {error.strerror}")
