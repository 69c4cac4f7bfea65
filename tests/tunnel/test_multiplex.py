"""Streams of a tunnel as transports: two ends joined in memory, on one clock."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.tunnel.multiplex import EAGER_WRITES, Multiplexed
from cfos_cloud.tunnel.stream import HIGH_WATER, TunnelStream
from cfos_cloud.tunnel.yamux import LocalError, Role
from cfos_cloud.tunnel.yamux_frames import DATA, FIN, WINDOW_UPDATE, header

WINDOW = 256 * 1024


class Wire(StringTransport):
    """One direction's transport; ``full`` makes it ask for a pause."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def take(self) -> bytes:
        data: bytes = self.value()
        self.clear()
        return data


class Recorder(Protocol):
    """Keeps what a stream brings."""

    def __init__(self) -> None:
        self.data = b""
        self.pieces = 0
        self.lost: list[type[BaseException] | None] = []

    @property
    def stream(self) -> TunnelStream:
        assert isinstance(self.transport, TunnelStream)
        return self.transport

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.pieces += 1

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.lost.append(reason.type)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    half_closed = False

    def readConnectionLost(self) -> None:
        self.half_closed = True

    def writeConnectionLost(self) -> None:
        raise AssertionError("nobody calls this")


class Broken(Recorder):
    def dataReceived(self, data: bytes) -> None:
        raise RuntimeError("a bug in one protocol")


@implementer(IPushProducer)
class Producer:
    def __init__(self) -> None:
        self.paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        raise AssertionError("the stream was alive")


class End:
    """A listener with what it was told."""

    def __init__(self, clock: Clock, role: Role) -> None:
        self.accept: Callable[[], Recorder] | None = Recorder
        self.accepted: list[Recorder] = []
        self.lost = 0
        self.wire = Wire()
        self.multiplexed = Multiplexed(role, clock, self, heartbeat=25)
        self.multiplexed.makeConnection(self.wire)

    def multiplex_ready(self, multiplexed: Multiplexed) -> None: ...

    def stream_opened(self, stream_id: int) -> Recorder | None:
        if self.accept is None:
            return None
        self.accepted.append(self.accept())
        return self.accepted[-1]

    def multiplex_lost(self, reason: Failure) -> None:
        self.lost += 1


class TunnelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = End(self.clock, Role.SERVER)
        self.device = End(self.clock, Role.CLIENT)

    def exchange(self) -> None:
        """Let all that is under way arrive."""
        while True:
            self.clock.advance(0)
            to_device = self.server.wire.take()
            to_server = self.device.wire.take()
            if not to_device and not to_server:
                return
            if to_device:
                self.device.multiplexed.dataReceived(to_device)
            if to_server:
                self.server.multiplexed.dataReceived(to_server)

    def opened(self, ours: Recorder | None = None) -> tuple[Recorder, Recorder]:
        """A stream of the server's, at both ends."""
        ours = Recorder() if ours is None else ours
        self.server.multiplexed.open_stream(ours)
        self.exchange()
        return ours, self.device.accepted[-1]


class Streams(TunnelCase):
    def test_bytes_pass_both_ways(self) -> None:
        ours, theirs = self.opened()
        ours.stream.write(b"ping")
        theirs.stream.writeSequence([b"po", b"ng"])
        self.exchange()
        self.assertEqual((ours.data, theirs.data), (b"pong", b"ping"))

    def test_the_frames_of_one_turn_leave_in_one_write(self) -> None:
        writes: list[bytes] = []
        self.server.wire.write = writes.append  # type: ignore[method-assign]
        for _ in range(EAGER_WRITES - 1):
            self.server.multiplexed.open_stream(Recorder()).write(b"x")
        self.assertEqual(writes, [])
        self.clock.advance(0)
        self.assertEqual(len(writes), 1)

    def test_in_a_long_turn_they_leave_before_its_end(self) -> None:
        writes: list[bytes] = []
        self.server.wire.write = writes.append  # type: ignore[method-assign]
        for _ in range(EAGER_WRITES * 2 + 1):
            self.server.multiplexed.open_stream(Recorder()).write(b"x")
        self.assertEqual(len(writes), 2)
        self.clock.advance(0)
        self.assertEqual(len(writes), 3)

    def test_a_thousand_frames_of_a_byte_are_one_piece_for_each_stream(self) -> None:
        # Else a device end could have us write a record for each of them to a client.
        one, its_peer = self.opened()
        other, _ = self.opened()
        ids = one.stream.stream_id, other.stream.stream_id
        frames = [header(DATA, 0, ids[i % 2], 1) + b"%d" % (i % 10) for i in range(999)]
        end = header(WINDOW_UPDATE, FIN, ids[0], 0) + header(DATA, 0, ids[1], 1) + b"!"
        self.server.multiplexed.dataReceived(b"".join(frames) + end)
        self.assertEqual((one.pieces, other.pieces), (1, 1))
        self.assertEqual(one.data, b"02468" * 100)
        self.assertEqual(other.data, (b"13579" * 100)[:499] + b"!")
        self.exchange()
        self.assertEqual(its_peer.lost, [ConnectionDone])

    def test_a_refused_stream_is_reset(self) -> None:
        self.device.accept = None
        ours = Recorder()
        self.server.multiplexed.open_stream(ours)
        self.exchange()
        self.assertEqual(ours.lost, [ConnectionLost])
        self.assertEqual(self.server.multiplexed.stream_count, 0)

    def test_closing_ends_both_sides_cleanly(self) -> None:
        ours, theirs = self.opened()
        ours.stream.write(b"last words")
        ours.stream.loseConnection()
        self.exchange()
        self.assertEqual(theirs.data, b"last words")
        self.assertEqual((ours.lost, theirs.lost), ([ConnectionDone], [ConnectionDone]))
        self.assertEqual(self.server.multiplexed.stream_count, 0)
        self.assertEqual(self.device.multiplexed.stream_count, 0)

    def test_a_half_close_leaves_the_other_half(self) -> None:
        self.device.accept = HalfCloseable
        ours, theirs = self.opened()
        assert isinstance(theirs, HalfCloseable)
        ours.stream.loseWriteConnection()
        self.exchange()
        self.assertTrue(theirs.half_closed)
        self.assertEqual(theirs.lost, [])
        theirs.stream.write(b"answer")
        theirs.stream.loseWriteConnection()
        self.exchange()
        self.assertEqual(ours.data, b"answer")
        self.assertEqual((ours.lost, theirs.lost), ([ConnectionDone], [ConnectionDone]))

    def test_an_abort_is_a_loss_at_the_other_end(self) -> None:
        ours, theirs = self.opened()
        ours.stream.write(b"never")
        ours.stream.abortConnection()
        self.exchange()
        self.assertEqual(theirs.lost, [ConnectionLost])
        self.assertEqual(theirs.data, b"")

    def test_writes_to_what_is_over_are_nothing(self) -> None:
        ours, theirs = self.opened()
        stream, other = ours.stream, theirs.stream
        other.abortConnection()
        self.exchange()
        for each in (stream, other):
            each.write(b"x")
            each.loseConnection()
            each.abortConnection()

    def test_a_protocol_that_raises_loses_only_its_own_stream(self) -> None:
        _, good = self.opened()
        self.device.accept = Broken
        ours, bad = self.opened()
        ours.stream.write(b"x")
        self.exchange()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(bad.lost), 1)
        self.assertEqual(good.lost, [])
        self.assertFalse(self.device.wire.aborted)


