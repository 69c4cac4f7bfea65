"""Access keys at the server: signed, kept, watched; made and kept running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.events import Origin
from cfos_cloud.gateway.key_access import KEY_SWEEP_SECONDS, KeyAccesses
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.pairing import Pairing
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.pages import Pages
from cfos_cloud.registry import Events, Keys, Systems
from cfos_cloud.registry.system import ChangeKind, SystemChange
from cfos_cloud.server_secret import ServerSecret, issuer_name
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.web.api.cloud_keys import CloudKeysResource
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.key_requests import KeyRequestsResource
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.resources import KeyResources
from cfos_cloud.web.api.signing_changes import SigningChanges
from cfos_cloud.web.api.signing_keys import SigningKeysResource
from cfos_cloud.web.api.stored_logins import StoredLogins
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.keys.page import KeysPages
from cfos_cloud.web.keys.parts import KeysAPI, KeysParts
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.operator.keys import Bearers
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.system_admin import SystemAdmins
from cfos_cloud.web.public_address import PublicAddress


@dataclass(frozen=True)
class KeyParts:
    """
    What access keys need of the server.

    :ivar seconds: a clock that nobody sets.
    :ivar now: the time, aware of its zone.
    """

    keys: Keys
    systems: Systems
    exchange: Exchange
    sessions: SessionTable
    events: Events
    clock: IReactorTime
    seconds: Callable[[], float]
    now: Callable[[], datetime]


class KeySide(Service):
    """
    :ivar gate: lets requests with a key through to devices.
    :ivar bearers: looks at keys that are presented at our own addresses.
    :ivar admins: tells who may have a say in a system's keys.
    :ivar logins: opens sessions by keys.
    :ivar pairing: the windows in which applications may ask for keys.
    :ivar throttle: of secrets that are given for keys, and of keys at the log-in.
    :raises SecretFileError: the signing keys can't be used.
    :raises OSError: they can't be written.
    """

    log = Logger()

    def __init__(self, parts: KeyParts, data_dir: Path, secret: ServerSecret) -> None:
        self._parts = parts
        keys, events, now = parts.keys, parts.events, parts.now
        issuer = issuer_name(secret)
        signing = SigningKeys.in_directory(data_dir, now)
        authority = KeyAuthority(signing, issuer, keys, now)
        self.accesses = KeyAccesses(authority, keys, parts.systems, now)
        self.gate = KeyGate(self.accesses, parts.seconds, parts.exchange.session)
        self.bearers = Bearers(self.accesses, authority, self.gate)
        self.throttle = Throttle(parts.seconds)
        self.admins = SystemAdmins(parts.sessions, secret.derive("access keys' page"))
        self.logins = KeyLogins(self.accesses, parts.sessions, self.throttle, events)
        self.pairing = Pairing(parts.seconds)
        self._making = KeyMaking(KeyIssuer(signing, issuer, now), keys)
        self._signing = SigningChanges(signing, keys, self._making.turns, events)
        self._login_key = secret.derive("log-in")
        self._sweep = LoopingCall(self.accesses.sweep)
        self._sweep.clock = parts.clock
        keys.subscribe(self.accesses.key_changed)
        #: IDs of keys that are being suspended: a device may say so without end.
        self._suspending: set[str] = set()
        parts.exchange.when_revoked(self._grant_revoked)
        parts.systems.subscribe(self._system_changed)

    def resources(self, password: OperatorPassword) -> KeyResources:
        """What the API says of keys; ``password`` is the operator's."""
        parts = self._parts
        keys, events, making = parts.keys, parts.events, self._making
        seconds, now = parts.seconds, parts.now
        consents = DeviceConsents(parts.exchange, self.throttle, events)
        pairing = self.pairing
        return KeyResources(
            cloud_keys=CloudKeysResource(keys, making, password, BASE, now),
            signing_keys=SigningKeysResource(keys, self._signing, consents, now),
            system_keys=SystemKeysResource(
                keys, making, consents, self.admins, BASE, now
            ),
            pairing=PairingResource(pairing, self.admins, seconds, now, events),
            sessions=SystemSessionsResource(
                parts.sessions, keys, self.admins, seconds, now, events
            ),
            logins=SystemLoginsResource(
                StoredLogins(events, parts.systems), self.admins
            ),
            requests=KeyRequestsResource(
                parts.systems, pairing, making, keys, self.throttle, BASE, now
            ),
        )

    def pages(
        self,
        resources: KeyResources,
        pages: Pages,
        address: PublicAddress,
        certificates: CertificateService,
    ) -> KeysPages:
        """``/ui/<lang>/cloud-keys.htm``, which asks the same resources."""
        parts = self._parts
        api = KeysAPI.of(
            resources.system_keys,
            resources.pairing,
            resources.sessions,
            resources.logins,
        )
        asked = KeysParts(
            sessions=parts.sessions,
            systems=parts.systems,
            api=api,
            csrf_of=self.admins.csrf,
            login_csrf=Csrf(self._login_key),
            now=parts.now,
            address=address,
            self_signed=lambda: certificates.certificate.self_signed,
        )
        return KeysPages(asked, pages)

    def startService(self) -> None:
        super().startService()
        self._sweep.start(KEY_SWEEP_SECONDS, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._sweep.running:
            self._sweep.stop()

    def _grant_revoked(self, cloud_id: str, grant: str) -> None:
        """The device does not know a key's grant: somebody has to authorise it anew."""
        key = self.accesses.grant_revoked(cloud_id, grant)
        if key is None or not key.works(self._parts.now()):
            return
        if key.id in self._suspending:
            return
        self._suspending.add(key.id)
        suspended = self._parts.keys.suspend(key.id, Origin("device"))
        suspended.addErrback(
            lambda failure: self.log.error(
                "the key {key_id} of {cloud_id}, which its device does not know, "
                "stays authorised: {reason}",
                key_id=key.id,
                cloud_id=cloud_id,
                reason=failure.getErrorMessage(),
            )
        )
        suspended.addBoth(lambda _: self._suspending.discard(key.id))

    def _system_changed(self, change: SystemChange) -> None:
        """A system that is added anew, or enabled, has no window that is open."""
        if change.kind is ChangeKind.REMOVED or change.disabled:
            self.pairing.close(change.system.cloud_id)
