"""A peer that means harm costs its own tunnel at most, and a bounded amount."""

from __future__ import annotations

import json
from collections.abc import Callable
from struct import pack

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import MAX_LINE_BYTES, JSONObject, RpcError
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.hello import MAX_STATUS_BYTES
from cfos_cloud.tunnel.multiplex import (
    LINGER_BEATS,
    MAX_OWN_STREAMS,
    Multiplexed,
)
from cfos_cloud.tunnel.rpc import MAX_ASKED, MAX_UNREAD_BYTES
from cfos_cloud.tunnel.session import TunnelSession
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import LocalError, Role
from tests.memory import MemoryTransport
from tests.tunnel.support import DeviceStream, MemoryTunnel, make_tunnel

DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8


def frame(
    kind: int, flags: int, stream_id: int, length: int, body: bytes = b""
) -> bytes:
    return pack(">BBHLL", 0, kind, flags, stream_id, length) + body


def line(method: str, **params: object) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message).encode() + b"\n"


class Raising(Protocol):
    """A bug at every turn."""

    def __init__(self, *where: str) -> None:
        self.where = where

    def _maybe(self, name: str) -> None:
        if name in self.where:
            raise RuntimeError(name)

    def connectionMade(self) -> None:
        self._maybe("made")

    def dataReceived(self, data: bytes) -> None:
        self._maybe("data")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._maybe("lost")


class HostileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange()
        self.tunnel = make_tunnel(self.clock, self.exchange)
        self.session = self.tunnel.session

    def open(self) -> DeviceStream:
        """A stream of the server's."""
        stream = DeviceStream()
        self.session.open_stream(stream)
        return stream

    def write_control(self, data: bytes) -> None:
        transport = self.tunnel.device.control.transport
        assert transport is not None
        transport.write(data)
        self.tunnel.pump()

    def stop_reading(self) -> None:
        """The device takes nothing of the control stream any more."""
        transport = self.tunnel.device.control.transport
        assert isinstance(transport, TunnelStream)
        transport.pauseProducing()

    def assert_ended_for(self, words: str) -> None:
        self.assertTrue(self.tunnel.server_wire.aborted)
        with capturedLogs() as events:
            self.tunnel.pump()
        self.assertIn(words, "\n".join(map(formatEvent, events)))
        self.assertEqual(len(self.exchange), 0)


