"""
One device end with all its parts: in a daemon of its own, or inside another process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import random as _random
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cfos_cloud import cloud_password
from cfos_cloud.device.authentication import AGENT, SystemIdentity
from cfos_cloud.device.authorization import Authorization
from cfos_cloud.device.connector import DeviceStreams, Site, make_connector
from cfos_cloud.device.consent_file import DOOR_FILE_NAME, FILE_NAME, ConsentFile
from cfos_cloud.device.consents import Consents
from cfos_cloud.device.credentials import (
    Credentials,
    CredentialsChange,
    CredentialsWatch,
)
from cfos_cloud.device.door import Door, DoorFactory, DoorParts, SealedStreams
from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.key_grants import AnyGrant, KeyGrants
from cfos_cloud.device.local_streams import LocalStreams
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.pins import PinFile
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.profile_authorization import ProfileAuthorization
from cfos_cloud.device.profiles import ProfileSide
from cfos_cloud.device.proof import (
    TOLERANCE,
    WORKER_THREADS,
    WORKER_WAITING,
    Prover,
    SecretProver,
)
from cfos_cloud.device.proxy_endpoint import server_endpoint
from cfos_cloud.device.report import Report
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.settings import DeviceSettings, EndToEnd
from cfos_cloud.device.site_targets import SiteTargets
from cfos_cloud.device.status import DeviceStatus, StatusListener
from cfos_cloud.device.target_client import TargetClient
from cfos_cloud.device.target_header import TargetHeaderFile
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.device.trust import ServerTrust
from cfos_cloud.device.tunnel import Greeting
from cfos_cloud.throttle import Throttle
from cfos_cloud.workers import ThreadWorker

#: Seconds that a connection to the server may take.
CONNECT_SECONDS = 30.0


class DeviceEnd(MultiService):
    """
    Keeps the tunnel of one system while it runs. Once stopped it stays so: make a new
    one to run again.

    :param reactor: a real one; nothing is connected before ``startService``.
    :param random: numbers from 0 up to 1, evenly spread, for the waits.
    :param notify: takes states of ``sd_notify``.
    :param on_status: gets every change of ``status``, in the reactor's thread. To stop
        the device end from there, do so in a later turn of the reactor.
    :param seconds: a clock that never goes back, for lives and penalties.
    :param now: seconds since the epoch.
    :param make_door: makes what ``end_to_end`` of the settings needs.
    :raises InvalidCloudID: the Cloud ID is none.
    :raises UnusablePassword: SCRAM can't use the password.
    :raises PinFileError: the state directory, or what is in it, can't be used.
    :raises ConsentFileError: the file of consents to access keys can't be read.
    :raises CredentialsError: a file of admin password or users can't be used.
    :raises TargetHeaderError: the file with the target's credential can't be used.
    :raises DoorError: the certificate of end to end can't be used.
    """

    log = Logger()

    def __init__(
        self,
        settings: DeviceSettings,
        reactor: Any,
        *,
        random: Callable[[], float] = _random,
        notify: Callable[[str], object] = lambda state: None,
        on_status: StatusListener = lambda status: None,
        seconds: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        make_door: DoorFactory | None = None,
    ) -> None:
        super().__init__()
        if settings.end_to_end is not None and make_door is None:
            raise ValueError("end to end takes somebody who makes the door")
        self._settings = settings
        self._reactor = reactor
        self._seconds = seconds
        identity = SystemIdentity(settings.cloud_id, settings.password)
        trust = _make_trust(settings)
        self.grants = Grants(seconds, os.urandom)
        self.grants.on_revoked = lambda grant: self._tell_revoked(grant.token)
        self._door: Door | None = None
        self.credentials = Credentials(
            settings.admin_password_file,
            settings.users_file,
            self._credentials_changed,
        )
        self.credentials.load()
        name = FILE_NAME if settings.end_to_end is None else DOOR_FILE_NAME
        self._consents = Consents(ConsentFile(settings.state_directory, name), now)
        if settings.profile is Profile.GENERIC:
            self._consents.load(self.credentials.admin)
        else:
            self._consents.load_marked()
        self.key_grants = KeyGrants(
            self._consents, lambda grant: self._tell_revoked(grant.token)
        )
        self._now = now
        self._target_header = _load_target_header(settings.target_header_file)
        self._secrets = ThreadWorker(reactor, "secrets", WORKER_THREADS, WORKER_WAITING)
        self._proofs = ThreadWorker(reactor, "proofs", 1)
        self._report = Report(
            str(settings.server), identity.cloud_id, notify, on_status, now
        )
        site = Site(
            settings.server,
            identity,
            trust,
            self._server_endpoint,
            self._sealed(self._build_streams(), settings.end_to_end, make_door),
            Greeting(
                AGENT,
                profile=_told(settings.profile),
                end_to_end=settings.end_to_end is not None,
            ),
            transport=settings.transport,
        )
        self.connector = make_connector(
            site, reactor, random, self._proofs, self._report
        )
        more: list[Callable[[], object]] = [self.key_grants.sweep]
        if self._target_header is not None:
            more.append(self._target_header.poll)
        if self._profile is not None:
            more.append(self._profile.poll)
        watch = CredentialsWatch(self.credentials, self.grants, reactor, *more)
        watch.setServiceParent(self)
        probes = self._site.probes()
        if probes is not None:
            probes.setServiceParent(self)

    @property
    def status(self) -> DeviceStatus:
        """What it is doing now."""
        return self._report.status

    def startService(self) -> None:
        super().startService()
        server = self._settings.server
        if not server.tls:
            self.log.warn(
                "the tunnel to {server} is not encrypted: everybody on the way can "
                "read and change what passes",
                server=str(server),
            )
        if self._settings.proxy is not None:
            self.log.info(
                "going to {server} through the proxy {proxy}",
                server=str(server),
                proxy=str(self._settings.proxy),
            )
        if self._profile is not None:
            self._profile.say()
        elif not self.credentials.admin.is_set:
            file = self._settings.admin_password_file
            self.log.warn(
                "there is no admin password{place}: every log-in is refused",
                place="" if file is None else f" in {file}",
            )
        if self._target_header is not None:
            self._target_header.warn_of_others()
        self.connector.start()

    def stopService(self) -> Deferred[None]:
        """Fires when nothing of it is left: no connection, no thread."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await super().stopService()
        await self.connector.stop()
        self._site.close()
        threads = self._reactor.getThreadPool()
        # It waits for what they compute, which is no business of the reactor's thread.
        await gatherResults(
            deferToThreadPool(self._reactor, threads, worker.stop)
            for worker in (self._secrets, self._proofs)
        )
        self._report.stopped()

    def _server_endpoint(self) -> IStreamClientEndpoint:
        settings = self._settings
        return server_endpoint(
            self._reactor, settings.server, settings.proxy, CONNECT_SECONDS
        )

    def _build_streams(self) -> LocalStreams:
        site = self._site = SiteTargets(
            self._settings,
            self._reactor,
            self._main_side,
            lambda status: self.connector.report(status),
            self._seconds,
        )
        profile = self._profile
        forwarder = Forwarder(
            AnyGrant((self.grants, self.key_grants)),
            site.targets,
            self._reactor,
            self._tell_revoked,
        )
        login = DeviceLogin(
            self._make_prover(),
            self.grants,
            lambda role, user: site.names_for(role, user, self.credentials.users),
        )
        kind = Authorization if profile is None else ProfileAuthorization
        authorization = kind(
            self._make_prover(),
            self._consents,
            self.key_grants,
            self._reactor,
            self._secrets,
            self._now,
            os.urandom,
        )
        return LocalStreams(
            forwarder,
            login,
            self.grants,
            authorization,
            self.key_grants,
            # The connector comes to be up in this very turn.
            lambda: self._reactor.callLater(0, site.tell),
        )

    def _main_side(self, pool: TargetPool, origin: bytes) -> TargetSide:
        """That of ``--target``, which ``--profile`` is about."""
        profile = self._profile = self._make_profile(pool, origin)
        return TargetSide(
            pool,
            origin,
            self._target_header,
            None if profile is None else profile.key_credential,
            None if profile is None else profile.device,
            _told(self._settings.profile),
        )

    def _make_profile(self, pool: TargetPool, origin: bytes) -> ProfileSide | None:
        if self._settings.profile is Profile.GENERIC:
            return None
        return ProfileSide(
            self._settings.profile,
            TargetClient(pool, origin, self._reactor),
            self.credentials,
            self.grants,
            self._consents,
            self.key_grants,
            self._reactor,
            self._secrets,
        )

    def _sealed(
        self,
        streams: LocalStreams,
        end_to_end: EndToEnd | None,
        make_door: DoorFactory | None,
    ) -> DeviceStreams:
        """The door in front of ``streams``, where TLS of people ends here."""
        if end_to_end is None or make_door is None:
            return streams
        door = make_door(
            DoorParts(
                self._settings.cloud_id,
                self._settings,
                end_to_end,
                streams.forwarder,
                streams.device_login,
                self.grants,
                self.key_grants,
                streams.authorization,
                self._reactor,
                self._seconds,
                lambda: datetime.fromtimestamp(self._now(), UTC),
                lambda: self._site.status,
            )
        )
        door.setServiceParent(self)
        self._door = door
        return SealedStreams(door)

    def _tell_revoked(self, grant: str) -> None:
        """Whoever has sessions by it has to know."""
        if self._door is None:
            self.connector.revoke(grant)
        else:
            self._door.revoked(grant)

    def _make_prover(self) -> SecretProver:
        """Log-ins and access keys: who guesses at one leaves the other alone."""
        throttle = Throttle(self._seconds, tolerance=TOLERANCE)
        if self._profile is not None:
            return self._profile.make_prover(throttle)
        return Prover(self.credentials, throttle, self._reactor, self._secrets)

    def _credentials_changed(self, change: CredentialsChange) -> None:
        self.grants.revoke_where(change.drops)
        if change.admin:
            self.key_grants.drop_all()


def _told(profile: Profile) -> str | None:
    """The server does by itself what ``generic`` needs."""
    return None if profile is Profile.GENERIC else profile.value


def _load_target_header(path: Path | None) -> TargetHeaderFile | None:
    if path is None:
        return None
    file = TargetHeaderFile(path)
    file.load()
    return file


def _make_trust(settings: DeviceSettings) -> ServerTrust:
    pins = PinFile(settings.state_directory)
    pins.check_writable()
    generated = cloud_password.is_generated(settings.password)
    return ServerTrust(settings.server, settings.verify, generated, pins)
