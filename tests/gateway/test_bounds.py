"""Who does not read, write or speak: what that costs others, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock

from cfos_cloud.buffered import Buffered
from cfos_cloud.gateway.door import FULL_RETRY_AFTER, MAX_TUNNEL_BYTES
from cfos_cloud.gateway.gateway import FrontFactory
from cfos_cloud.listener.counted_tls import CountedTLSFactory
from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.known_sources import KnownSources
from cfos_cloud.listener.places import Places, Room
from cfos_cloud.listener.self_signed import make_self_signed, new_key
from cfos_cloud.listener.sniffer import SnifferFactory
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.metrics import HandshakeMetrics
from cfos_cloud.relay.channel import HEAD_SECONDS
from cfos_cloud.tunnel.heartbeat import HEARTBEAT
from tests.gateway.support import HTML, JSON, Browser, DeviceCase
from tests.gateway.test_door import DoorCase
from tests.memory import MemoryTransport
from tests.tunnel.support import DeviceStream, make_tunnel

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KIB, MIB = 1024, 1024 * 1024


class Socket(MemoryTransport):
    """One that TLS can begin on."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Writes here have no delay."""


def everybody(buffered: Buffered, clock: Clock, tunnels: int = 10) -> Places:
    """Places enough, with a quarter of ``buffered`` for strangers."""
    return Places(
        Room(1_000, 1_000, 0, tunnels),
        KnownSources(),
        lambda address: False,
        buffered.part(buffered.most // 4),
        clock.seconds,
    )


class BoundCase(DeviceCase):
    """A device that is online, at a server with 4 MiB for what waits."""

    def setUp(self) -> None:
        super().setUp()
        self.buffered = Buffered(4 * MIB)
        self.places = everybody(self.buffered, self.clock)
        self.part = self.buffered.part(MAX_TUNNEL_BYTES)
        self.tunnel = make_tunnel(self.clock, self.exchange, buffered=self.part)

    def visitor(self, *, logged_in: bool = True) -> Browser:
        """Somebody on a connection that has a place."""
        factory = FrontFactory(self.gateway, secure=True)
        place = self.places.take("203.0.113.7")
        assert place is not None
        wire = MemoryTransport()
        place.occupied_by(wire)
        visitor = Browser(factory, self.clock, "203.0.113.7", True, wire)
        visitor.session = self.session if logged_in else None
        return visitor

    def download(self, visitor: Browser, size: int) -> DeviceStream:
        """The stream on which the device begins to send so much."""
        visitor.ask(b"/large")
        self.pump()
        self.stream.answer(bytes(size))
        return self.stream

    def slow_reader(self, size: int = 512 * KIB) -> Browser:
        """Somebody who has begun a download and takes nothing of it."""
        reader = self.visitor()
        reader.ask(b"/large")
        self.pump()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        self.stream.stream.write(head)
        self.pump()
        reader.channel.pauseProducing()
        self.stream.stream.write(bytes(size))
        self.pump()
        return reader


class FullTests(BoundCase):
    def fill(self) -> None:
        self.buffered.hold(self, self.buffered.most)

    def shed(self) -> None:
        """For the account: what waits somewhere else stays."""

    def test_the_newest_request_is_turned_away_for_a_moment(self) -> None:
        self.fill()
        answer = self.visitor().fetch(b"/", JSON)
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.get(b"retry-after"), b"10")
        self.assertIn(b"unavailable", answer.body)
        self.assertEqual(self.gateway.metrics.failures["unavailable"], 1)
        self.assertEqual(self.streams, [])

    def test_people_get_a_page_that_tries_again(self) -> None:
        self.fill()
        answer = self.visitor().fetch(b"/", HTML)
        self.assertEqual((answer.status, answer.get(b"retry-after")), (503, b"10"))
        self.assertIn(b"One moment, please", answer.body)

    def test_our_own_pages_are_still_there(self) -> None:
        self.fill()
        self.assertEqual(self.visitor().fetch(b"/cloud/health").status, 200)

    def test_what_had_begun_goes_on(self) -> None:
        visitor = self.visitor()
        stream = self.download(visitor, 100)
        self.fill()
        stream.answer(b"")
        self.pump()
        self.assertEqual(len(visitor.got()[0].body), 100)

    def test_as_soon_as_there_is_room_requests_go_through(self) -> None:
        self.fill()
        self.user.fetch(b"/", JSON)
        self.buffered.hold(self, 0)
        self.assertEqual(self.serve().status, 200)