class ControlTests(HostileCase):
    def test_a_line_in_single_bytes_is_a_line(self) -> None:
        text = line("status", note="x" * 500)
        for at in range(len(text)):
            self.write_control(text[at : at + 1])
        self.assertEqual(self.session.status, {"note": "x" * 500})

    def test_a_line_without_an_end_ends_the_tunnel(self) -> None:
        for _ in range(MAX_LINE_BYTES // 1024):
            self.write_control(b"x" * 1024)
        self.assertTrue(self.tunnel.over)
        self.assertEqual(len(self.exchange), 0)

    def test_a_status_that_is_too_large_is_ignored(self) -> None:
        self.write_control(line("status", target="up"))
        statuses: tuple[JSONObject, ...] = (
            {"note": "x" * MAX_STATUS_BYTES},
            {"lists": [[]] * 9_000},
            {"value": float("nan")},
            {"value": float("inf")},
        )
        for status in statuses:
            self.write_control(line("status", **status))
            self.assertEqual(self.session.status, {"target": "up"})
        deep = b'{"jsonrpc":"2.0","method":"status","params":{"a":%b%b}}\n'
        for depth in (100, 900):
            self.write_control(deep % (b"[" * depth, b"]" * depth))
        self.assertFalse(self.tunnel.over)
        self.assertLess(len(json.dumps(self.session.status)), MAX_STATUS_BYTES)

    def test_what_is_not_read_does_not_pile_up(self) -> None:
        self.stop_reading()
        count = 0
        while not self.tunnel.server_wire.aborted:
            self.session.logout("g" * 128)
            count += 1
            self.assertLess(count, 100_000)
            if count % 100 == 0:
                self.tunnel.pump()
        self.assertGreater(count * 128, MAX_UNREAD_BYTES / 2)
        self.assert_ended_for("the control stream is not read")

    def test_so_many_questions_wait_for_an_answer_and_no_more(self) -> None:
        asked = [self.session.login("admin", "x", "c", 60) for _ in range(MAX_ASKED)]
        one_more = self.session.login("admin", "x", "c", 60)
        self.assertEqual(self.failureResultOf(one_more, RpcError).value.code, -32003)
        self.tunnel.pump()
        self.assertEqual(len(self.tunnel.device.asked), MAX_ASKED)
        self.clock.advance(3)
        for question in asked:
            self.failureResultOf(question)
        self.assertNoResult(self.session.login("admin", "x", "c", 60).addErrback(str))


class StreamTests(HostileCase):
    def test_thousands_of_streams_are_reset_and_leave_nothing(self) -> None:
        frames = b"".join(
            frame(WINDOW_UPDATE, SYN, stream_id, 0) for stream_id in range(3, 6003, 2)
        )
        self.tunnel.at_server.dataReceived(frames)
        self.assertEqual(self.tunnel.at_server.stream_count, 1)
        self.assertEqual(self.tunnel.at_server.core.streams, 1)
        self.assertFalse(self.tunnel.server_wire.aborted)

    def test_the_server_opens_so_many_streams_and_no_more(self) -> None:
        for _ in range(MAX_OWN_STREAMS):
            self.open()
        self.assertRaises(LocalError, self.open)
        self.tunnel.pump()
        self.tunnel.device.streams[0].reset()
        self.tunnel.pump()
        self.open()

    def test_a_stream_that_the_device_never_ends_is_reset(self) -> None:
        stream = self.open()
        self.tunnel.pump()
        theirs = self.tunnel.device.streams[0]
        theirs.stream.pauseProducing()
        stream.stream.loseConnection()
        self.tunnel.pump()
        self.assertEqual(self.tunnel.at_server.stream_count, 2)
        for _ in range(LINGER_BEATS):
            self.assertEqual(stream.lost, [])
            self.clock.advance(25)
            self.tunnel.pump()
        self.assertEqual(self.tunnel.at_server.stream_count, 1)
        self.assertEqual(stream.lost, [ConnectionAborted])
        self.assertEqual(theirs.lost, [ConnectionLost])

    def test_one_whose_bytes_have_not_left_is_not(self) -> None:
        stream = self.open()
        self.tunnel.pump()
        self.tunnel.device.streams[0].stream.pauseProducing()
        stream.stream.write(b"x" * 300_000)
        stream.stream.loseConnection()
        for _ in range(2 * LINGER_BEATS):
            self.clock.advance(25)
            self.tunnel.pump()
        self.assertEqual(stream.lost, [])

    def test_half_a_close_lasts(self) -> None:
        stream = self.open()
        self.tunnel.pump()
        self.tunnel.device.streams[0].stream.pauseProducing()
        stream.stream.loseWriteConnection()
        for _ in range(2 * LINGER_BEATS):
            self.clock.advance(25)
            self.tunnel.pump()
        self.assertEqual(stream.lost, [])

    def test_what_paused_streams_hold_is_bounded_for_all_together(self) -> None:
        streams = []
        window = 256 * 1024
        self.tunnel.at_server.buffered.most = 8 * window
        for _ in range(8 + 4):
            stream = self.open()
            stream.stream.pauseProducing()
            self.tunnel.pump()
            self.tunnel.device.streams[-1].stream.write(b"x" * window)
            self.tunnel.pump()
            streams.append(stream)
        lost = [stream for stream in streams if stream.lost]
        self.assertEqual(lost, streams[8:], "the newest")
        self.assertFalse(self.tunnel.over)
        alive = next(stream for stream in streams if not stream.lost)
        alive.stream.resumeProducing()
        self.assertEqual(len(alive.data), window)
        streams.append(self.open())
        streams[-1].stream.pauseProducing()
        self.tunnel.pump()
        self.tunnel.device.streams[-1].stream.write(b"x" * window)
        self.tunnel.pump()
        self.assertEqual(streams[-1].lost, [])

    def test_frames_after_a_goaway_of_either_side_do_no_harm(self) -> None:
        stream = self.open()
        self.tunnel.pump()
        self.tunnel.at_device.core.go_away(0)
        self.tunnel.at_device.wake()
        self.tunnel.pump()
        self.assertRaises(LocalError, self.open)
        self.tunnel.device.streams[0].answer(b"still here")
        self.tunnel.pump()
        self.assertIn(b"still here", stream.data)
        self.write_control(line("status", target="up"))
        self.tunnel.at_server.dataReceived(frame(WINDOW_UPDATE, SYN, 999, 0))
        self.tunnel.at_server.dataReceived(frame(GO_AWAY, 0, 0, 2))
        self.session.dismiss("shutdown")
        self.tunnel.at_server.dataReceived(
            frame(WINDOW_UPDATE, SYN, 1001, 0) + frame(DATA, 0, 1001, 3, b"abc")
        )
        self.tunnel.pump()
        self.assertTrue(self.tunnel.over)
        self.clock.advance(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BugTests(SynchronousTestCase):
    """Faults of ours, in one stream's protocol, stay that stream's."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = MemoryTransport()
        self.protocols: list[IProtocol] = []
        self.told: list[Failure] = []
        self.multiplexed = Multiplexed(Role.SERVER, self.clock, self)
        self.multiplexed.makeConnection(self.wire)

    def multiplex_ready(self, multiplexed: Multiplexed) -> None: ...

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        return self.protocols.pop(0)

    def multiplex_lost(self, reason: Failure) -> None:
        self.told.append(reason)

    def receive(self, *frames: bytes) -> None:
        self.multiplexed.dataReceived(b"".join(frames))

    def test_the_others_go_on(self) -> None:
        good = DeviceStream()
        self.protocols = [
            Raising("made"),
            Raising("data", "lost"),
            Raising("lost"),
            good,
        ]
        self.receive(*(frame(WINDOW_UPDATE, SYN, n, 0) for n in (1, 3, 5, 7)))
        self.receive(frame(DATA, 0, 3, 2, b"hi"), frame(WINDOW_UPDATE, RST, 5, 0))
        self.receive(frame(DATA, 0, 7, 2, b"hi"))
        self.assertEqual(good.data, b"hi")
        self.assertEqual(self.multiplexed.stream_count, 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 4)

    def test_the_end_is_told_to_all(self) -> None:
        good = DeviceStream()
        self.protocols = [Raising("lost"), good]
        self.receive(*(frame(WINDOW_UPDATE, SYN, n, 0) for n in (1, 3)))
        self.multiplexed.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((len(good.lost), len(self.told)), (1, 1))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


STREAM_IDS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 0xFFFFFFFF])
FRAMES = st.one_of(
    st.tuples(
        st.just(DATA), st.integers(0, 15), STREAM_IDS, st.binary(max_size=40)
    ).map(lambda f: frame(f[0], f[1], f[2], len(f[3]), f[3])),
    st.tuples(
        st.sampled_from([WINDOW_UPDATE, PING, GO_AWAY]),
        st.integers(0, 15),
        STREAM_IDS,
        st.sampled_from([0, 1, 2, 262_144, 0xFFFFFFFF]),
    ).map(lambda f: frame(*f)),
    st.sampled_from(
        [
            frame(DATA, 0, 1, len(text), text)
            for text in (
                line("status", a=1),
                line("revoke", grant="g"),
                line("revoke", grant=5),
                b'{"jsonrpc":"2.0","id":1,"result":{"grant":"x"}}\n',
                b'{"jsonrpc":"2.0","id":9,"method":"hello","params":{"protocol":1}}\n',
                b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}\n',
            )
        ]
    ),
)


class AnyFrameTests(SynchronousTestCase):
    """Whatever comes in whatever state: no exception, no leftover, one end."""

    def play(self, frames: list[bytes], act: Callable[[TunnelSession], None]) -> None:
        clock, exchange = Clock(), Exchange()
        ends: list[TunnelSession] = []
        exchange.when_lost(ends.append)
        tunnel = MemoryTunnel(clock, exchange)
        tunnel.pump()
        tunnel.greet()
        session = tunnel.session
        streams = []
        for data in frames:
            if not tunnel.server_wire.ended:
                tunnel.at_server.dataReceived(data)
            try:
                streams.append(DeviceStream())
                session.open_stream(streams[-1])
            except LocalError:
                streams.pop()
            act(session)
            clock.advance(0)
            tunnel.server_wire.take()
        tunnel.cut()
        clock.advance(0)
        clock.advance(60)
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual((len(exchange), ends), (0, [session]))
        self.assertEqual([len(stream.lost) for stream in streams], [1] * len(streams))
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FRAMES, max_size=12))
    def test_at_the_server(self, frames: list[bytes]) -> None:
        def nothing(session: TunnelSession) -> None: ...

        self.play(frames, nothing)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FRAMES, max_size=12), st.integers(0, 11))
    def test_at_a_server_that_sends_it_away(
        self, frames: list[bytes], moment: int
    ) -> None:
        count = 0

        def dismiss(session: TunnelSession) -> None:
            nonlocal count
            if count == moment:
                session.dismiss("disabled")
            count += 1

        self.play(frames, dismiss)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FRAMES, max_size=12))
    def test_at_a_server_that_asks(self, frames: list[bytes]) -> None:
        def ask(session: TunnelSession) -> None:
            session.login("admin", "x", "c", 60).addBoth(lambda _: None)
            session.logout("g")

        self.play(frames, ask)
