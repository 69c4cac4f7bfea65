"""
The door of a device end, end to end: TLS, log-in page, sessions and throttle, as at the
server, and behind them the same forwarder. All parts are made here.
"""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.server import Site

from cfos_cloud.device.door import DoorError, DoorParts
from cfos_cloud.device.tunnel import Welcome
from cfos_cloud.gateway.client import ProxyTrust
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.gateway import Gateway
from cfos_cloud.gateway.handover import CODE_SECONDS
from cfos_cloud.gateway.key_access import KEY_SWEEP_SECONDS
from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.fingerprints import Fingerprints
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.pages import Pages
from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.site_door.certificates import (
    CertificateFiles,
    CertificateSource,
    OwnCertificate,
)
from cfos_cloud.site_door.connections import Connections
from cfos_cloud.site_door.entrance import Entrance
from cfos_cloud.site_door.hosts import SiteHosts
from cfos_cloud.site_door.key_side import TIDY_SECONDS, DoorKeys
from cfos_cloud.site_door.limits import HandshakeLimits
from cfos_cloud.site_door.local_tunnel import LocalTunnel, OneSystem
from cfos_cloud.site_door.no_door import NoDoor
from cfos_cloud.site_door.root import DoorRoot
from cfos_cloud.site_door.site_pages import SitePages
from cfos_cloud.throttle import Throttle
from cfos_cloud.ui import ui_directory
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.login.pages import LoginPages

#: Sessions at the same time; one more ends the one that was unused for longest.
MAX_SESSIONS = 100
#: What the throttle remembers.
MAX_KEYS = 2_000
#: Seconds between two looks at the certificate, and at sessions.
POLL_SECONDS = 1.0
SWEEP_SECONDS = 60.0


class SiteDoor(Service):
    """
    A :class:`~cfos_cloud.device.door.Door`.

    :raises DoorError: the certificate, or the state directory, can't be used.
    """

    log = Logger()

    def __init__(self, parts: DoorParts) -> None:
        own = parts.end_to_end
        self._parts = parts
        self._further = tuple(each.name for each in parts.settings.also)
        self._hosts = SiteHosts(parts.cloud_id, self._further)
        #: Of those, which the log has as missing in the certificate.
        self._uncovered: list[str] = []
        self._source = self._make_source()
        certificate = self._source.load()
        try:
            self._tls = ReloadableTLS(certificate)
        except BadCertificate as error:
            raise DoorError(f"{own.certificate_file}: {error}") from error
        self._say(certificate)
        self.sessions = SessionTable(parts.seconds, max_sessions=MAX_SESSIONS)
        self._gateway = self._make_gateway()
        limits = HandshakeLimits(parts.seconds)
        self.connections = Connections(self._gateway, limits)
        self._entrance = Entrance(
            self._tls,
            self.connections,
            limits,
            self._is_ours,
            parts.clock,
            parts.seconds,
        )
        self._loops = (
            (LoopingCall(self._look), POLL_SECONDS),
            (LoopingCall(self.sessions.sweep), SWEEP_SECONDS),
            (LoopingCall(self._keys.sweep), KEY_SWEEP_SECONDS),
            (LoopingCall(self._keys.tidy), TIDY_SECONDS),
            (LoopingCall(self._site.handovers.sweep), CODE_SECONDS),
        )
        for loop, _ in self._loops:
            loop.clock = parts.clock

    @property
    def certificate(self) -> Certificate:
        """The one that new connections get."""
        return self._tls.certificate

    # Door

    def stream_opened(self, stream_id: int) -> IProtocol:
        return self._entrance.stream_opened(stream_id)

    def welcomed(self, welcome: Welcome) -> None:
        if welcome.host is None:
            return
        self._hosts.opened_as(welcome.host)
        self._source.opened_as(welcome.host)
        self._look()
        self._say_uncovered()

    def revoked(self, grant: str) -> None:
        self.sessions.end_grant(self._parts.cloud_id, grant)
        self._keys.revoked(grant)

    # Service

    def startService(self) -> None:
        super().startService()
        for loop, seconds in self._loops:
            loop.start(seconds, now=False)

    def stopService(self) -> None:
        super().stopService()
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()
        self._keys.tidy()
        self._gateway.close_when_idle()

    # within

    def _is_ours(self, name: str) -> bool:
        return name in self._hosts.names

    def _look(self) -> None:
        """Serve another certificate, if there is one."""
        try:
            certificate = self._source.poll()
            if certificate is None or certificate == self._tls.certificate:
                return
            self._tls.use(certificate)
        except BadCertificate as error:
            self.log.error("{why}; the old certificate stays in use", why=str(error))
        except Exception:  # a loop that ended would never look again
            self.log.failure("the certificate could not be looked at")
        else:
            self._say(certificate)
            self._say_uncovered()

    def _say(self, certificate: Certificate) -> None:
        prints = Fingerprints.of(certificate.leaf)
        self.log.info(
            "end to end: certificate for {names} until {until:%Y-%m-%d}; to compare in "
            "the browser: SHA-256 of the public key {key}, of the certificate {all}",
            names=", ".join(certificate.names),
            until=certificate.not_after,
            key=prints.key,
            all=prints.certificate,
        )

    def _say_uncovered(self) -> None:
        names = [
            each for each in self._hosts.names if not self.certificate.covers(each)
        ]
        if names and names != self._uncovered:
            self.log.warn(
                "end to end: the certificate is not for {names}; browsers will warn",
                names=", ".join(names),
            )
        self._uncovered = names

    def _make_source(self) -> CertificateSource:
        parts, own = self._parts, self._parts.end_to_end
        if own.certificate_file is not None and own.key_file is not None:
            return CertificateFiles(own.certificate_file, own.key_file, parts.now)
        server = parts.settings.server
        label = parts.cloud_id.lower()
        guess = label if server.is_address else f"{label}.{server.host}"
        directory = parts.settings.state_directory
        return OwnCertificate(directory, guess, parts.now, self._further)

    def _make_gateway(self) -> Gateway:
        parts = self._parts
        try:
            secret = ServerSecret.in_directory(parts.settings.state_directory)
        except SecretFileError as error:
            raise DoorError(str(error)) from error
        system = OneSystem(
            LocalTunnel(
                parts.cloud_id,
                parts.forwarder,
                parts.login,
                parts.grants,
                parts.clock,
                parts.status,
                parts.now,
                profile=parts.settings.profile.value,
            )
        )
        keys = self._keys = DoorKeys(parts, system, self.sessions, secret)
        pages, login_key = Pages(ui_directory()), secret.derive("log-in")
        site = self._site = SitePages(
            self._hosts, self.sessions, system, login_key, parts.clock, pages
        )
        login = LoginPages(
            Authenticator(system, self.sessions, parts.clock),
            self.sessions,
            system,
            Throttle(parts.seconds, max_keys=MAX_KEYS),
            login_key,
            parts.clock,
            pages,
            keys.events,
            keys=keys.logins,
            landing=site.landing,
            end_to_end=parts.cloud_id,
        )
        key_pages = keys.pages(pages, lambda: self.certificate)
        root = DoorRoot(login, CommonPages(pages), key_pages, site.overview)
        return Gateway(
            clock=parts.clock,
            exchange=system,
            systems=system,
            sessions=self.sessions,
            door=NoDoor(),
            error_pages=ErrorPages(pages),
            # Our pages read their forms themselves.
            site=Site(root, parsePOSTFormSubmission=False),
            proxies=ProxyTrust(),
            keys=keys.gate,
            hosts=self._hosts,
            device_site=site.further,
        )