class SlowReaderTests(BoundCase):
    def test_the_newest_is_cut_and_those_before_get_everything(self) -> None:
        readers = [self.slow_reader() for _ in range(24)]
        self.assertLessEqual(self.buffered.size, 4 * MIB)
        aborted = [reader.wire.aborted for reader in readers]
        first = aborted.index(True)
        self.assertGreaterEqual(first, 7)
        self.assertEqual(aborted[:first], [False] * first)
        reader = readers[0]
        reader.channel.resumeProducing()
        self.pump()
        [answer] = reader.got()
        self.assertEqual(len(answer.body), 512 * KIB)

    def test_what_left_with_its_connection_waits_no_longer(self) -> None:
        readers = [self.slow_reader() for _ in range(8)]
        self.assertGreaterEqual(self.buffered.size, 8 * 200 * KIB)
        for reader in readers:
            reader.leave(clean=False)
        self.pump()
        self.assertEqual(self.buffered.size, 0)

    def test_two_hundred_leave_the_others_their_share(self) -> None:
        self.buffered.most = 256 * MIB
        alone = self.turns_for(8 * MIB)
        readers = [self.slow_reader(384 * KIB) for _ in range(200)]
        self.assertLessEqual(self.buffered.size, MAX_TUNNEL_BYTES)
        self.assertGreater(self.buffered.size, 40 * MIB)
        beside = self.turns_for(8 * MIB)
        self.assertLessEqual(beside, alone / 0.8)
        self.assertFalse(any(reader.wire.ended for reader in readers))

    def turns_for(self, size: int) -> int:
        """Of both ends, until somebody who reads has got so much."""
        visitor = self.visitor()
        self.download(visitor, size)
        left = size
        for turn in range(10_000):
            self.clock.advance(0)
            to_device = self.tunnel.server_wire.take()
            to_server = self.tunnel.device_wire.take()
            self.tunnel.at_device.dataReceived(to_device)
            self.tunnel.at_server.dataReceived(to_server)
            left -= len(visitor.wire.take())
            if left <= 0:
                return turn
        raise AssertionError(f"{left} bytes never came")

    def test_it_may_last_for_as_long_as_it_takes(self) -> None:
        reader = self.slow_reader()
        for _ in range(60):
            self.clock.pump([60.0])
            self.tunnel.pump()
        self.assertFalse(reader.wire.ended)
        reader.channel.resumeProducing()
        self.pump()
        self.assertEqual(len(reader.got()[0].body), 512 * KIB)


