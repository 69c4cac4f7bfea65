"""Access keys at a door: signed, kept, asked for and watched, as at the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from klein import Klein
from twisted.logger import Logger
from twisted.web.resource import IResource

from cfos_cloud.device.consent_file import ConsentFile, ConsentFileError, Kept
from cfos_cloud.device.door import DoorError, DoorParts
from cfos_cloud.gateway.key_access import KeyAccesses
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.pairing import Pairing
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.fingerprints import pin_of
from cfos_cloud.pages import Pages
from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.server_secret import ServerSecret, issuer_name
from cfos_cloud.site_door.key_file import KeyFile
from cfos_cloud.site_door.local_consents import LocalConsents
from cfos_cloud.site_door.local_tunnel import OneSystem
from cfos_cloud.site_door.own_keys import OwnKeys
from cfos_cloud.site_door.recent_logins import RecentLogins
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.key_requests import KeyRequestsResource
from cfos_cloud.web.api.operator_api import BASE, key_authorizers
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.routes import APIResource, mount
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.keys.page import KeysPages
from cfos_cloud.web.keys.parts import KeysAPI, KeysParts
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.operator.keys import Bearers
from cfos_cloud.web.operator.system_admin import SystemAdmins
from cfos_cloud.web.public_address import PublicAddress

#: What the throttle of secrets that are given for keys remembers.
MAX_THROTTLED = 500
#: Seconds between two calls of :meth:`DoorKeys.tidy`: files may lie on a memory card.
TIDY_SECONDS = 300.0


@dataclass(frozen=True)
class KeyPages:
    """What browsers see of it."""

    page: KeysPages
    api: IResource


class DoorKeys:
    """
    :ivar events: keeps the last log-ins.
    :ivar gate: lets requests with a key through.
    :ivar logins: opens sessions by keys.

    :raises DoorError: a file of it can't be used.
    :raises OSError: one can't be written.
    """

    log = Logger()

    def __init__(
        self,
        parts: DoorParts,
        system: OneSystem,
        sessions: SessionTable,
        secret: ServerSecret,
    ) -> None:
        self._parts, self._system, self._sessions = parts, system, sessions
        directory, now = parts.settings.state_directory, parts.now
        file = KeyFile(directory, parts.cloud_id)
        self._keys = OwnKeys(parts.cloud_id, file, parts.key_grants.agrees_to, now)
        try:
            signing = SigningKeys.in_directory(directory, now)
            self._keys.load()
            self._say(ConsentFile(directory).read())
        except (ConsentFileError, SecretFileError) as error:
            raise DoorError(str(error)) from error
        issuer = issuer_name(secret)
        authority = KeyAuthority(signing, issuer, self._keys, now)
        self._accesses = KeyAccesses(authority, self._keys, system, now)
        self._keys.subscribe(self._accesses.key_changed)
        self.gate = KeyGate(self._accesses, parts.seconds, system.session)
        self._bearers = Bearers(self._accesses, authority, self.gate)
        self._throttle = Throttle(parts.seconds, max_keys=MAX_THROTTLED)
        self.events = RecentLogins(parts.cloud_id, now)
        self.logins = KeyLogins(self._accesses, sessions, self._throttle, self.events)
        self._admins = SystemAdmins(sessions, secret.derive("access keys' page"))
        self._login_csrf = Csrf(secret.derive("log-in"))
        self._making = KeyMaking(KeyIssuer(signing, issuer, now), self._keys)

    def pages(self, pages: Pages, certificate: Callable[[], Certificate]) -> KeyPages:
        """
        ``/ui/<lang>/cloud-keys.htm``, and the part of the API that it asks.

        :param certificate: the one in use.
        """
        parts, admins, events = self._parts, self._admins, self.events
        keys, making, now = self._keys, self._making, parts.now
        local = LocalConsents(parts.authorization, parts.key_grants)
        consents = DeviceConsents(local, self._throttle, events)
        windows = Pairing(parts.seconds)
        of_system = SystemKeysResource(keys, making, consents, admins, BASE, now)
        pairing = PairingResource(windows, admins, parts.seconds, now, events)
        sessions = SystemSessionsResource(
            self._sessions, keys, admins, parts.seconds, now, events
        )
        logins = SystemLoginsResource(events, admins)
        requests = KeyRequestsResource(
            self._system, windows, making, keys, self._throttle, BASE, now
        )
        app = Klein()
        mount(
            app,
            (of_system, pairing, sessions, logins, requests),
            key_authorizers(admins, self._bearers),
        )
        asked = KeysParts(
            sessions=self._sessions,
            systems=self._system,
            api=KeysAPI.of(of_system, pairing, sessions, logins),
            csrf_of=admins.csrf,
            login_csrf=self._login_csrf,
            now=now,
            address=PublicAddress(),
            self_signed=lambda: certificate().self_signed,
            pin=lambda: _pin(certificate()),
        )
        return KeyPages(KeysPages(asked, pages), APIResource(app))

    def sweep(self) -> None:
        """End what has expired, or the device has stopped agreeing to."""
        self._accesses.sweep()

    def tidy(self) -> None:
        """Write when keys were used last, and forget what ended long ago."""
        self._keys.tidy()

    def revoked(self, grant: str) -> None:
        """The device does not agree to a key any more: what lives by it ends."""
        self._accesses.grant_revoked(self._parts.cloud_id, grant)

    def _say(self, of_servers: Kept) -> None:
        """People wonder why their applications are refused all at once."""
        count = len(of_servers.consents)
        if count:
            self.log.warn(
                "end to end: {count} access keys of the server, which has seen them, "
                "do not work here: make new ones on the page of access keys",
                count=count,
            )


def _pin(certificate: Certificate) -> str | None:
    """Who takes any certificate gives the key away to whoever stands between."""
    return pin_of(certificate.leaf) if certificate.self_signed else None
