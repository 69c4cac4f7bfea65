"""Devices that come through a proxy, which may use any connection of its own."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.scram import ClientHandshake, FakeVerifiers
from tests.gateway.support import Browser, GatewayCase
from tests.gateway.test_door import PASSWORD, VERIFIER, System
from tests.memory import Message

PROXY = "10.1.2.3"
STRANGER = "203.0.113.7"
UPGRADE = (b"Connection: Upgrade", b"Upgrade: cfos-tunnel/1")


class ProxyTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        system = System("W00-A", VERIFIER)
        self.gateway.door = TunnelDoor(
            lambda cloud_id: system if cloud_id.lower() == "w00-a" else None,
            FakeVerifiers(b"secret"),
            self.exchange,
            Throttle(self.clock.seconds),
            self.clock,
        )

    def ask(self, connection: Browser, authorization: bytes) -> Message:
        return connection.fetch(
            b"/cloud/tunnel",
            *UPGRADE,
            b"X-Forwarded-For: 198.51.100.9",
            b"Authorization: " + authorization,
        )

    def prove(
        self, one: Browser, other: Browser, cloud_id: str = "W00-A", word: str = ""
    ) -> Message:
        """The answer by ``other`` to a handshake that began by ``one``."""
        ours = ClientHandshake(cloud_id, word or PASSWORD, None)
        challenge = self.ask(one, ours.first()).get(b"www-authenticate")
        assert challenge is not None
        return self.ask(other, ours.final(challenge))

    def test_a_proxy_may_send_the_proof_by_another_connection(self) -> None:
        one, other = (self.browser(address=PROXY, secure=False) for _ in range(2))
        self.assertEqual(self.prove(one, other).status, 101)

    def test_nobody_else_may(self) -> None:
        for addresses in (
            (STRANGER, STRANGER),
            (PROXY, STRANGER),
            (STRANGER, PROXY),
        ):
            one, other = (self.browser(address=a, secure=False) for a in addresses)
            with capturedLogs() as events:
                self.assertEqual(self.prove(one, other).status, 401)
            text = "\n".join(map(formatEvent, events))
            self.assertIn("a proxy in between that --trusted-proxy does not", text)

    def test_a_refusal_names_a_known_cloud_id_in_the_log(self) -> None:
        for cloud_id, words in (
            ("W00-A", "it has not the Cloud password of W00-A"),
            ("w00-a", "it has not the Cloud password of W00-A"),
            ("nobody", "its Cloud ID is not known here"),
        ):
            browser = self.browser(secure=False)
            with capturedLogs() as events:
                self.prove(browser, browser, cloud_id, "a wrong password")
            text = "\n".join(formatEvent(event) for event in events)
            self.assertIn(f"tunnel refused to {STRANGER}: {words}", text)
            self.assertNotIn("wrong password", text)
            self.assertNotIn("nobody", text)

    def test_what_is_no_proof_names_nobody(self) -> None:
        with capturedLogs() as events:
            self.ask(self.browser(secure=False), b"Basic eDp5")
        self.assertIn("is no proof", "\n".join(map(formatEvent, events)))
