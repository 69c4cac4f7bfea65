"""The device end keeps its tunnel: success, refusals, waits, goodbyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import cloud_password
from cfos_cloud.device.authentication import SystemIdentity
from cfos_cloud.device.connect import ProxyFailed, ProxyRefused
from cfos_cloud.device.connector import Connector, Site, make_connector
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.pins import PinFile
from cfos_cloud.device.report import Report
from cfos_cloud.device.status import DeviceStatus
from cfos_cloud.device.trust import ServerTrust, Verify
from cfos_cloud.device.tunnel import CLOSING_SECONDS, Greeting, Welcome
from cfos_cloud.device.ways import Transport
from cfos_cloud.tunnel.control import RpcError
from tests.device.certificates import Made, make_certificate
from tests.device.tunnel_server import (
    CLOUD_ID,
    AtOnce,
    Behaviour,
    Network,
    Streams,
    TunnelServer,
)

CHOSEN = "correct horse battery"
GENERATED = cloud_password.generate()
FIRST = make_certificate("cloud.example")
SECOND = make_certificate("cloud.example")
CA = make_certificate("ca.example", ca=True)
VALID = make_certificate("cloud.example", issuer=CA)
NOT_OURS = make_certificate("other.example", issuer=CA)
EXPIRED = make_certificate("cloud.example", issuer=CA, expired=True)


def response(status: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "Content-Length: 2", "", "no"]
    return "\r\n".join(lines).encode()


class ConnectorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.behaviour = Behaviour(CHOSEN, FIRST)
        self.network = Network(self.behaviour, self.clock)
        self.streams = Streams()
        self.states: list[str] = []
        self.statuses: list[DeviceStatus] = []
        self.pins = PinFile(Path(self.mktemp()))
        self.pins.check_writable()
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def make(
        self,
        password: str = CHOSEN,
        verify: Verify = Verify.AUTO,
        url: str = "https://cloud.example:4443",
        random: float = 0.5,
        transport: Transport = Transport.AUTO,
    ) -> Connector:
        server = parse_origin(url)
        generated = cloud_password.is_generated(password)
        connector = make_connector(
            Site(
                server,
                SystemIdentity(CLOUD_ID, password),
                ServerTrust(server, verify, generated, self.pins),
                lambda: self.network,
                self.streams,
                Greeting("cfos-device/1", name="Home"),
                CA.trust_root(),
                transport,
            ),
            self.clock,
            lambda: random,
            AtOnce(),
            Report(
                url, CLOUD_ID, self.states.append, self.statuses.append, lambda: 1e9
            ),
        )
        self.addCleanup(self.stop, connector)
        return connector

    def start(self, *args: object, **kwargs: object) -> Connector:
        connector = self.make(*args, **kwargs)  # type: ignore[arg-type]
        connector.start()
        self.network.settle()
        return connector

    def stop(self, connector: Connector) -> None:
        stopped = connector.stop()
        self.network.settle()
        self.network.advance(CLOSING_SECONDS)
        self.successResultOf(stopped)

    @property
    def server(self) -> TunnelServer:
        return self.network.servers[-1]

    @property
    def tries(self) -> int:
        return len(self.network.servers)

    def said(self, level: object) -> list[str]:
        return [
            str(e["log_format"]).format(**e)
            for e in self.events
            if e["log_level"] == level and e["log_namespace"].startswith("cfos_cloud")
        ]

    def assert_tries_again_after(self, seconds: float) -> None:
        before = self.tries
        self.network.advance(seconds - 0.01)
        self.assertEqual(self.tries, before)
        self.network.advance(0.02)
        self.assertEqual(self.tries, before + 1)


class UpTests(ConnectorCase):
    def test_the_tunnel_comes_up(self) -> None:
        self.start()
        self.assertEqual(
            self.server.hellos,
            [
                {
                    "protocol": 1,
                    "agent": "cfos-device/1",
                    "capabilities": ["http", "login", "keys"],
                    "name": "Home",
                }
            ],
        )
        self.assertEqual(
            self.streams.welcomes, [Welcome("s1", 25.0, "https://cloud.example:4443/")]
        )
        self.assertEqual(
            self.states,
            [f"READY=1\nSTATUS=connected to https://cloud.example:4443 as {CLOUD_ID}"],
        )

    def test_the_requests_are_what_the_protocol_asks_for(self) -> None:
        self.start()
        first, second = self.server.requests
        for request in (first, second):
            lines = request.split(b"\r\n")
            self.assertEqual(lines[0], b"GET /cloud/tunnel HTTP/1.1")
            self.assertIn(b"Host: cloud.example:4443", lines)
            self.assertIn(b"Connection: Upgrade", lines)
            self.assertIn(b"Upgrade: cfos-tunnel/1", lines)
        self.assertIn(b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", data="', first)
        self.assertIn(b'SCRAM-SHA-256-PLUS sid="', second)

    def test_it_comes_up_over_plain_http(self) -> None:
        self.behaviour.certificate = None
        self.start(url="http://cloud.example:4443")
        self.assertEqual(len(self.server.hellos), 1)
        self.assertIn(b'SCRAM-SHA-256 realm="cfos-tunnel"', self.server.requests[0])
        self.assertIsNone(self.pins.get("cloud.example:4443"))

    def test_streams_of_the_server_reach_the_forwarder(self) -> None:
        received: list[bytes] = []

        class Echo(Protocol):
            def dataReceived(self, data: bytes) -> None:
                received.append(data)

        self.streams.protocol = Echo
        self.start()
        assert self.server.multiplexed is not None
        stream = self.server.multiplexed.open_stream(Protocol())
        stream.write(b"hello")
        self.network.settle()
        self.assertEqual((self.streams.opened, received), ([2], [b"hello"]))

    def test_streams_before_the_greeting_are_reset(self) -> None:
        self.behaviour.welcome = None
        self.start()
        assert self.server.multiplexed is not None
        ended: list[object] = []

        class Watched(Protocol):
            def connectionLost(self, reason: object = None) -> None:
                ended.append(reason)

        self.server.multiplexed.open_stream(Watched())
        self.network.settle()
        self.assertEqual((self.streams.opened, len(ended)), ([], 1))

    def test_log_in_and_log_out_reach_the_device_end(self) -> None:
        self.start()
        assert self.server.control is not None
        answer = self.server.control.request("login", {"role": "admin"}, 3)
        self.server.control.notify("logout", {"grant": "g"})
        self.network.settle()
        self.assertEqual(
            self.successResultOf(answer),
            {"grant": "g", "role": "admin", "user": "admin"},
        )
        self.assertEqual(self.streams.logins, [{"role": "admin"}])
        self.assertEqual(self.streams.logouts, [{"grant": "g"}])

    def test_consent_to_keys_is_asked_for_and_its_end_told(self) -> None:
        self.start()
        assert self.server.control is not None
        answer = self.server.control.request("authorize", {"key": "k"}, 3)
        self.server.control.notify("forget", {"keys": ["k"]})
        self.network.settle()
        self.assertEqual(self.successResultOf(answer), {})
        self.assertEqual(self.streams.authorizations, [{"key": "k"}])
        self.assertEqual(self.streams.forgotten, [{"keys": ["k"]}])

    def test_unknown_requests_are_answered_and_unknown_notices_ignored(self) -> None:
        self.start()
        assert self.server.control is not None
        self.server.control.notify("sing", {})
        answer = self.server.control.request("dance", {}, 3)
        self.network.settle()
        self.assertEqual(self.failureResultOf(answer, RpcError).value.code, -32601)

    def test_revocations_and_reports_reach_the_server_while_up(self) -> None:
        connector = self.make()
        connector.revoke("too early")
        connector.start()
        self.network.settle()
        connector.revoke("g")
        connector.report({"target": "down"})
        self.network.settle()
        self.assertEqual(
            self.server.notifications,
            [("revoke", {"grant": "g"}), ("status", {"target": "down"})],
        )

    def test_the_servers_heartbeat_is_kept(self) -> None:
        self.behaviour.welcome = {"session": "s", "heartbeat": 7, "url": "http://x/"}
        self.start()
        assert self.server.multiplexed is not None
        before = self.server.multiplexed.bytes_in
        self.network.advance(7.1)
        self.assertGreater(self.server.multiplexed.bytes_in, before)

    def test_stopping_ends_the_tunnel_in_order(self) -> None:
        connector = self.start()
        stopped = connector.stop()
        self.network.settle()
        self.network.advance(CLOSING_SECONDS)
        self.successResultOf(stopped)
        self.assertTrue(self.server.lost)
        self.assertEqual(self.states[-1], "STOPPING=1")


class WayTests(ConnectorCase):
    """By an upgrade of its own, or as a WebSocket."""

    def asked_for(self) -> list[str]:
        """What the first request of each connection wanted."""
        return [
            "websocket" if b"Upgrade: websocket" in server.requests[0] else "upgrade"
            for server in self.network.servers
        ]

    def test_the_upgrade_comes_first(self) -> None:
        self.start()
        self.assertEqual(self.asked_for(), ["upgrade"])

    def test_where_it_is_refused_a_websocket_is_next_and_stays(self) -> None:
        self.behaviour.websocket_only = True
        self.start()
        self.assertIn("does not arrive as such", self.said(LogLevel.warn)[0])
        self.assertIn("; next time as a WebSocket; next", self.said(LogLevel.warn)[0])
        self.assert_tries_again_after(0.5)
        self.assertEqual(len(self.streams.welcomes), 1)
        transport: Any = self.server.transport
        self.network.advance(40)
        transport.abortConnection()
        self.network.settle()
        self.assert_tries_again_after(0.5)
        self.assertEqual(len(self.streams.welcomes), 2)
        self.assertEqual(self.asked_for(), ["upgrade", "websocket", "websocket"])

    def test_a_tunnel_in_a_websocket_carries_streams(self) -> None:
        received: list[bytes] = []

        class Echo(Protocol):
            def dataReceived(self, data: bytes) -> None:
                received.append(data)

        self.streams.protocol = Echo
        self.start(transport=Transport.WEBSOCKET)
        assert self.server.multiplexed is not None
        stream = self.server.multiplexed.open_stream(Protocol())
        stream.write(b"hello" * 50_000)
        self.network.settle()
        self.assertEqual(b"".join(received), b"hello" * 50_000)
        self.assertEqual(self.asked_for(), ["websocket"])
        self.assertIsNotNone(self.pins.get("cloud.example:4443"))

    def test_it_ends_in_order(self) -> None:
        connector = self.start(transport=Transport.WEBSOCKET)
        stopped = connector.stop()
        self.network.settle()
        self.successResultOf(stopped)
        self.assertTrue(self.server.lost)

    def test_whatever_a_box_on_the_way_says_the_other_way_is_tried(self) -> None:
        for answer in (
            response("200 OK"),
            response("400 Bad Request"),
            response("403 Forbidden"),
            response("404 Not Found"),
            response("405 Method Not Allowed"),
            response("426 Upgrade Required"),
            response("501 Not Implemented"),
            b"HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            b"what?",
        ):
            self.network.servers.clear()
            self.behaviour.answer = answer
            connector = self.start()
            for wait in (0.5, 1.0, 2.0):
                self.assert_tries_again_after(wait)
            self.assertEqual(self.asked_for(), ["upgrade", "websocket"] * 2, answer)
            self.stop(connector)

    def test_silence_and_a_cut_are_the_other_way_s_turn_too(self) -> None:
        self.behaviour.answer = b""
        self.start()
        self.network.advance(30.1)
        self.assert_tries_again_after(0.5)
        transport: Any = self.server.transport
        transport.abortConnection()
        self.network.settle()
        self.assert_tries_again_after(1.0)
        self.assertEqual(self.asked_for(), ["upgrade", "websocket", "upgrade"])

    def test_a_box_that_stumbles_over_the_switch_is_told_apart(self) -> None:
        self.behaviour.after_proof = response("502 Bad Gateway")
        self.start()
        self.assert_tries_again_after(0.5)
        self.assertEqual(self.asked_for(), ["upgrade", "websocket"])

    def test_what_the_server_itself_says_changes_nothing(self) -> None:
        for behaviour in (
            {"answer": response("429 Too Many Requests")},
            {"answer": response("502 Bad Gateway")},
            {"answer": response("503 Service Unavailable")},
            {"answer": response("308 Permanent Redirect")},
            {"answer": None, "after_proof": response("403 Forbidden")},
            {"after_proof": response("401 Unauthorized")},
            {"after_proof": None, "spoil_server_final": True},
            {"up": False},
        ):
            for name, value in behaviour.items():
                setattr(self.behaviour, name, value)
            self.network.servers.clear()
            connector = self.start()
            self.network.advance(400)
            asked = [server for server in self.network.servers if server.requests]
            self.assertTrue(len(asked) > 1 or not self.behaviour.up)
            for server in asked:
                self.assertNotIn(b"websocket", server.requests[0])
            self.stop(connector)

    def test_where_one_way_was_chosen_the_other_is_not_tried(self) -> None:
        self.behaviour.answer = response("426 Upgrade Required")
        for transport, name in (
            (Transport.UPGRADE, "upgrade"),
            (Transport.WEBSOCKET, "websocket"),
        ):
            self.network.servers.clear()
            connector = self.start(transport=transport)
            self.assert_tries_again_after(0.5)
            self.assertEqual(self.asked_for(), [name] * 2)
            self.stop(connector)

    def test_a_forbidding_box_is_not_taken_for_the_operator(self) -> None:
        self.behaviour.answer = response("403 Forbidden")
        self.start()
        self.assertIn("something on the way forbids", self.said(LogLevel.warn)[0])
        self.assertEqual(self.said(LogLevel.error), [])


class ProxyTests(ConnectorCase):
    """An HTTP proxy on the way."""

    def through(self, error: Exception) -> None:
        self.patch(self.network, "connect", lambda factory: self.refuse(error))

    def refuse(self, error: Exception) -> Deferred[IProtocol]:
        self.network.servers.append(TunnelServer(self.behaviour, self.clock))
        return fail(error)

    def test_one_that_wants_another_password_is_left_alone_for_minutes(self) -> None:
        self.through(ProxyRefused("the proxy p:1 does not take this password"))
        self.start()
        self.assertIn(
            "no tunnel to https://cloud.example:4443: the proxy p:1 does not take",
            self.said(LogLevel.error)[0],
        )
        self.assert_tries_again_after(300)

    def test_one_that_leads_nowhere_is_trouble_like_any_other(self) -> None:
        self.through(ProxyFailed("the proxy p:1 can't reach cloud.example:4443"))
        self.start()
        self.assertIn("can't reach", self.said(LogLevel.warn)[0])
        self.assert_tries_again_after(0.5)


class WaitTests(ConnectorCase):
    def lose(self) -> None:
        if self.server.lost:
            return  # the device end was first
        transport = self.server.transport
        assert transport is not None
        transport.abortConnection()  # type: ignore[attr-defined]
        self.network.settle()

    def test_trouble_doubles_the_wait_up_to_a_minute(self) -> None:
        self.behaviour.up = False
        self.start()
        for step in (1, 2, 4, 8, 16, 32, 60, 60):
            self.assert_tries_again_after(step * 0.5)
        self.assertIn("connection refused", self.said(LogLevel.warn)[0])
        self.assertTrue(self.states[0].startswith("READY=1\nSTATUS=no tunnel to"))
        self.assertFalse(self.states[1].startswith("READY=1"))

    def test_a_lost_tunnel_is_opened_again(self) -> None:
        self.start()
        self.lose()
        self.assert_tries_again_after(0.5)
        self.assertEqual(len(self.streams.welcomes), 2)

    def test_a_tunnel_that_never_lasts_does_not_shorten_the_wait(self) -> None:
        self.start()
        for step in (1, 2, 4):
            self.network.advance(20)
            self.lose()
            self.assert_tries_again_after(step * 0.5)

    def test_a_tunnel_that_lasted_starts_the_wait_anew(self) -> None:
        self.start()
        for _ in range(3):
            self.network.advance(30)
            self.lose()
            self.assert_tries_again_after(0.5)
        self.assertIn("lost the tunnel", self.said(LogLevel.warn)[0])

    def test_retry_after_is_honoured_and_spread(self) -> None:
        for status in ("429 Too Many Requests", "503 Service Unavailable"):
            self.behaviour.answer = response(status, "Retry-After: 90")
            connector = self.start()
            self.assert_tries_again_after(90 + 22.5)
            self.stop(connector)

    def test_retry_after_is_bounded(self) -> None:
        self.behaviour.answer = response("503 Busy", "Retry-After: 999999")
        self.start()
        self.assert_tries_again_after(3600 + 900)

    def test_without_retry_after_the_usual_wait_holds(self) -> None:
        self.behaviour.answer = response("503 Busy")
        self.start()
        self.assert_tries_again_after(0.5)

    def test_a_server_that_is_silent_is_given_up(self) -> None:
        self.behaviour.answer = b""
        self.start()
        self.network.advance(29)
        self.assertFalse(self.server.lost)
        self.network.advance(1.1)
        self.assertTrue(self.server.lost)
        self.assertIn("does not answer in time", self.said(LogLevel.warn)[0])

    def test_an_unanswered_greeting_ends_the_connection(self) -> None:
        self.behaviour.welcome = None
        self.start()
        self.network.advance(10.1)
        self.assertTrue(self.server.lost)
        self.assertIn("does not answer the greeting", self.said(LogLevel.warn)[0])

    def test_a_greeting_that_makes_no_sense_ends_the_connection(self) -> None:
        for welcome in (
            {},
            {"session": "s", "heartbeat": 0, "url": "https://x/"},
            {"session": "s", "heartbeat": 1e999, "url": "https://x/"},
            {"session": "s", "heartbeat": True, "url": "https://x/"},
            {"session": "s", "heartbeat": 25, "url": "https://x/\r\nX: y"},
            {"session": "s", "heartbeat": 25, "url": "javascript:alert(1)"},
            {"session": 1, "heartbeat": 25, "url": "https://x/"},
            RpcError(-32000, "no\x1b[31m room"),
        ):
            self.behaviour.welcome = welcome
            connector = self.start()
            self.assertTrue(self.server.lost, welcome)
            self.assertEqual(self.streams.welcomes, [])
            self.assertNotIn("\x1b", "".join(self.said(LogLevel.warn)))
            self.stop(connector)

    def test_a_dead_server_is_noticed(self) -> None:
        self.start()
        self.network.dead = True
        self.network.advance(25)
        self.network.advance(25)
        self.assertEqual(self.said(LogLevel.warn), [])
        self.network.advance(25)
        self.assertIn(
            "lost the tunnel to https://cloud.example:4443: 2 pings without an answer",
            self.said(LogLevel.warn)[-1],
        )

    def test_the_real_reason_of_a_loss_is_told(self) -> None:
        self.start()
        self.network.advance(1)
        self.lose()
        self.assertIn(
            "lost the tunnel to https://cloud.example:4443: the other side closed the "
            "connection",
            self.said(LogLevel.warn)[-1],
        )

    def test_a_server_that_breaks_the_protocol_is_told_as_such(self) -> None:
        self.start()
        assert self.server.control is not None
        assert self.server.control.transport is not None
        self.server.control.transport.write(b"garbage\n")
        self.network.settle()
        self.assertTrue(self.server.lost)
        self.assertIn("a line is not JSON", self.said(LogLevel.warn)[-1])

    def test_stopping_while_it_waits_ends_at_once(self) -> None:
        self.behaviour.up = False
        connector = self.start()
        self.successResultOf(connector.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(connector.stop())

    def test_stopping_before_the_start_is_possible(self) -> None:
        self.successResultOf(self.make().stop())

    def test_stopping_in_the_handshake_is_possible(self) -> None:
        self.behaviour.answer = b""
        connector = self.start()
        stopped = connector.stop()
        self.network.settle()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RefusalTests(ConnectorCase):
    def test_a_wrong_password_is_said_and_waits_for_minutes(self) -> None:
        self.behaviour.password = "another password"
        self.start()
        self.assertEqual(len(self.server.proofs), 1)
        self.assertIn(
            f"refused by https://cloud.example:4443 as {CLOUD_ID}", self.states[0]
        )
        self.assertEqual(len(self.said(LogLevel.error)), 1)
        self.assert_tries_again_after(300)

    def test_nothing_is_pinned_before_the_server_has_proven_itself(self) -> None:
        self.behaviour.password = "another password"
        self.start()
        self.assertIsNone(self.pins.get("cloud.example:4443"))

    def test_disabled_after_a_valid_proof_is_said_and_waits_for_minutes(self) -> None:
        self.behaviour.after_proof = response("403 Forbidden")
        self.start()
        self.assertIn("has disabled", self.states[0])
        self.assert_tries_again_after(300)

    def test_a_relay_with_another_certificate_gets_no_tunnel(self) -> None:
        self.behaviour.certificate = SECOND
        self.behaviour.binding_certificate = FIRST
        self.start()
        self.assertEqual((self.server.hellos, self.streams.welcomes), ([], []))
        self.assertIn("refused", self.states[0])
        self.assertIsNone(self.pins.get("cloud.example:4443"))

    def test_a_server_without_the_verifier_gets_no_tunnel(self) -> None:
        self.behaviour.spoil_server_final = True
        self.start()
        self.assertEqual((self.server.hellos, self.streams.welcomes), ([], []))
        self.assertIn("did not prove", self.said(LogLevel.warn)[0])
        self.assertIsNone(self.pins.get("cloud.example:4443"))

    def test_a_switch_without_a_proof_gets_no_tunnel(self) -> None:
        self.behaviour.answer = (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: cfos-tunnel/1\r\n\r\n"
        )
        self.start()
        self.assertEqual(self.streams.welcomes, [])
        self.assertIn("without a proof", self.said(LogLevel.warn)[0])

    def test_a_proxy_that_ends_tls_is_named_as_the_likely_cause(self) -> None:
        self.behaviour.answer = response(
            "401 Unauthorized",
            'WWW-Authenticate: SCRAM-SHA-256 realm="cfos-tunnel", error="x"',
        )
        self.start()
        self.assertIn("--verify ca", self.states[0])

    def test_what_is_no_server_of_ours_is_said(self) -> None:
        for answer, words in (
            (response("404 Not Found"), "no cfos-cloud server"),
            (response("308 Permanent Redirect"), "https"),
            (response("500 Oops"), "status 500"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP/1.1"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, "too long"),
        ):
            self.behaviour.answer = answer
            connector = self.start()
            self.assertIn(words, self.said(LogLevel.warn)[-1])
            self.stop(connector)

    def test_no_secret_is_logged(self) -> None:
        self.stop(self.start())
        self.behaviour.password = "another password"
        self.start()
        everything = repr(self.events) + repr(self.states)
        self.assertNotIn(CHOSEN, everything)
        self.assertNotIn("data=", everything)


class GoodbyeTests(ConnectorCase):
    def say(self, **params: object) -> None:
        assert self.server.control is not None
        self.server.control.notify("goaway", params)
        self.network.settle()

    def hang_up(self) -> None:
        if self.server.lost:
            return  # the device end was first
        transport = self.server.transport
        assert transport is not None
        transport.abortConnection()  # type: ignore[attr-defined]
        self.network.settle()

    def test_replaced_waits_long_and_says_why(self) -> None:
        self.start()
        self.say(reason="replaced")
        self.hang_up()
        self.assertIn(
            f"another device end with the Cloud ID {CLOUD_ID}", self.states[-1]
        )
        self.assert_tries_again_after(180)

    def test_disabled_and_removed_wait_for_minutes(self) -> None:
        for reason in ("disabled", "removed"):
            connector = self.start()
            self.say(reason=reason)
            self.hang_up()
            self.assertIn(reason, self.states[-1])
            self.assert_tries_again_after(300)
            self.stop(connector)

    def test_a_shutdown_is_waited_for_and_its_retry_after_honoured(self) -> None:
        self.start()
        self.say(reason="shutdown", retry_after=20)
        self.assertFalse(self.server.lost)
        self.hang_up()
        self.assertIn("going down", self.states[-1])
        self.assert_tries_again_after(20 + 5)

    def test_a_shutdown_without_a_time_waits_as_usual(self) -> None:
        self.start()
        self.say(reason="shutdown")
        self.hang_up()
        self.assert_tries_again_after(0.5)

    def test_a_goodbye_that_makes_no_sense_is_ignored(self) -> None:
        self.start()
        for params in ({"reason": 7}, {"reason": "shutdown", "retry_after": "soon"}):
            self.say(**params)
        self.assertFalse(self.server.lost)
        self.hang_up()
        self.assert_tries_again_after(0.5)

    def test_a_control_stream_that_ends_ends_the_tunnel(self) -> None:
        self.start()
        assert self.server.control is not None
        transport = self.server.control.transport
        assert transport is not None
        transport.loseConnection()
        self.network.settle()
        self.assertTrue(self.server.lost)
        self.assertIn("the control stream was ended", self.said(LogLevel.warn)[-1])


class KeyTests(ConnectorCase):
    """What happens when the server's key is not the pinned one."""

    SERVER = "cloud.example:4443"

    def start_pinned(self, password: str) -> None:
        """A tunnel has been up with the first certificate."""
        self.behaviour.password = password
        connector = self.start(password)
        self.stop(connector)
        self.pinned = self.pins.get(self.SERVER)
        self.assertIsNotNone(self.pinned)
        self.streams.welcomes.clear()

    def change(self, certificate: Made, password: str) -> Connector:
        self.behaviour.certificate = certificate
        return self.start(password)

    def test_the_same_key_in_a_new_certificate_is_the_same(self) -> None:
        self.start_pinned(CHOSEN)
        self.change(make_certificate("cloud.example", key=FIRST.key), CHOSEN)
        self.assertEqual(len(self.streams.welcomes), 1)
        self.assertEqual(self.pins.get(self.SERVER), self.pinned)

    def test_a_new_key_that_nothing_vouches_for_stops_a_chosen_password(self) -> None:
        self.start_pinned(CHOSEN)
        self.change(SECOND, CHOSEN)
        self.assertEqual((self.server.requests, self.streams.welcomes), ([], []))
        self.assertEqual(self.pins.get(self.SERVER), self.pinned)
        text = self.said(LogLevel.error)[-1]
        self.assertIn("no proof of the Cloud password was sent", text)
        self.assertIn(str(self.pins.path), text)
        self.assertIn("is not the one seen before", self.states[-1])

    def test_it_stays_away_until_the_pin_is_deleted(self) -> None:
        self.start_pinned(CHOSEN)
        self.change(SECOND, CHOSEN)
        self.assert_tries_again_after(300)
        self.assertEqual(self.server.requests, [])
        self.pins.path.unlink()
        self.assert_tries_again_after(300)
        self.assertEqual(len(self.streams.welcomes), 1)
        self.assertNotIn(self.pins.get(self.SERVER), (None, self.pinned))

    def test_a_new_key_is_accepted_with_a_generated_password(self) -> None:
        self.start_pinned(GENERATED)
        self.change(SECOND, GENERATED)
        self.assertEqual(len(self.streams.welcomes), 1)
        self.assertNotEqual(self.pins.get(self.SERVER), self.pinned)

    def test_a_new_key_that_a_ca_vouches_for_is_accepted(self) -> None:
        self.start_pinned(CHOSEN)
        self.change(VALID, CHOSEN)
        self.assertEqual(len(self.streams.welcomes), 1)
        self.assertNotEqual(self.pins.get(self.SERVER), self.pinned)

    def test_a_ca_that_vouches_for_another_name_or_no_longer_is_not_enough(
        self,
    ) -> None:
        self.start_pinned(CHOSEN)
        for certificate in (NOT_OURS, EXPIRED):
            connector = self.change(certificate, CHOSEN)
            self.assertEqual((self.server.requests, self.streams.welcomes), ([], []))
            self.stop(connector)

    def test_a_new_key_is_pinned_only_after_the_server_has_proven_itself(self) -> None:
        self.start_pinned(GENERATED)
        self.behaviour.spoil_server_final = True
        self.change(SECOND, GENERATED)
        self.assertEqual(self.streams.welcomes, [])
        self.assertEqual(self.pins.get(self.SERVER), self.pinned)

    def test_a_damaged_pin_file_stops_everything(self) -> None:
        self.pins.path.write_text("{")
        self.start(CHOSEN)
        self.assertEqual(self.server.requests, [])
        self.assertIn("damaged", self.said(LogLevel.error)[-1])


class CATests(ConnectorCase):
    def test_a_valid_certificate_is_enough_and_nothing_is_bound_or_pinned(self) -> None:
        self.behaviour.certificate = VALID
        self.behaviour.binding_certificate = FIRST
        self.start(verify=Verify.CA)
        self.assertEqual(len(self.streams.welcomes), 1)
        self.assertIn(b'SCRAM-SHA-256 realm="', self.server.requests[0])
        self.assertIsNone(self.pins.get("cloud.example:4443"))

    def test_an_invalid_certificate_gets_no_proof(self) -> None:
        for certificate, words in (
            (FIRST, "self-signed"),
            (NOT_OURS, "not for cloud.example"),
            (EXPIRED, "expired"),
        ):
            self.behaviour.certificate = certificate
            connector = self.start(verify=Verify.CA)
            self.assertEqual(self.server.requests, [])
            self.assertIn(words, self.said(LogLevel.error)[-1])
            self.assert_tries_again_after(300)
            self.stop(connector)

    def test_plain_http_gets_no_proof(self) -> None:
        self.behaviour.certificate = None
        self.start(verify=Verify.CA, url="http://cloud.example")
        self.assertEqual(self.server.requests, [])
