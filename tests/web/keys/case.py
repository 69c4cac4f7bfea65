"""The page of access keys over a real registry, with a device that can be asked."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from cfos_cloud.events import Origin
from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.keys.pairing import Pairing
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.stored_logins import StoredLogins
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.keys.page import KeysPages
from cfos_cloud.web.keys.parts import KeysAPI, KeysParts
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.operator.system_admin import SystemAdmins
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.root import make_root
from cfos_cloud.web.session_state import SessionState
from tests.registry.support import NOON, RegistryCase, access_key, verifier
from tests.test_pages import check
from tests.web.support import Browser, Echo, FakeExchange, FakeTunnel, Reply, the_pages

PAGE = "/ui/en/cloud-keys.htm"
LOGIN = "/ui/en/cloud-login.htm"
CLOUD_ID = "W00-008J"
SECRET = "right"
_NOBODY = Origin("nobody", "198.51.100.7")


class ConsentingTunnel(FakeTunnel):
    """A device that consents to keys, by the admin password that it knows."""

    capabilities = frozenset({"http", "login", "keys"})

    def __init__(self) -> None:
        super().__init__()
        self.consents: set[str] = set()

    def authorize(
        self,
        consent: str,
        name: str,
        role: str,
        expires: datetime | None,
        secret: str,
    ) -> Deferred[None]:
        if secret != SECRET:
            return fail(RpcError(-32001, "wrong secret"))
        self.consents.add(consent)
        return succeed(None)

    def forget_keys(self, consents: Sequence[str]) -> None:
        self.consents.difference_update(consents)


class KeysCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.successResultOf(self.systems.add(CLOUD_ID, verifier(), "Carport <b>"))
        self.exchange: Any = FakeExchange()
        self.tunnel = ConsentingTunnel()
        self.exchange.tunnels[CLOUD_ID.lower()] = self.tunnel
        self.sessions = SessionTable(self.clock.seconds)
        self.pairing = Pairing(self.clock.seconds)
        self.is_self_signed = True
        key = b"k" * 32
        login = LoginPages(
            Authenticator(self.exchange, self.sessions, self.clock),
            self.sessions,
            self.systems,
            Throttle(self.clock.seconds),
            key,
            self.clock,
            the_pages(),
            self.events,
        )
        self.pages = KeysPages(self.make_parts(Csrf(key)), the_pages())
        self.root = make_root(
            login,
            CommonPages(the_pages()),
            Echo(b"api"),
            Echo(b"health"),
            SessionState(self.sessions, self.systems, self.exchange, the_pages()),
            keys_pages=self.pages,
        )
        self.browser = Browser(self.root)

    def make_parts(self, login_csrf: Csrf) -> KeysParts:
        signing = SigningKeys.in_directory(self.data_dir, self.now)
        self.issuer = KeyIssuer(signing, "urn:test", self.now)
        making = KeyMaking(self.issuer, self.keys)
        consents = DeviceConsents(
            self.exchange, Throttle(self.clock.seconds), self.events
        )
        self.admins = admins = SystemAdmins(self.sessions, b"s" * 32)
        keys = SystemKeysResource(self.keys, making, consents, admins, BASE, self.now)
        pairing = PairingResource(
            self.pairing, admins, self.clock.seconds, self.now, self.events
        )
        sessions = SystemSessionsResource(
            self.sessions, self.keys, admins, self.clock.seconds, self.now, self.events
        )
        logins = SystemLoginsResource(StoredLogins(self.events, self.systems), admins)
        return KeysParts(
            sessions=self.sessions,
            systems=self.systems,
            api=KeysAPI.of(keys, pairing, sessions, logins),
            csrf_of=admins.csrf,
            login_csrf=login_csrf,
            now=self.now,
            address=PublicAddress(),
            self_signed=lambda: self.is_self_signed,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    # people

    def log_in(self, browser: Browser | None = None) -> Session:
        """As the system's admin."""
        reply = (browser or self.browser).log_in(CLOUD_ID, SECRET)
        self.assertEqual(reply.status, 303)
        return self.sessions.of_system(CLOUD_ID)[-1]

    def session_of(self, **more: Any) -> Session:
        """One that was opened in another way, and is the browser's now."""
        values = {"role": "admin", "user": "admin", "client": "192.0.2.1", **more}
        session = self.sessions.create(CLOUD_ID, "grant", **values)
        self.browser.cookies["__Host-cfos"] = session.token.decode()
        return session

    def open(self, query: str = "", language: str = "en", **fields: str) -> Reply:
        reply = self.browser.get(f"/ui/{language}/cloud-keys.htm{query}", **fields)
        if reply.status == 200:
            check(self, reply.body.decode())
        return reply

    def see(self, query: str = "", language: str = "en") -> str:
        """The page's text, with its marks."""
        reply = self.open(query, language)
        self.assertEqual(reply.status, 200)
        return self.text(reply)

    def send(self, action: str, **form: str) -> Reply:
        """A form of ours, with its token."""
        if "csrf" not in form:
            (session,) = (
                each
                for each in self.sessions.of_system(CLOUD_ID)
                if each.token.decode() == self.browser.cookies["__Host-cfos"]
            )
            form["csrf"] = self.admins.csrf(session)
        reply = self.browser.post(
            PAGE, {"action": action, **form}, sec_fetch_site="same-origin"
        )
        if reply.body:
            check(self, reply.body.decode())
        return reply

    def add(self, **form: str) -> tuple[AccessKey, str]:
        """A new key and its token, as the page shows it."""
        wanted = {"name": "evcc", "role": "api", "expiry": "365", **form}
        reply = self.send("add", **wanted)
        self.assertEqual((reply.status, reply.body), (303, b""))
        self.assertEqual(reply.header("location"), f"{PAGE}#new-key")
        match = re.search(r'id="new-token" class="value">([^<]+)<', self.see())
        assert match is not None
        consent = consent_of(grant_of(match[1].encode()))
        key = self.keys.find_consent(CLOUD_ID, consent)
        assert key is not None
        return key, match[1]

    def ask_for_key(self, key_id: str = "asked", **more: Any) -> AccessKey:
        """As an application does."""
        if self.pairing.until(CLOUD_ID) is None:
            self.pairing.open(CLOUD_ID)
        code = self.pairing.take(CLOUD_ID)
        key = access_key(
            key_id,
            CLOUD_ID,
            created=self.now(),
            code=code,
            requested_from="198.51.100.7",
            **more,
        )
        self.successResultOf(self.keys.add(key, _NOBODY))
        return key

    def state_of(self, key: AccessKey) -> str:
        found = self.keys.get(key.id)
        assert found is not None
        return found.state(self.now()).value

    @staticmethod
    def heading(text: str) -> str:
        """What the page's one heading says."""
        (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", text)
        return re.sub("<[^>]+>", "", heading)

    @staticmethod
    def text(reply: Reply) -> str:
        return html.unescape(reply.body.decode())
