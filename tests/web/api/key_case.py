"""The API of access keys, over a real registry and real tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred, fail, succeed

from cfos_cloud.events import EventKind
from cfos_cloud.gateway.key_access import KeyAccesses
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.keys.pairing import Pairing
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.web.api.cloud_data import CloudData
from cfos_cloud.web.api.cloud_keys import CloudKeysResource
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.key_requests import KeyRequestsResource
from cfos_cloud.web.api.live import LiveResource
from cfos_cloud.web.api.live_hub import Live
from cfos_cloud.web.api.operator_api import (
    BASE,
    OperatorAPI,
    key_authorizers,
    operator_authorizers,
)
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.resources import KeyResources
from cfos_cloud.web.api.signing_changes import SigningChanges
from cfos_cloud.web.api.signing_keys import SigningKeysResource
from cfos_cloud.web.api.stored_logins import StoredLogins
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.operator.keys import Bearers
from cfos_cloud.web.operator.system_admin import SystemAdmins
from tests.registry.support import InlineWorker, verifier
from tests.web.api.conformance import Conformance
from tests.web.operator_support import OperatorAPICase, Reply, basic, mounted

NOON = datetime(2026, 11, 22, 12, 0, 0, 0, UTC)
ISSUER = "urn:example:this-server"
DEVICE_PASSWORD = "the device's passwörd"
#: As a page of ours sends what it asks for.
SAME = {"Sec-Fetch-Site": "same-origin"}
#: What every operation of a system's admin needs, and a name.
A_KEY = {"name": "evcc", "role": "api"}


class Device:
    """A tunnel to a device that knows one admin password."""

    def __init__(self) -> None:
        self.capabilities = frozenset({"http", "login", "keys"})
        #: Consent, name, role, expires, secret.
        self.asked: list[tuple[str, str, str, datetime | None, str]] = []
        self.forgot: list[str] = []
        #: What it answers instead.
        self.trouble: Exception | None = None
        self.is_slow = False
        self.pending: list[Deferred[None]] = []

    def authorize(
        self,
        consent: str,
        name: str,
        role: str,
        expires: datetime | None,
        secret: str,
    ) -> Deferred[None]:
        self.asked.append((consent, name, role, expires, secret))
        if self.is_slow:
            answer: Deferred[None] = Deferred()
            self.pending.append(answer)
            return answer
        if self.trouble is not None:
            return fail(self.trouble)
        if secret != DEVICE_PASSWORD:
            return fail(RpcError(-32001, "wrong secret"))
        return succeed(None)

    def forget_keys(self, consents: Sequence[str]) -> None:
        self.forgot += consents


class Tunnels:
    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}

    def session(self, cloud_id: str) -> Device | None:
        return self.devices.get(cloud_id.lower())


class KeyAPICase(OperatorAPICase):
    """At noon; the systems Garage, which is online, and Barn."""

    def setUp(self) -> None:
        super().setUp()
        for cloud_id in ("Garage", "Barn"):
            self.successResultOf(self.systems.add(cloud_id, verifier()))
        self.device = self.tunnels.devices["garage"] = Device()
        self.admin = self.log_in()

    def make_api(self) -> None:
        self.clock.advance(NOON.timestamp() - self.clock.seconds())
        self.tunnels = Tunnels()
        self.browser_sessions = SessionTable(self.clock.seconds)
        self.signing = SigningKeys.in_directory(self.data_dir, self.now)
        self.issuer = KeyIssuer(self.signing, ISSUER, self.now)
        self.authority = KeyAuthority(self.signing, ISSUER, self.keys, self.now)
        self.accesses = KeyAccesses(self.authority, self.keys, self.systems, self.now)
        self.keys.subscribe(self.accesses.key_changed)
        self.pairing = Pairing(self.clock.seconds)
        self.key_throttle = Throttle(self.clock.seconds)
        self.admins = SystemAdmins(self.browser_sessions, b"k" * 32)
        self.live = Live(self.systems, self.presences, self.clock)
        super().make_api()
        gate = KeyGate(self.accesses, self.clock.seconds, lambda cloud_id: None)
        bearers = Bearers(self.accesses, self.authority, gate)
        self.authorizers = {
            **operator_authorizers(
                self.password,
                self.sessions,
                self.events,
                self.clock.seconds,
                bearers,
            ),
            **key_authorizers(self.admins, bearers),
        }
        self.consents = DeviceConsents(self.tunnels, self.key_throttle, self.events)
        self.making = KeyMaking(self.issuer, self.keys)
        systems = SystemsResource(self.systems, self.presences, InlineWorker(), BASE)
        events, live = EventsResource(self.events), LiveResource(self.live, self.clock)
        self.cloud_data = CloudData(systems, events, live)
        self.api = OperatorAPI(
            [systems, events, live, *self.key_resources(), *self.more()],
            self.authorizers,
            elsewhere=[self.cloud_data],
        )
        self.root = mounted(self.api.resource(), b"cloud", b"api", b"v1")
        self.treq: Any = StubTreq(self.root)
        self.conformance = Conformance(self.api.description.document)

    def more(self) -> tuple[object, ...]:
        """Further resources."""
        return ()

    def key_resources(self) -> KeyResources:
        seconds, events = self.clock.seconds, self.events
        return KeyResources(
            cloud_keys=CloudKeysResource(
                self.keys, self.making, self.password, BASE, self.now
            ),
            signing_keys=SigningKeysResource(
                self.keys,
                SigningChanges(self.signing, self.keys, self.making.turns, self.events),
                self.consents,
                self.now,
            ),
            system_keys=SystemKeysResource(
                self.keys, self.making, self.consents, self.admins, BASE, self.now
            ),
            pairing=PairingResource(
                self.pairing, self.admins, seconds, self.now, events
            ),
            sessions=SystemSessionsResource(
                self.browser_sessions,
                self.keys,
                self.admins,
                seconds,
                self.now,
                events,
            ),
            logins=SystemLoginsResource(
                StoredLogins(events, self.systems), self.admins
            ),
            requests=KeyRequestsResource(
                self.systems,
                self.pairing,
                self.making,
                self.keys,
                self.key_throttle,
                BASE,
                self.now,
            ),
        )

    def hold_making(self) -> Deferred[None]:
        """No key is made before this fires."""
        gate: Deferred[None] = Deferred()

        async def hold() -> None:
            await gate

        self.making.turns.take(hold)
        return gate

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    # people

    def log_in(
        self,
        cloud_id: str = "Garage",
        role: str = "admin",
        key_id: str | None = None,
    ) -> Session:
        return self.browser_sessions.create(
            cloud_id, "grant", role, role, "192.0.2.7", key_id=key_id
        )

    def cookie(self, session: Session) -> dict[str, str]:
        return {"Cookie": f"__Host-cfos={session.token.decode()}"}

    def by_admin(
        self, method: str, path: str, session: Session | None = None, **more: Any
    ) -> Reply:
        """As a page of ours asks, with its token."""
        session = session or self.admin
        token = {"X-CSRF-Token": self.admins.csrf(session)}
        headers = {**self.cookie(session), **SAME, **token, **more.pop("headers", {})}
        return self.ask(method, path, headers=headers, **more)

    # keys

    def make_key(self, cloud_id: str | None = "Garage", **members: Any) -> Any:
        """A new one, pending, as the API says it."""
        if cloud_id is None:
            reply = self.ask("POST", "/keys", json={**A_KEY, **members})
        else:
            session = self.log_in(cloud_id)
            path = f"/systems/{cloud_id}/keys"
            reply = self.by_admin("POST", path, session, json={**A_KEY, **members})
            self.browser_sessions.end(session)
        self.assertEqual(reply.status, 201, reply.body)
        return reply.json

    def authorised(self, cloud_id: str | None = "Garage", **members: Any) -> Any:
        """One that works; how it came to is not what is tested."""
        made = self.make_key(cloud_id, **members)
        self.successResultOf(self.keys.authorise(made["id"]))
        return made

    def row(self, key_id: str) -> AccessKey:
        key = self.keys.get(key_id)
        assert key is not None
        return key

    def bearer(self, key: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {key['key']}"}

    # what came of it

    def noted(self, *kinds: EventKind) -> list[tuple[str, str | None, str]]:
        """Actor, Cloud ID and detail of the events of these kinds."""
        return [
            (event.actor, event.cloud_id, event.detail)
            for event in self.kept()
            if event.kind in kinds
        ]

    def assert_problem(
        self,
        reply: Reply,
        status: int,
        slug: str | None = None,
        field: str | None = None,
    ) -> None:
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertEqual(reply.header("cache-control"), "no-store")
        kind = None if slug is None else f"urn:problem:cfos-cloud:{slug}"
        found = (reply.json.get("type"), reply.json.get("field"))
        self.assertEqual(found, (kind, field), reply.json)
        self.assertEqual(len(reply.json["detail"].splitlines()), 1)

    def assert_no_key(self, reply: Reply) -> None:
        """It was refused as a bad key is, without a word."""
        self.assertEqual((reply.status, reply.body), (401, b""))
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertIsNone(reply.header("content-type"))
        self.assertIsNone(reply.header("www-authenticate"))

    def assert_unsaid(self, *secrets: str) -> None:
        """None of them was written down."""
        everything = self.databases.contents(self.data_dir)
        for secret in secrets:
            self.assertNotIn(secret.encode(), everything)


__all__ = [
    "A_KEY",
    "DEVICE_PASSWORD",
    "NOON",
    "SAME",
    "Device",
    "KeyAPICase",
    "basic",
]
