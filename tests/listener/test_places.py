"""How many may connect, from where, and what their connections hold."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.buffered import Buffered
from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.known_sources import (
    OPERATOR_PLACES,
    SYSTEM_PLACES,
    KnownSources,
)
from cfos_cloud.listener.places import (
    MAX_CONNECTIONS,
    MAX_PER_SOURCE,
    MAX_RESERVE,
    OWN_FILES,
    Place,
    Places,
    Room,
    TooFewFiles,
    place_under,
)
from cfos_cloud.listener.proxied import ProxiedFactory
from cfos_cloud.listener.sniffer import SnifferFactory
from cfos_cloud.relay.prompt import prompt
from tests.listener.fake_socket import FakeSocket, port_of
from tests.listener.test_sniffer import Recorders

PROXY = "10.0.0.1"


class RoomTests(SynchronousTestCase):
    def test_the_usual_limits_are_enough_for_ten_thousand_tunnels(self) -> None:
        for files in (20_000, 65_536, 1_048_576):
            room = Room.within(files)
            self.assertEqual(room.connections, MAX_CONNECTIONS)
            self.assertEqual(room.per_source, MAX_PER_SOURCE)
            self.assertEqual(room.reserve, MAX_RESERVE)
            self.assertGreaterEqual(room.tunnels, 10_000)

    def test_all_together_never_exceed_the_open_files(self) -> None:
        for files in (16, 256, 1024, 4096, 20_000, 65_536):
            for wanted in (None, 100):
                try:
                    room = Room.within(files, wanted)
                except TooFewFiles:
                    continue
                all_of_it = room.connections + room.reserve + room.tunnels
                self.assertLessEqual(all_of_it, max(files - OWN_FILES, 1), room)

    def test_half_of_a_small_limit_is_left_for_tunnels(self) -> None:
        room = Room.within(1024)
        self.assertEqual(room.connections, 320)
        self.assertGreaterEqual(room.tunnels, 280)
        self.assertLessEqual(room.per_source, room.connections)

    def test_what_the_operator_wants_is_taken_or_refused(self) -> None:
        room = Room.within(20_000, 9_000, 1_000)
        self.assertEqual((room.connections, room.per_source), (9_000, 1_000))
        with self.assertRaisesRegex(TooFewFiles, "12000 .* 20000 .* 9808"):
            Room.within(20_000, 12_000)


class PlacesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.known = KnownSources()
        self.whole = Buffered(1_000_000)
        self.strangers = self.whole.part(100_000)
        self.places = self.make(Room(20, 8, 10, 4))

    def make(self, room: Room) -> Places:
        return Places(
            room,
            self.known,
            lambda address: address == PROXY,
            self.strangers,
            self.clock.seconds,
        )

    def fill(self, address: str, tries: int = 100) -> list[Place]:
        """As many as there is room for."""
        found = (self.places.take(address) for _ in range(tries))
        return [place for place in found if place is not None]

    def fill_all(self) -> list[Place]:
        """From many addresses, until there is no place left."""
        return [
            place
            for number in range(200)
            if (place := self.places.take(f"203.0.113.{number}")) is not None
        ]


class PlacesTests(PlacesCase):
    def test_a_source_has_so_many_and_no_more(self) -> None:
        self.assertEqual(len(self.fill("192.0.2.7")), 8)
        self.assertEqual(self.places.refused["source"], 92)
        self.assertIsNotNone(self.places.take("192.0.2.8"))

    def test_a_place_that_was_left_is_free(self) -> None:
        places = self.fill("192.0.2.7")
        self.assertIsNone(self.places.take("192.0.2.7"))
        places[3].leave()
        places[3].leave()
        self.assertIsNotNone(self.places.take("192.0.2.7"))
        self.assertIsNone(self.places.take("192.0.2.7"))

    def test_a_64_of_ipv6_is_one_source(self) -> None:
        for number in range(8):
            self.assertIsNotNone(self.places.take(f"2001:db8::{number:x}"))
        self.assertIsNone(self.places.take("2001:db8::ffff"))
        self.assertIsNotNone(self.places.take("2001:db8:0:1::1"))

    def test_ipv4_in_ipv6_is_ipv4(self) -> None:
        self.fill("192.0.2.7")
        self.assertIsNone(self.places.take("::ffff:192.0.2.7"))
        self.assertIsNotNone(self.places.take("::ffff:192.0.2.8"))

    def test_no_source_gets_more_than_are_left_for_the_others(self) -> None:
        self.places = self.make(Room(20, 20, 0, 4))
        self.assertEqual(len(self.fill("192.0.2.1")), 10)
        self.assertEqual(len(self.fill("192.0.2.2")), 5)
        self.assertEqual(len(self.fill("192.0.2.3")), 3)
        self.assertIsNotNone(self.places.take("192.0.2.4"))

    def test_beyond_all_the_newest_is_refused(self) -> None:
        places = self.fill_all()
        self.assertEqual((len(places), self.places.taken), (20, 20))
        self.assertEqual(self.places.refused["total"], 180)
        places[0].leave()
        self.assertIsNotNone(self.places.take("192.0.2.7"))

    def test_a_proxy_stands_for_many_but_not_for_all(self) -> None:
        self.assertEqual(len(self.fill(PROXY)), 20)

    def test_device_ends_come_back_although_it_is_full(self) -> None:
        self.known.system_came("A", "192.0.2.7")
        self.fill_all()
        self.assertEqual(len(self.fill("192.0.2.7")), SYSTEM_PLACES)
        self.assertEqual(self.fill("192.0.2.8"), [])

    def test_so_does_the_operator_as_far_as_the_reserve_goes(self) -> None:
        self.assertGreater(OPERATOR_PLACES, 10)
        self.known.operator_came("192.0.2.7")
        self.fill_all()
        self.assertEqual(len(self.fill("192.0.2.7")), 10)

    def test_a_fleet_behind_one_address_gets_in(self) -> None:
        for number in range(2):
            self.known.system_came(f"A{number}", "192.0.2.7")
        self.assertEqual(len(self.fill("192.0.2.7", 15)), 15)

    def test_a_tunnel_takes_none_of_these_places(self) -> None:
        for place in self.fill("192.0.2.7")[:3]:
            self.assertTrue(place.become_tunnel("192.0.2.7", self.whole))
        self.assertEqual((self.places.taken, self.places.tunnels), (5, 3))
        self.assertEqual(len(self.fill("192.0.2.7")), 3)

    def test_tunnels_have_a_bound_of_their_own(self) -> None:
        places = self.fill_all()
        became = [place.become_tunnel("192.0.2.7", self.whole) for place in places[:6]]
        self.assertEqual(became, [True] * 4 + [False] * 2)
        self.assertEqual(self.places.refused["tunnels"], 2)
        self.assertEqual(self.places.taken, 16)
        places[0].leave()
        self.assertEqual(self.places.tunnels, 3)
        self.assertTrue(places[5].become_tunnel("192.0.2.7", self.whole))

    def test_when_all_have_left_nothing_is_remembered(self) -> None:
        places = self.fill_all()
        places[0].become_tunnel("203.0.113.0", self.whole)
        for place in places:
            place.leave()
        self.assertEqual((self.places.taken, self.places.tunnels), (0, 0))
        self.assertEqual(len(self.places._of_source), 0)

    def test_the_log_tells_of_it_now_and_then(self) -> None:
        with capturedLogs() as events:
            self.fill("192.0.2.7", 50)
            self.clock.advance(60)
            self.fill("192.0.2.7", 1)
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), 2)
        self.assertIn("connection of 192.0.2.7", lines[0])
        self.assertIn("--max-connections-per-source", lines[0])
        self.assertIn("41 more were refused", lines[1])


class WaitingTests(PlacesCase):
    """What a connection holds counts, as a stranger's at first."""

    def setUp(self) -> None:
        super().setUp()
        place = self.places.take("192.0.2.7")
        assert place is not None
        self.place = place
        self.transport = FakeSocket(Protocol())
        place.occupied_by(self.transport)

    def test_what_is_unread_counts_until_it_is_read(self) -> None:
        self.place.unread(70)
        self.assertEqual((self.strangers.size, self.whole.size), (70, 70))
        self.place.unread(0)
        self.assertEqual((self.strangers.size, self.whole.size), (0, 0))

    def test_who_has_proven_something_is_no_stranger_any_more(self) -> None:
        self.place.unread(70)
        tunnel, other = self.whole.part(1_000), self.whole.part(1_000)
        self.place.counts_for(tunnel)
        self.place.counts_for(tunnel)
        self.assertEqual((self.strangers.size, tunnel.size), (0, 70))
        self.place.unread(30)
        self.place.counts_for(other)
        self.assertEqual((tunnel.size, other.size, self.whole.size), (0, 30, 30))

    def test_what_has_left_holds_nothing(self) -> None:
        self.place.unread(70)
        self.place.leave()
        self.place.unread(70)
        self.assertEqual(self.whole.size, 0)

    def test_beyond_the_bound_the_connection_is_cut(self) -> None:
        self.place.unread(100_001)
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.whole.size, 0)
        # Until its transport has told of the end.
        self.place.unread(70)
        self.assertEqual(self.whole.size, 0)
        self.assertEqual(self.places.taken, 1)
        self.place.leave()
        self.assertEqual(self.places.taken, 0)

    def test_but_never_a_tunnel_s(self) -> None:
        self.place.become_tunnel("192.0.2.7", self.whole)
        self.place.unread(1_000_001)
        self.assertFalse(self.transport.aborted)

    def test_it_is_found_through_what_wraps_the_transport(self) -> None:
        self.assertIs(place_under(self.transport), self.place)
        self.assertIsNone(place_under(FakeSocket(Protocol())))