class BackPressure(TunnelCase):
    def test_a_paused_reader_holds_one_window_and_the_writer_is_paused(self) -> None:
        ours, theirs = self.opened()
        producer = Producer()
        ours.stream.registerProducer(producer, True)
        theirs.stream.pauseProducing()
        sent = 0
        while not producer.paused:
            ours.stream.write(b"x" * 1024)
            sent += 1024
            self.exchange()
        self.assertLessEqual(sent, WINDOW + HIGH_WATER + 1024)
        self.assertEqual(theirs.data, b"")
        theirs.stream.resumeProducing()
        self.exchange()
        self.assertFalse(producer.paused)
        self.assertEqual(len(theirs.data), sent)

    def test_the_end_of_a_paused_stream_comes_after_its_data(self) -> None:
        ours, theirs = self.opened()
        theirs.stream.pauseProducing()
        ours.stream.write(b"data")
        ours.stream.loseConnection()
        self.exchange()
        self.assertEqual((theirs.data, theirs.lost), (b"", []))
        theirs.stream.resumeProducing()
        self.assertEqual((theirs.data, theirs.lost), (b"data", [ConnectionDone]))

    def test_a_full_connection_takes_nothing_until_it_drains(self) -> None:
        ours, _ = self.opened()
        self.server.multiplexed.pauseProducing()
        ours.stream.write(b"x")
        self.clock.advance(0)
        self.assertEqual(self.server.wire.take(), b"")
        self.server.multiplexed.resumeProducing()
        self.assertIn(b"x", self.server.wire.take())

    def test_a_stream_takes_push_producers_only(self) -> None:
        ours, _ = self.opened()
        self.assertRaises(ValueError, ours.stream.registerProducer, Producer(), False)


class Liveness(TunnelCase):
    def test_a_peer_that_answers_pings_stays(self) -> None:
        for _ in range(20):
            self.clock.advance(25)
            self.exchange()
        self.assertFalse(self.server.wire.aborted or self.device.wire.aborted)

    def test_two_unanswered_pings_are_the_end(self) -> None:
        for seconds, dead in ((25, False), (25, False), (25, True)):
            self.clock.advance(seconds)
            self.clock.advance(0)
            self.assertEqual(self.server.wire.aborted, dead)

    def test_a_lost_connection_ends_every_stream_and_every_timer(self) -> None:
        ours, _ = self.opened()
        self.server.multiplexed.connectionLost(Failure(ConnectionLost()))
        self.device.multiplexed.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(ours.lost, [ConnectionLost])
        self.assertEqual(self.server.lost, 1)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertRaises(LocalError, self.server.multiplexed.open_stream, Recorder())

    def test_shutting_down_sends_what_is_queued(self) -> None:
        ours, theirs = self.opened()
        ours.stream.write(b"last words")
        self.server.multiplexed.shut_down()
        self.assertTrue(self.server.wire.disconnecting)
        self.device.multiplexed.dataReceived(self.server.wire.take())
        self.assertEqual(theirs.data, b"last words")

    def test_a_peer_that_breaks_the_protocol_is_cut(self) -> None:
        self.server.multiplexed.dataReceived(b"HTTP/1.1 200 OK\r\n")
        self.assertTrue(self.server.wire.aborted)
