"""Where devices come in: from the first request to a tunnel, or to a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_password import CHOSEN_ITERATIONS, GENERATED_ITERATIONS
from cfos_cloud.gateway import door
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.door import STOPPING_RETRY_AFTER, TunnelDoor
from cfos_cloud.http.message import BadMessage, RequestHead
from cfos_cloud.relay.channel import HEAD_SECONDS, RequestChannel
from cfos_cloud.throttle import PENALTY, TOLERANCE, Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.scram import (
    ClientHandshake,
    FakeVerifiers,
    ServerHandshake,
    Verifier,
    make_verifier,
)
from cfos_cloud.tunnel.yamux import Role
from tests.memory import MemoryTransport, Message, parse_messages
from tests.tunnel.support import Device

PASSWORD = "correct horse battery"
VERIFIER = make_verifier(PASSWORD, GENERATED_ITERATIONS)
#: Of the same; so it counts as one that somebody has chosen.
CHOSEN = make_verifier(PASSWORD, GENERATED_ITERATIONS + 1)
FAILED = b'SCRAM-SHA-256 realm="cfos-tunnel", error="authentication-failed"'


@dataclass(frozen=True)
class System:
    cloud_id: str
    verifier: Verifier
    enabled: bool = True


class Handler:
    """What a connection does with requests for the tunnel."""

    def __init__(self, door: TunnelDoor, client: Client) -> None:
        self.door = door
        self.client = client
        self.handshake: ServerHandshake | None = None
        self.closed = 0

    def request(self, channel: RequestChannel, head: RequestHead) -> None:
        if self.handshake is None:
            self.handshake = self.door.handshake(channel)
        self.door.answer(self.handshake, channel, head, self.client)

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        raise AssertionError(why)

    def channel_closed(self, channel: RequestChannel) -> None:
        self.closed += 1


class Caller:
    """One connection of a device."""

    def __init__(self, door: TunnelDoor, clock: Clock, address: str) -> None:
        self.handler = Handler(door, Client(address, False))
        self.wire = MemoryTransport()
        self.channel = RequestChannel(self.handler, clock)
        self.channel.makeConnection(self.wire)

    def ask(
        self,
        authorization: bytes | None = None,
        *,
        method: bytes = b"GET",
        target: bytes = b"/cloud/tunnel",
        upgrade: bytes | None = b"cfos-tunnel/1",
        rest: bytes = b"",
    ) -> Message:
        """A request, and its one answer."""
        lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: cloud.example.org:4443"]
        if upgrade is not None:
            lines += [b"Connection: Upgrade", b"Upgrade: " + upgrade]
        if authorization is not None:
            lines.append(b"Authorization: " + authorization)
        self.channel.dataReceived(b"\r\n".join((*lines, b"", rest)))
        [message] = parse_messages(self.wire.take())
        return message

    def prove(
        self, cloud_id: str = "w00-a", password: str = PASSWORD, rest: bytes = b""
    ) -> Message:
        """The answer to the second request of a handshake."""
        self.handshake = ClientHandshake(cloud_id, password, None)
        challenge = self.ask(self.handshake.first())
        assert challenge.status == 401, challenge
        www_authenticate = challenge.get(b"www-authenticate")
        assert www_authenticate is not None
        return self.ask(self.handshake.final(www_authenticate), rest=rest)


class DoorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange()
        self.systems = {
            "w00-a": System("W00-A", VERIFIER),
            "disabled": System("disabled", VERIFIER, enabled=False),
        }
        self.door = TunnelDoor(
            lambda cloud_id: self.systems.get(cloud_id.lower()),
            FakeVerifiers(b"secret"),
            self.exchange,
            Throttle(self.clock.seconds),
            self.clock,
        )

    def caller(self, address: str = "192.0.2.7") -> Caller:
        return Caller(self.door, self.clock, address)


class RequestTests(DoorCase):
    def test_what_is_no_request_for_a_tunnel_is_told_what_would_be_one(self) -> None:
        caller = self.caller()
        for message in (
            caller.ask(b"SCRAM-SHA-256 data=eCw=", upgrade=None),
            caller.ask(upgrade=b"websocket"),
            caller.ask(upgrade=b"cfos-tunnel/2"),
            caller.ask(upgrade=b"cfos-tunnel"),
            caller.ask(upgrade=b"cfos-tunnel/1, websocket"),
            caller.ask(method=b"POST"),
            caller.ask(method=b"OPTIONS"),
            caller.ask(target=b"/cloud/tunnel?x"),
        ):
            self.assertEqual(message.status, 426)
            self.assertEqual(message.get(b"upgrade"), b"cfos-tunnel/1")
            self.assertEqual(message.get(b"cache-control"), b"no-store")
            self.assertEqual(message.get(b"content-length"), b"0")
        self.assertFalse(caller.wire.ended)

    def test_the_protocol_s_name_has_no_case(self) -> None:
        self.assertEqual(self.caller().ask(upgrade=b"CFOS-Tunnel/1").status, 401)

    def test_without_credentials_the_mechanisms_are_offered(self) -> None:
        caller = self.caller()
        message = caller.ask()
        self.assertEqual(message.status, 401)
        self.assertEqual(
            message.all(b"www-authenticate"), [b'SCRAM-SHA-256 realm="cfos-tunnel"']
        )
        self.assertEqual(message.get(b"content-length"), b"0")
        self.assertIsNone(message.get(b"connection"))
        self.assertFalse(caller.wire.ended)

    def test_who_asks_by_a_plain_request_is_told_the_mechanisms_too(self) -> None:
        caller = self.caller()
        plain = caller.ask(upgrade=None)
        self.assertEqual(plain.status, 401)
        self.assertEqual(
            plain.all(b"www-authenticate"), caller.ask().all(b"www-authenticate")
        )
        self.assertEqual(plain.get(b"upgrade"), b"cfos-tunnel/1")
        self.assertEqual(plain.get(b"content-length"), b"0")
        self.assertEqual(plain.get(b"x-frame-options"), b"DENY")
        self.assertEqual(caller.ask(method=b"HEAD", upgrade=None).status, 401)
        self.assertFalse(caller.wire.ended)

    def test_a_server_that_stops_sends_devices_away_for_a_while(self) -> None:
        self.door.closed = True
        message = self.caller().ask()
        self.assertEqual(message.status, 503)
        retry_after = message.get(b"retry-after")
        assert retry_after is not None
        self.assertGreaterEqual(int(retry_after), STOPPING_RETRY_AFTER)
        self.assertEqual(self.caller().ask(upgrade=None).status, 401)


class ProofTests(DoorCase):
    def test_who_is_proven_gets_a_tunnel(self) -> None:
        caller = self.caller()
        message = caller.prove()
        self.assertEqual(message.status, 101)
        self.assertEqual(message.get(b"connection"), b"Upgrade")
        self.assertEqual(message.get(b"upgrade"), b"cfos-tunnel/1")
        self.assertIsNone(message.get(b"content-length"))
        info = message.get(b"authentication-info")
        assert info is not None
        caller.handshake.finish(info)

    def test_its_connection_keeps_little_unsent_and_no_other_does(self) -> None:
        kept: list[object] = []
        self.patch(door, "keep_unsent_short", kept.append)
        self.caller().prove(password="wrong")
        self.assertEqual(kept, [])
        caller = self.caller()
        caller.prove()
        self.assertEqual(kept, [caller.wire])

    def test_after_that_the_connection_speaks_yamux(self) -> None:
        caller = self.caller()
        caller.prove()
        device, wire = self.device()
        caller.channel.dataReceived(wire.take())
        self.clock.advance(0)
        self.clock.advance(0)
        session = self.exchange.session("W00-A")
        assert session is not None
        self.assertEqual(session.cloud_id, "W00-A")
        self.assertEqual(session.client, "192.0.2.7")
        self.assertEqual(session.url, "http://cloud.example.org:4443")
        device.multiplexed.dataReceived(caller.wire.take())
        assert device.welcome is not None
        self.assertEqual(device.welcome["url"], "http://cloud.example.org:4443")

    def test_bytes_behind_the_proof_are_yamux_already(self) -> None:
        _, wire = self.device()
        caller = self.caller()
        message = caller.prove(rest=wire.take())
        self.assertEqual(message.status, 101)
        self.clock.advance(0)
        self.assertIsNotNone(self.exchange.session("W00-A"))

    def test_no_timer_of_http_cuts_a_tunnel(self) -> None:
        caller = self.caller()
        caller.prove()
        _, wire = self.device()
        caller.channel.dataReceived(wire.take())
        for _ in range(2):
            self.clock.advance(HEAD_SECONDS + 1)
        self.assertFalse(caller.wire.ended)

    def test_a_lost_connection_is_a_lost_tunnel(self) -> None:
        caller = self.caller()
        caller.prove()
        _, wire = self.device()
        caller.channel.dataReceived(wire.take())
        self.clock.advance(0)
        self.assertEqual(len(self.exchange), 1)
        caller.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((len(self.exchange), caller.handler.closed), (0, 1))

    def test_what_a_full_connection_pauses_is_the_tunnel(self) -> None:
        caller = self.caller()
        caller.prove()
        self.assertIsInstance(caller.wire.producer, Multiplexed)
        self.assertTrue(caller.wire.reading)

    def device(self) -> tuple[Device, MemoryTransport]:
        """The other end: it has said hello, what it says is in its wire."""
        device, wire = Device(self.clock), MemoryTransport()
        Multiplexed(Role.CLIENT, self.clock, device).makeConnection(wire)
        device.say_hello()
        self.clock.advance(0)
        return device, wire


class RefusalTests(DoorCase):
    def test_a_wrong_password_and_an_unknown_id_look_alike(self) -> None:
        answers = []
        for cloud_id, password in (("w00-a", "wrong"), ("nobody", PASSWORD)):
            caller = self.caller()
            answers.append(caller.prove(cloud_id, password))
            self.assertFalse(caller.wire.ended)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0].status, 401)
        self.assertEqual(answers[0].all(b"www-authenticate"), [FAILED])

    def test_after_a_failure_the_same_connection_may_try_again(self) -> None:
        caller = self.caller()
        self.assertEqual(caller.prove(password="wrong").status, 401)
        self.assertEqual(caller.prove().status, 101)

    def test_a_proof_is_good_on_its_own_connection_only(self) -> None:
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        challenge = self.caller().ask(handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        message = self.caller().ask(handshake.final(challenge))
        self.assertEqual(message.all(b"www-authenticate"), [FAILED])

    def test_credentials_of_another_kind_are_refused(self) -> None:
        for authorization in (b"Basic eDp5", b"", b"SCRAM-SHA-256", b"\xff" * 10):
            message = self.caller().ask(authorization)
            self.assertEqual(message.status, 401)
            self.assertEqual(message.all(b"www-authenticate"), [FAILED])

    def test_who_is_disabled_learns_it_only_by_the_right_password(self) -> None:
        self.assertEqual(self.caller().prove("disabled", "wrong").status, 401)
        with capturedLogs() as events:
            message = self.caller().prove("disabled")
        self.assertEqual(message.status, 403)
        self.assertIsNone(message.get(b"authentication-info"))
        self.assertRegex(
            formatEvent(events[-1]),
            r"^tunnel refused to [\d.]+: the system disabled is disabled$",
        )

    def test_who_is_removed_meanwhile_is_refused(self) -> None:
        caller = self.caller()
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        challenge = caller.ask(handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        self.systems.clear()
        self.assertEqual(caller.ask(handshake.final(challenge)).status, 401)

    def guess(self) -> None:
        """Until the address has to wait."""
        for _ in range(int(TOLERANCE / PENALTY) + 1):
            self.assertEqual(self.caller().prove(password="wrong").status, 401)

    def test_too_many_failures_have_to_wait(self) -> None:
        self.systems["w00-a"] = System("W00-A", CHOSEN)
        self.guess()
        first = ClientHandshake("w00-a", PASSWORD, None).first()
        for authorization in (None, first, b"Basic eDp4"):
            message = self.caller().ask(authorization)
            self.assertEqual(message.status, 429)
        retry_after = message.get(b"retry-after")
        assert retry_after is not None
        self.assertTrue(0 < int(retry_after) <= PENALTY + 1, retry_after)
        self.assertEqual(self.caller("192.0.2.8").prove().status, 101)
        self.clock.advance(int(retry_after))
        self.assertEqual(self.caller().prove().status, 101)

    def test_a_proof_that_began_before_the_wait_is_not_looked_at(self) -> None:
        self.systems["w00-a"] = System("W00-A", CHOSEN)
        caller = self.caller()
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        challenge = caller.ask(handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        self.guess()
        self.assertEqual(caller.ask(handshake.final(challenge)).status, 429)

    def test_who_has_a_generated_password_never_waits_for_who_shares_the_address(
        self,
    ) -> None:
        self.guess()
        self.assertEqual(self.caller().prove().status, 101)
        # Who has a wrong one learns no more than everybody who has to wait.
        caller = self.caller()
        handshake = ClientHandshake("w00-a", "wrong", None)
        challenge = caller.ask(handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        self.assertEqual(caller.ask(handshake.final(challenge)).status, 429)

    def test_who_has_to_wait_can_not_tell_systems_from_what_there_is_not(self) -> None:
        self.guess()
        fakes = FakeVerifiers(b"secret")
        for number in range(20):
            name = f"unknown-{number}"
            first = ClientHandshake(name, PASSWORD, None).first()
            guessable = fakes.make(name).iterations == CHOSEN_ITERATIONS
            expected = 429 if guessable else 401
            self.assertEqual(self.caller().ask(first).status, expected, name)

    def test_challenges_and_successes_cost_nothing(self) -> None:
        for _ in range(30):
            self.assertEqual(self.caller().ask().status, 401)
            self.assertEqual(self.caller().prove().status, 101)
        self.assertEqual(self.caller().ask().status, 401)
