"""The composition root of ``twistd cfos-device``: every part of it is made here."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import sdnotify
from twisted.application.service import Service
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger

from cfos_cloud import cloud_password
from cfos_cloud.daemon_options import leave, make_private, state_directory
from cfos_cloud.device.authentication import SystemIdentity
from cfos_cloud.device.connector import Connector, Site, make_connector
from cfos_cloud.device.credentials import (
    Credentials,
    CredentialsChange,
    CredentialsError,
    CredentialsWatch,
)
from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.login import WORKER_THREADS, WORKER_WAITING, DeviceLogin
from cfos_cloud.device.options import Options
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.pins import PinFile, PinFileError
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.device.target_report import TargetReport
from cfos_cloud.device.trust import ServerTrust
from cfos_cloud.device.tunnel import Welcome
from cfos_cloud.logs import LoggedService, LogLevel, observer_for_twistd
from cfos_cloud.secret_files import SecretFileError, read_secret
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import JSONObject, text_member
from cfos_cloud.tunnel.scram import UnusablePassword
from cfos_cloud.workers import ThreadWorker

__all__ = ["Options", "makeService"]

#: Seconds that a connection to the server, or to the target, may take.
CONNECT_SECONDS = 30.0
TARGET_CONNECT_SECONDS = 10.0

# The global reactor has every interface that we ask of it.
reactor: Any = _reactor


@dataclass(frozen=True)
class LocalStreams:
    """What the tunnel leads to: the target, and the log-in in front of it."""

    forwarder: Forwarder
    device_login: DeviceLogin
    grants: Grants

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        return self.forwarder.stream_opened(stream_id)

    def login(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        return self.device_login.login(params)

    def logout(self, params: Mapping[str, object]) -> None:
        grant = text_member(params, "grant")
        if grant is not None:
            self.grants.forget(grant)

    def welcomed(self, welcome: Welcome) -> None:
        """Each stream names its own public address."""


class TunnelService(Service):
    """Keeps the tunnel while it runs."""

    log = Logger()

    def __init__(self, connector: Connector, server: Origin) -> None:
        self._connector = connector
        self._server = server

    def startService(self) -> None:
        super().startService()
        if not self._server.tls:
            self.log.warn(
                "the tunnel to {server} is not encrypted: everybody on the way can "
                "read and change what passes",
                server=str(self._server),
            )
        self._connector.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._connector.stop()


class DeviceService(LoggedService):
    """All parts, and the way between tunnel and target."""

    def __init__(self, options: Options, site_of: SiteMaker, level: LogLevel) -> None:
        super().__init__(observer_for_twistd(options.parent, level))
        self._options = options
        self.grants = Grants(monotonic, os.urandom)
        self.grants.on_revoked = lambda grant: self.connector.revoke(grant.token)
        self.credentials = Credentials(
            options.path("admin-password-file"),
            options.path("users-file"),
            self._credentials_changed,
        )
        self.credentials.load()
        self._secrets = ThreadWorker(reactor, "secrets", WORKER_THREADS, WORKER_WAITING)
        self._proofs = ThreadWorker(reactor, "proofs", 1)
        self.connector = make_connector(
            site_of(self._build_streams()),
            reactor,
            random.random,
            self._proofs,
            sdnotify.SystemdNotifier().notify,
        )
        watch = CredentialsWatch(self.credentials, self.grants, reactor)
        watch.setServiceParent(self)
        TunnelService(self.connector, options.server).setServiceParent(self)

    def _build_streams(self) -> LocalStreams:
        target = self._options.target
        report = TargetReport(str(target), lambda status: self.connector.report(status))
        self.pool = TargetPool(
            HostnameEndpoint(
                reactor, target.host, target.port, timeout=TARGET_CONNECT_SECONDS
            ),
            reactor,
            max_connections=self._options.max_connections,
            target_state=report.attempted,
        )
        forwarder = Forwarder(
            self.grants,
            self.pool,
            str(target).encode("ascii"),
            reactor,
            lambda grant: self.connector.revoke(grant),
        )
        login = DeviceLogin(
            self.credentials,
            self.grants,
            Throttle(monotonic),
            reactor,
            self._secrets,
        )
        return LocalStreams(forwarder, login, self.grants)

    def _credentials_changed(self, change: CredentialsChange) -> None:
        self.grants.revoke_where(change.drops)

    def stopService(self) -> Deferred[None]:
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        await super().stopService()
        self.pool.close()
        self._secrets.stop()
        self._proofs.stop()


SiteMaker = Callable[[LocalStreams], Site]


def _site_maker(options: Options, directory: Path) -> SiteMaker:
    """
    :raises SecretFileError: the password can't be read.
    :raises UnusablePassword: nor used.
    :raises PinFileError: the state directory can't be used.
    """
    server = options.server
    password = read_secret(options["password-file"])
    try:
        identity = SystemIdentity(options["cloud-id"], password)
    except UnusablePassword as error:
        raise UnusablePassword(f"{options['password-file']}: {error}") from error
    pins = PinFile(directory)
    pins.check_writable()
    generated = cloud_password.is_generated(password)
    trust = ServerTrust(server, options.verify, generated, pins)

    def endpoint() -> HostnameEndpoint:
        return HostnameEndpoint(
            reactor, server.host, server.port, timeout=CONNECT_SECONDS
        )

    return lambda streams: Site(server, identity, trust, endpoint, streams)


def makeService(options: Options) -> DeviceService:
    """What twistd runs; errors of files are one line and exit status 1."""
    directory = state_directory(options["state-dir"])
    try:
        make_private(directory)
        site_of = _site_maker(options, directory)
        return DeviceService(options, site_of, LogLevel(options.loglevel))
    except (CredentialsError, PinFileError, SecretFileError, UnusablePassword) as error:
        leave(Options.command, error)
    except OSError as error:
        leave(
            Options.command,
            f"can't use {error.filename or directory}: {error.strerror}",
        )