class StrangerTests(BoundCase):
    def test_what_they_send_of_a_head_counts_until_it_is_whole(self) -> None:
        visitor = self.visitor(logged_in=False)
        head = visitor.head(b"/cloud/health", b"X: " + b"x" * 8_000)
        visitor.send(head[:5_000])
        self.assertEqual(self.buffered.size, 5_000)
        visitor.send(head[5_000:7_000])
        self.assertEqual(self.buffered.size, 7_000)
        visitor.send(head[7_000:])
        self.assertEqual(self.buffered.size, 0)

    def test_so_does_a_body_for_a_page_of_ours(self) -> None:
        visitor = self.visitor(logged_in=False)
        visitor.ask(b"/cloud/form", b"Content-Length: 10000", method=b"POST")
        visitor.send(bytes(6_000))
        self.assertEqual(self.buffered.size, 6_000)
        visitor.send(bytes(4_000))
        self.assertEqual(self.buffered.size, 0)

    def test_all_of_them_have_a_quarter_and_nobody_else_suffers(self) -> None:
        known = self.visitor()
        self.download(known, 100)
        self.pump()
        known.got()
        strangers = [self.visitor(logged_in=False) for _ in range(40)]
        for stranger in strangers:
            stranger.send(stranger.head()[:-2] + b"X: " + b"x" * 40_000)
        self.assertLessEqual(self.buffered.size, MIB)
        aborted = [stranger.wire.aborted for stranger in strangers]
        self.assertEqual(sum(aborted), 40 - MIB // 40_000)
        self.assertTrue(aborted[-1])
        self.assertFalse(aborted[0])
        self.assertFalse(self.part.full)
        self.download(known, 50)
        self.pump()
        self.assertEqual(known.one().status, 200)

    def test_who_is_logged_in_is_none(self) -> None:
        visitor = self.visitor()
        visitor.ask(b"/upload", b"Content-Length: 1000000", method=b"POST")
        self.pump()
        visitor.send(b"GET")
        self.places.strangers.most = 0
        self.stream.stream.pauseProducing()
        for _ in range(20):
            visitor.send(bytes(40_000))
        self.assertGreater(self.buffered.size, 0)
        self.assertEqual(self.places.strangers.size, 0)


class ZeroWindowTests(BoundCase):
    """A device end that takes nothing more, and still answers pings."""

    def test_what_is_sent_to_it_stays_within_the_bound(self) -> None:
        self.buffered.most = MIB
        uploaders = []
        for _ in range(20):
            uploader = self.visitor()
            uploader.ask(b"/upload", b"Content-Length: 100000000", method=b"POST")
            self.pump()
            self.stream.stream.pauseProducing()
            uploaders.append(uploader)
            while uploader.wire.reading and not uploader.wire.ended:
                uploader.send(bytes(30_000))
                self.pump()
            self.assertLessEqual(self.buffered.size, MIB)
        self.revocation_over()
        answers = [uploader.got() for uploader in uploaders if uploader.wire.value()]
        for first in uploaders[:4]:
            self.assertEqual(first.wire.value(), b"")
        # Of which the device knows nothing: it is for us to say when to come back.
        said = {(one.status, one.get(b"retry-after")) for [one] in answers}
        self.assertEqual(said, {(503, b"10")})
        self.assertFalse(self.tunnel.over)
        self.assertIsNotNone(self.exchange.session("W00-A"))


class SilentTunnelTests(BoundCase):
    def test_what_waits_in_a_half_open_tunnel_is_gone_with_it(self) -> None:
        self.slow_reader()
        self.assertGreater(self.buffered.size, 0)
        for _ in range(4):
            self.clock.advance(HEARTBEAT)
        self.tunnel.cut()
        self.assertEqual(self.buffered.size, 0)

    def test_it_is_given_up_after_two_pings(self) -> None:
        reader = self.slow_reader()
        for _ in range(3):
            self.clock.advance(HEARTBEAT + 0.1)
        self.assertTrue(self.tunnel.server_wire.aborted)
        self.tunnel.cut()
        self.assertTrue(reader.wire.ended)


class HandshakeTests(BoundCase):
    def test_tls_that_stops_in_its_handshake_is_cut(self) -> None:
        certificate = make_self_signed(new_key(), ("localhost",), NOW)
        front = FrontFactory(self.gateway, secure=True)
        secure = CountedTLSFactory(
            ReloadableTLS(certificate),
            False,
            front,
            cast(Any, self.clock),
            handshakes=HandshakeMetrics(),
        )
        factory = SnifferFactory({Route.TLS: secure}, self.clock, places=self.places)
        protocol = cast(
            IProtocol, factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 1))
        )
        wire = Socket()
        protocol.makeConnection(wire)
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        client.set_connect_state()
        with self.assertRaises(SSL.WantReadError):
            client.do_handshake()
        protocol.dataReceived(client.bio_read(2**16))
        self.assertTrue(wire.take(), "the server's part")
        self.clock.advance(HEAD_SECONDS - 0.1)
        self.assertFalse(wire.ended)
        self.clock.advance(0.2)
        self.assertTrue(wire.aborted)


class DoorTests(DoorCase):
    def setUp(self) -> None:
        super().setUp()
        self.places = everybody(Buffered(MIB), self.clock, tunnels=1)

    def prove(self) -> tuple[MemoryTransport, Any]:
        caller = self.caller()
        place = self.places.take("192.0.2.7")
        assert place is not None
        place.occupied_by(caller.wire)
        return caller.wire, caller.prove()

    def test_a_tunnel_leaves_its_place_to_others(self) -> None:
        _, answer = self.prove()
        self.assertEqual(answer.status, 101)
        self.assertEqual((self.places.taken, self.places.tunnels), (0, 1))

    def test_one_too_many_is_told_when_to_come_back(self) -> None:
        self.prove()
        _, answer = self.prove()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.get(b"retry-after"), b"%d" % FULL_RETRY_AFTER)
        self.assertEqual((self.places.taken, self.places.tunnels), (1, 1))