class SnifferTests(PlacesCase):
    def setUp(self) -> None:
        super().setUp()
        self.routes = {Route.PLAIN: Recorders()}
        self.factory: Any = SnifferFactory(
            self.routes, self.clock, places=self.make(Room(20, 2, 0, 0))
        )

    def address(self, host: str) -> Any:
        return type("Address", (), {"host": host})()

    def test_who_finds_no_place_has_no_protocol(self) -> None:
        built = [
            self.factory.buildProtocol(self.address("192.0.2.7")) for _ in range(3)
        ]
        self.assertEqual([each is None for each in built], [False, False, True])

    def test_behind_a_proxy_header_the_client_counts_and_not_the_proxy(self) -> None:
        proxied: Any = ProxiedFactory(
            self.factory, lambda host: host == PROXY, self.clock
        )
        transports = []
        for number, client in enumerate(["192.0.2.1"] * 3 + ["192.0.2.2"]):
            protocol = proxied.buildProtocol(self.address(PROXY))
            transport = FakeSocket(protocol)
            protocol.makeConnection(transport)
            header = f"PROXY TCP4 {client} 192.0.2.9 {number + 1000} 443\r\n"
            protocol.dataReceived(header.encode())
            transports.append(transport)
        aborted = [transport.aborted for transport in transports]
        self.assertEqual(aborted, [False, False, True, False])


