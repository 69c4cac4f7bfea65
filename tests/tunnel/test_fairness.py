"""How many bytes of downloads a small answer on the same tunnel waits for."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.tunnel.multiplex import CONGESTED_WRITE_BYTES, WRITE_BYTES, Multiplexed
from cfos_cloud.tunnel.stream import HIGH_WATER
from cfos_cloud.tunnel.yamux import Connection, Data, Role
from tests.tunnel.test_multiplex import End, Recorder, Wire

SMALL = b"a small answer"
#: Bytes that the link has in it at once.
LINK = 48 * 1024
#: A frame's head, of which there are a few.
HEADS = 1024
QUANTUM = 16 * 1024


@implementer(IPushProducer)
class Download(Protocol):
    """Writes as long as it may."""

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self._on = True
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._on = True
        while self._on:
            self.transport.write(bytes(HIGH_WATER))  # type: ignore[union-attr]

    def pauseProducing(self) -> None:
        self._on = False

    def stopProducing(self) -> None:
        self._on = False


class Link(Wire):
    """
    A socket whose system takes :data:`LINK` bytes that it has not sent, and what is
    written beyond it waits before that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting = b""
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.waiting += data
        if len(self.waiting) > LINK and self.producer is not None:
            self.producer.pauseProducing()

    def send(self, size: int) -> None:
        """Let so many bytes arrive at the other end."""
        self.sent += self.waiting[:size]
        self.waiting = self.waiting[size:]
        if len(self.waiting) <= LINK and self.producer is not None:
            self.producer.resumeProducing()


class FairnessTests(SynchronousTestCase):
    def waits_for(self, downloads: int) -> int:
        """Bytes that still go before a small answer when it is written."""
        clock = Clock()
        link, peer = Link(), Connection(Role.SERVER)
        multiplexed = Multiplexed(Role.CLIENT, clock, End(clock, Role.CLIENT))
        multiplexed.makeConnection(link)
        heard = b""
        small = Recorder()
        multiplexed.open_stream(small)
        for _ in range(downloads):
            multiplexed.open_stream(Download())

        def pass_on(size: int) -> None:
            # The peer takes all: its windows never close.
            nonlocal heard
            clock.advance(0)
            link.send(size)
            sent, link.sent = link.sent, b""
            for event in peer.receive_data(sent):
                if isinstance(event, Data):
                    peer.consumed(event.stream_id, len(event.data))
                    if event.stream_id == small.stream.stream_id:
                        heard += event.data
            multiplexed.dataReceived(peer.next_bytes(2**20))

        for _ in range(200):
            pass_on(10_000)
        small.stream.write(SMALL)
        passed = 0
        while heard != SMALL:
            pass_on(1_000)
            passed += 1_000
            self.assertLess(passed, 2**24)
        return passed

    def test_beside_one_it_waits_for_the_link_one_write_and_one_turn(self) -> None:
        most = LINK + CONGESTED_WRITE_BYTES + QUANTUM + HEADS
        self.assertLess(self.waits_for(1), most)

    def test_beside_many_it_waits_for_one_turn_of_each_besides(self) -> None:
        for downloads in (2, 8, 32):
            most = LINK + CONGESTED_WRITE_BYTES + downloads * (QUANTUM + HEADS)
            self.assertLess(self.waits_for(downloads), most)

    def test_a_link_that_takes_all_gets_large_writes(self) -> None:
        clock = Clock()
        end = End(clock, Role.CLIENT)
        writes: list[int] = []
        end.wire.write = lambda data: writes.append(len(data))  # type: ignore[method-assign]
        stream = Recorder()
        end.multiplexed.open_stream(stream)
        end.multiplexed.pauseProducing()
        stream.stream.write(bytes(100_000))
        end.multiplexed.resumeProducing()
        self.assertLess(max(writes), CONGESTED_WRITE_BYTES + HEADS)
        clock.advance(0)
        writes.clear()
        stream.stream.write(bytes(100_000))
        clock.advance(0)
        self.assertGreater(max(writes), WRITE_BYTES)

    def test_what_waits_to_leave_goes_before_a_large_read_is_gone_through(self) -> None:
        clock = Clock()
        server, device = End(clock, Role.SERVER), End(clock, Role.CLIENT)
        bulk = Recorder()
        server.multiplexed.open_stream(bulk)
        clock.advance(0)
        device.multiplexed.dataReceived(server.wire.take())
        device.accepted[-1].stream.write(bytes(60_000))
        clock.advance(0)
        read = device.wire.take()
        seen: list[bytes] = []
        bulk.dataReceived = lambda data: seen.append(server.wire.take())  # type: ignore[method-assign]
        server.multiplexed.open_stream(Recorder()).write(b"a request")
        server.multiplexed.dataReceived(read)
        self.assertIn(b"a request", seen[0])
