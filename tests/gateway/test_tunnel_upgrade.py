"""The tunnel as a WebSocket, at the door."""

from __future__ import annotations

from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.scram import ClientHandshake
from cfos_cloud.tunnel.websocket import WebSocketTunnel
from cfos_cloud.tunnel.websocket_frames import accept_of, new_key
from cfos_cloud.tunnel.yamux import Role
from tests.gateway.test_door import PASSWORD, Caller, DoorCase
from tests.memory import MemoryTransport, Message, parse_messages
from tests.tunnel.support import Device

FIELDS = {
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Protocol": b"cfos-tunnel.1",
}
Changes = dict[bytes, bytes | None]


class WebSocketCase(DoorCase):
    def ask(
        self,
        caller: Caller,
        authorization: bytes | None = None,
        changed: Changes | None = None,
        rest: bytes = b"",
    ) -> Message:
        """A request with some fields ``changed``, and its one answer."""
        self.key = new_key()
        fields: Changes = {**FIELDS, b"Sec-WebSocket-Key": self.key}
        if authorization is not None:
            fields[b"Authorization"] = authorization
        fields |= changed or {}
        lines = [b"GET /cloud/tunnel HTTP/1.1", b"Host: cloud.example.org:4443"]
        lines += [b"%b: %b" % (n, v) for n, v in fields.items() if v is not None]
        caller.channel.dataReceived(b"\r\n".join((*lines, b"", rest)))
        [message] = parse_messages(caller.wire.take())
        return message

    def prove(
        self,
        caller: Caller,
        changed: Changes | None = None,
        rest: bytes = b"",
        password: str = PASSWORD,
    ) -> Message:
        """The answer to the second request; ``changed`` is of that."""
        handshake = ClientHandshake("w00-a", password, None)
        challenge = self.ask(caller, handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        caller.handshake = handshake
        return self.ask(caller, handshake.final(challenge), changed, rest)

    def device(self) -> tuple[Device, MemoryTransport, WebSocketTunnel]:
        """The other end: it has said hello, what it says is in its wire."""
        device, wire = Device(self.clock), MemoryTransport()
        tunnel = Multiplexed(Role.CLIENT, self.clock, device)
        websocket = WebSocketTunnel(tunnel, self.clock, client=True)
        websocket.makeConnection(wire)
        device.say_hello()
        self.clock.advance(0)
        return device, wire, websocket


class OpeningTests(WebSocketCase):
    def test_the_handshakes_of_password_and_websocket_end_in_one_answer(self) -> None:
        caller = self.caller()
        message = self.prove(caller)
        self.assertEqual(message.status, 101)
        for name, value in (
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-accept", accept_of(self.key)),
            (b"sec-websocket-protocol", b"cfos-tunnel.1"),
            (b"sec-websocket-extensions", None),
        ):
            self.assertEqual(message.get(name), value)
        info = message.get(b"authentication-info")
        assert info is not None
        caller.handshake.finish(info)

    def test_without_a_proof_there_is_the_same_401_as_ever(self) -> None:
        caller = self.caller()
        message = self.ask(caller)
        self.assertEqual(message.status, 401)
        self.assertEqual(
            message.all(b"www-authenticate"), [b'SCRAM-SHA-256 realm="cfos-tunnel"']
        )
        self.assertEqual(self.prove(caller, password="wrong").status, 401)
        self.assertFalse(caller.wire.ended)

    def test_after_that_the_messages_are_yamux(self) -> None:
        caller = self.caller()
        self.prove(caller)
        device, wire, websocket = self.device()
        caller.channel.dataReceived(wire.take())
        for _ in range(2):
            self.clock.advance(0)
        session = self.exchange.session("W00-A")
        assert session is not None
        websocket.dataReceived(caller.wire.take())
        assert device.welcome is not None
        self.assertEqual(device.welcome["url"], "http://cloud.example.org:4443")

    def test_messages_behind_the_proof_are_not_lost(self) -> None:
        _, wire, _ = self.device()
        caller = self.caller()
        self.assertEqual(self.prove(caller, rest=wire.take()).status, 101)
        self.clock.advance(0)
        self.assertIsNotNone(self.exchange.session("W00-A"))

    def test_a_close_ends_the_tunnel(self) -> None:
        caller = self.caller()
        self.prove(caller)
        device, wire, _ = self.device()
        caller.channel.dataReceived(wire.take())
        self.clock.advance(0)
        device.multiplexed.shut_down()
        caller.channel.dataReceived(wire.take())
        self.assertTrue(caller.wire.disconnecting)

    def test_more_subprotocols_may_be_offered(self) -> None:
        changed: Changes = {b"Sec-WebSocket-Protocol": b"chat, cfos-tunnel.1"}
        message = self.prove(self.caller(), changed)
        self.assertEqual(message.get(b"sec-websocket-protocol"), b"cfos-tunnel.1")

    def test_one_request_may_be_of_one_kind_and_the_other_of_the_other(self) -> None:
        caller = self.caller()
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        challenge = self.ask(caller, handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        message = caller.ask(handshake.final(challenge))
        self.assertEqual(message.get(b"upgrade"), b"cfos-tunnel/1")


class RefusalTests(WebSocketCase):
    def test_a_browser_gets_none_with_any_proof(self) -> None:
        for origin in (b"https://cloud.example.org:4443", b"null", b""):
            message = self.prove(self.caller(), {b"Origin": origin})
            self.assertEqual(message.status, 403)
            self.assertIsNone(message.get(b"authentication-info"))
        self.assertEqual(len(self.exchange), 0)

    def test_another_version_is_told_the_right_one(self) -> None:
        for version in (b"8", b"", b"13, 8", None):
            message = self.ask(
                self.caller(), changed={b"Sec-WebSocket-Version": version}
            )
            self.assertEqual(message.status, 426)
            self.assertEqual(message.get(b"sec-websocket-version"), b"13")

    def test_a_websocket_of_another_kind_is_none_of_ours(self) -> None:
        for protocol in (None, b"", b"chat", b"cfos-tunnel.2"):
            message = self.ask(
                self.caller(), changed={b"Sec-WebSocket-Protocol": protocol}
            )
            self.assertEqual(message.status, 426)
            self.assertEqual(message.get(b"upgrade"), b"cfos-tunnel/1")

    def test_a_key_has_sixteen_bytes_in_base64(self) -> None:
        for key in (None, b"", b"abc", b"AAAA", b"!" * 24, b"A" * 24):
            caller = self.caller()
            message = self.ask(caller, changed={b"Sec-WebSocket-Key": key})
            self.assertEqual(message.status, 400, key)
            self.assertFalse(caller.wire.ended)
