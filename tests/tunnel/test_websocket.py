"""A tunnel inside a WebSocket: bytes, back pressure, pings, and its ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import ProtocolBroken
from cfos_cloud.tunnel.websocket import (
    CLOSING_SECONDS,
    FRAMES_AT_ONCE,
    WebSocketTunnel,
)
from cfos_cloud.tunnel.websocket_frames import WebSocketFrames
from cfos_cloud.tunnel.yamux import Role
from tests.end_to_end import websocket
from tests.memory import MemoryTransport


class Recorder(Protocol):
    def __init__(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class Listener:
    def __init__(self) -> None:
        self.opened: list[Recorder] = []
        self.lost: list[BaseException] = []

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        """Nothing to open yet."""

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        self.opened.append(Recorder())
        return self.opened[-1]

    def multiplex_lost(self, reason: Failure) -> None:
        assert reason.value is not None
        self.lost.append(reason.value)


class End:
    """One end with its transport."""

    def __init__(self, clock: Clock, *, client: bool) -> None:
        self.listener = Listener()
        role = Role.CLIENT if client else Role.SERVER
        self.tunnel = Multiplexed(role, clock, self.listener)
        self.wire = MemoryTransport()
        self.websocket = WebSocketTunnel(self.tunnel, clock, client=client)
        self.websocket.makeConnection(self.wire)

    def lose(self) -> None:
        self.websocket.connectionLost(Failure(ConnectionDone()))


class TunnelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.device = End(self.clock, client=True)
        self.server = End(self.clock, client=False)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.server.lose)
        self.addCleanup(self.device.lose)

    def pump(self) -> None:
        for _ in range(20):
            self.clock.advance(0)
            for one, other in (
                (self.device, self.server),
                (self.server, self.device),
            ):
                data = one.wire.take()
                if data:
                    other.websocket.dataReceived(data)

    def send_to_server(self, data: bytes) -> None:
        self.server.websocket.dataReceived(data)

    def test_streams_carry_bytes_both_ways(self) -> None:
        here = Recorder()
        stream = self.device.tunnel.open_stream(here)
        data = bytes(range(256)) * 700
        stream.write(data)
        self.pump()
        [there] = self.server.listener.opened
        self.assertEqual(there.data, data)
        transport: Any = there.transport
        transport.write(b"answer")
        self.pump()
        self.assertEqual(here.data, b"answer")

    def test_a_full_transport_pauses_the_tunnel(self) -> None:
        producer: Any = self.device.wire.producer
        producer.pauseProducing()
        self.device.tunnel.open_stream(Recorder()).write(b"waits")
        self.clock.advance(0)
        self.assertEqual(self.device.wire.take(), b"")
        producer.resumeProducing()
        self.assertNotEqual(self.device.wire.value(), b"")
        self.pump()
        self.assertEqual(self.server.listener.opened[0].data, b"waits")

    def test_pings_are_answered(self) -> None:
        self.send_to_server(websocket.frame(9, b"1", masked=True))
        self.assertEqual(self.server.wire.take(), websocket.frame(10, b"1"))

    def test_who_pings_and_does_not_read_gets_one_answer(self) -> None:
        producer: Any = self.server.wire.producer
        producer.pauseProducing()
        for number in range(1000):
            self.send_to_server(websocket.frame(9, b"%d" % number, masked=True))
        self.assertEqual(self.server.wire.take(), b"")
        producer.resumeProducing()
        self.assertEqual(self.server.wire.take(), websocket.frame(10, b"999"))

    def test_a_read_full_of_frames_leaves_turns_to_others(self) -> None:
        nothing = websocket.frame(10, b"", masked=True)
        empty = websocket.frame(websocket.BINARY, b"", masked=True)
        ping = websocket.frame(9, b"1", masked=True)
        self.send_to_server((nothing + empty) * (FRAMES_AT_ONCE // 2) + ping)
        self.assertEqual(self.server.wire.take(), b"")
        self.assertFalse(self.server.wire.reading)
        self.send_to_server(ping[:3])
        self.send_to_server(ping[3:])
        self.assertEqual(self.server.wire.take(), b"")
        self.clock.advance(0)
        self.assertEqual(self.server.wire.take(), websocket.frame(10, b"1") * 2)
        self.assertTrue(self.server.wire.reading)

    def test_every_turn_has_so_many_frames(self) -> None:
        ping = websocket.frame(9, b"1", masked=True)
        self.send_to_server(ping * 3 * FRAMES_AT_ONCE)
        pong = websocket.frame(10, b"1")
        for turns in range(3):
            self.assertEqual(self.server.wire.take(), pong * FRAMES_AT_ONCE, turns)
            [call] = [c for c in self.clock.calls if c.time <= self.clock.seconds()]
            self.clock.calls.remove(call)
            call.func()
        self.assertEqual(self.server.wire.take(), b"")
        self.assertTrue(self.server.wire.reading)

    def test_one_that_ends_before_its_turn_has_none(self) -> None:
        ping = websocket.frame(9, b"1", masked=True)
        self.send_to_server(ping * 3 * FRAMES_AT_ONCE)
        self.server.lose()
        self.server.wire.clear()
        self.clock.advance(0)
        self.assertEqual(self.server.wire.take(), b"")

    def test_shutting_down_is_a_closing_handshake(self) -> None:
        self.device.tunnel.shut_down()
        self.assertFalse(self.device.wire.ended)
        self.pump()
        self.assertTrue(self.device.wire.disconnecting)
        self.assertTrue(self.server.wire.disconnecting)
        self.assertFalse(self.device.wire.aborted)

    def test_nobody_is_in_the_way_of_tls_s_end(self) -> None:
        self.device.tunnel.shut_down()
        self.pump()
        self.assertIsNone(self.device.wire.producer)
        self.assertIsNone(self.server.wire.producer)

    def test_a_peer_that_does_not_close_is_cut(self) -> None:
        self.device.tunnel.shut_down()
        self.clock.advance(CLOSING_SECONDS - 0.1)
        self.assertFalse(self.device.wire.ended)
        self.clock.advance(0.2)
        self.assertTrue(self.device.wire.aborted)

    def test_what_breaks_the_protocol_ends_the_tunnel_with_its_reason(self) -> None:
        self.send_to_server(websocket.frame(websocket.TEXT, b"x", masked=True))
        self.assertTrue(self.server.wire.aborted)
        frames = WebSocketFrames(client=True)
        self.assertEqual(len(list(frames.receive(self.server.wire.take()))), 1)
        self.server.lose()
        [why] = self.server.listener.lost
        self.assertIsInstance(why, ProtocolBroken)
        self.assertIn("a message is text", str(why))

    def test_nothing_behind_what_broke_yamux_is_passed_on(self) -> None:
        frames = WebSocketFrames(client=True)
        syn = b"\0\1\0\1" + (1).to_bytes(4, "big") + bytes(4)
        self.send_to_server(frames.messages(b"\7" * 12) + frames.messages(syn))
        self.assertTrue(self.server.wire.aborted)
        self.assertEqual(self.server.listener.opened, [])
        self.server.lose()
        self.assertIsInstance(self.server.listener.lost[0], ProtocolBroken)
        fresh = End(self.clock, client=False)
        fresh.websocket.dataReceived(WebSocketFrames(client=True).messages(syn))
        self.assertEqual(len(fresh.listener.opened), 1)
        fresh.lose()
        self.clock.advance(0)

    def test_the_end_of_the_connection_is_the_tunnel_s(self) -> None:
        self.device.lose()
        self.assertEqual(len(self.device.listener.lost), 1)