class Writer(Protocol):
    """Writes ``data`` at once, as our own protocols do."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.over: Deferred[None] = Deferred()

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(prompt(transport))

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


class Reader(Protocol):
    """Reads when it is told to."""

    def __init__(self) -> None:
        self.size = 0

    def connectionMade(self) -> None:
        self.transport.pauseProducing()  # type: ignore[union-attr]
        self.transport.write(b"G")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.size += len(data)


class SocketTests(TestCase):
    """Over real connections, whose ends and buffers are Twisted's."""

    SIZE = 16 * 1024 * 1024

    async def test_what_a_socket_does_not_take_counts_while_it_waits(self) -> None:
        whole = Buffered(2 * self.SIZE)
        places = self.places(whole)
        writer, reader = await self.connect(places)
        await self.until(lambda: whole.size > 0)
        self.assertLessEqual(whole.size, self.SIZE)
        self.assertGreater(whole.size, self.SIZE // 4)
        reader.transport.resumeProducing()  # type: ignore[union-attr]
        await self.until(lambda: reader.size == self.SIZE)
        self.assertEqual(whole.size, 0)
        self.assertEqual(places.taken, 1)
        reader.transport.loseConnection()  # type: ignore[union-attr]
        await writer.over
        self.assertEqual(places.taken, 0)

    async def test_a_connection_that_is_cut_holds_nothing(self) -> None:
        whole = Buffered(2 * self.SIZE)
        places = self.places(whole)
        writer, reader = await self.connect(places)
        await self.until(lambda: whole.size > 0)
        reader.transport.abortConnection()  # type: ignore[union-attr]
        await writer.over
        self.assertEqual((whole.size, places.taken), (0, 0))

    async def test_who_makes_more_wait_than_may_is_cut(self) -> None:
        whole = Buffered(self.SIZE // 8)
        places = self.places(whole)
        writer, _ = await self.connect(places)
        await writer.over
        self.assertEqual((whole.size, places.taken), (0, 0))

    def places(self, whole: Buffered) -> Places:
        def never(address: str) -> bool:
            return False

        return Places(Room(4, 4, 0, 0), KnownSources(), never, whole, Clock().seconds)

    async def connect(self, places: Places) -> tuple[Writer, Reader]:
        writers: list[Writer] = []

        class Writers(Recorders):
            def buildProtocol(self, addr: object) -> Writer:
                writers.append(Writer(bytes(SocketTests.SIZE)))
                return writers[-1]

        clock: Any = reactor
        factory = SnifferFactory({Route.PLAIN: Writers()}, clock, places=places)
        endpoint = TCP4ServerEndpoint(clock, 0, interface="127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        client = TCP4ClientEndpoint(clock, "127.0.0.1", port_of(port.getHost()))
        reader = Reader()
        await connectProtocol(client, reader)
        self.addCleanup(reader.transport.abortConnection)  # type: ignore[union-attr]
        await self.until(lambda: bool(writers))
        return writers[0], reader

    async def until(self, fact: Any) -> None:
        for _ in range(3_000):
            if fact():
                return
            await deferLater(reactor, 0.01)
        self.fail("it did not come to that")
