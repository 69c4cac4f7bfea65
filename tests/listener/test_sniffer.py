from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IListeningPort,
    IProtocol,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from cfos_cloud.listener.client_hello import by_name
from cfos_cloud.listener.first_bytes import MAX_FIRST_BYTES, Route, choose
from cfos_cloud.listener.liveness import KEEPALIVE_IDLE, UNTAKEN_SECONDS
from cfos_cloud.listener.sniffer import PATIENCE, Sniffer, SnifferFactory
from tests.listener.fake_socket import FakeSocket, port_of
from tests.listener.test_client_hello import hello, records, server_name


class Recorder(Protocol):
    """Remembers what reaches it."""

    def __init__(self) -> None:
        self.made = 0
        self.data = b""
        self.reads = 0
        self.lost: list[Failure] = []

    def connectionMade(self) -> None:
        self.made += 1

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.reads += 1

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.lost.append(reason)


class Recorders(ServerFactory):
    noisy = False

    def __init__(self, turns_down: bool = False) -> None:
        self.built: list[Recorder] = []
        self.peers: list[IAddress | None] = []
        self.turns_down = turns_down
        self.running = 0

    def startFactory(self) -> None:
        self.running += 1

    def stopFactory(self) -> None:
        self.running -= 1

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        self.peers.append(addr)
        if self.turns_down:
            return None
        self.built.append(Recorder())
        return self.built[-1]


def after_three(seen: bytes) -> Route:
    """Needs three bytes to choose."""
    return Route.NEED_MORE if len(seen) < 3 else choose(seen)


class SnifferTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tls, self.plain = Recorders(), Recorders()
        self.factory = SnifferFactory(
            {Route.TLS: self.tls, Route.PLAIN: self.plain}, self.clock
        )

    def connect(self) -> tuple[Sniffer, FakeSocket]:
        sniffer = self.factory.buildProtocol(None)
        assert sniffer is not None
        transport = FakeSocket(sniffer)
        sniffer.makeConnection(transport)
        return sniffer, transport

    def test_nothing_is_built_before_the_first_byte(self) -> None:
        self.connect()
        self.assertEqual((self.tls.built, self.plain.built), ([], []))

    def test_tls_and_plain_go_to_their_factories(self) -> None:
        self.connect()[0].dataReceived(b"\x16\x03")
        self.connect()[0].dataReceived(b"GET /")
        self.assertEqual([each.data for each in self.tls.built], [b"\x16\x03"])
        self.assertEqual([each.data for each in self.plain.built], [b"GET /"])

    def test_the_inner_protocol_gets_the_transport_and_its_peer(self) -> None:
        sniffer, transport = self.connect()
        sniffer.dataReceived(b"G")
        [inner] = self.plain.built
        self.assertIs(inner.transport, transport)
        self.assertEqual(inner.made, 1)
        self.assertEqual(self.plain.peers, [transport.getPeer()])

    def test_the_inner_protocol_takes_the_sniffers_place(self) -> None:
        sniffer, transport = self.connect()
        sniffer.dataReceived(b"G")
        [inner] = self.plain.built
        self.assertIs(transport.protocol, inner)
        transport.loseConnection()
        self.assertEqual(len(inner.lost), 1)

    def test_first_bytes_that_come_one_by_one_arrive_whole_and_once(self) -> None:
        self.factory.choose = after_three
        sniffer, transport = self.connect()
        for byte in (b"\x16", b"\x03"):
            sniffer.dataReceived(byte)
        self.assertEqual(self.tls.built, [])
        sniffer.dataReceived(b"\x01")
        transport.protocol.dataReceived(b"more")
        [inner] = self.tls.built
        self.assertEqual((inner.data, inner.reads), (b"\x16\x03\x01more", 2))

    def test_it_stays_as_a_pipe_where_the_transport_can_not_be_handed_over(
        self,
    ) -> None:
        sniffer = self.factory.buildProtocol(None)
        assert sniffer is not None
        transport = FakeSocket(Protocol())
        sniffer.makeConnection(transport)
        sniffer.dataReceived(b"GET ")
        sniffer.dataReceived(b"/")
        sniffer.connectionLost(Failure(ConnectionDone()))
        [inner] = self.plain.built
        self.assertEqual(inner.data, b"GET /")
        self.assertEqual(len(inner.lost), 1)

    def test_a_silent_client_is_cut_when_patience_ends(self) -> None:
        _, transport = self.connect()
        self.clock.advance(PATIENCE - 0.01)
        self.assertTrue(transport.connected)
        self.clock.advance(0.01)
        self.assertTrue(transport.aborted)
        self.assertEqual(transport.value(), b"")

    def test_dribbling_does_not_buy_time(self) -> None:
        self.factory.choose = after_three
        sniffer, transport = self.connect()
        self.clock.advance(PATIENCE / 2)
        sniffer.dataReceived(b"\x16")
        self.clock.advance(PATIENCE / 2)
        self.assertTrue(transport.aborted)

    def test_no_timer_is_left_after_the_choice_or_the_end(self) -> None:
        sniffer, _ = self.connect()
        sniffer.dataReceived(b"G")
        sniffer, _ = self.connect()
        sniffer.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_that_never_allows_a_choice_is_cut_at_the_bound(self) -> None:
        looked_at: list[int] = []

        def never(seen: bytes) -> Route:
            looked_at.append(len(seen))
            return Route.NEED_MORE

        self.factory.choose = never
        sniffer, transport = self.connect()
        sniffer.dataReceived(b"\x16" * (MAX_FIRST_BYTES - 1))
        self.assertFalse(transport.aborted)
        sniffer.dataReceived(b"\x16" * 65536)
        self.assertTrue(transport.aborted)
        self.assertEqual(looked_at, [MAX_FIRST_BYTES - 1, MAX_FIRST_BYTES])

    def test_a_factory_that_turns_a_client_down_cuts_it(self) -> None:
        self.plain.turns_down = True
        sniffer, transport = self.connect()
        sniffer.dataReceived(b"G")
        self.assertTrue(transport.aborted)
        sniffer.connectionLost(Failure(ConnectionDone()))

    def test_candidates_start_and_stop_once_however_many_ports_there_are(self) -> None:
        self.factory.doStart()
        self.factory.doStart()
        self.assertEqual((self.tls.running, self.plain.running), (1, 1))
        self.factory.doStop()
        self.assertEqual((self.tls.running, self.plain.running), (1, 1))
        self.factory.doStop()
        self.assertEqual((self.tls.running, self.plain.running), (0, 0))


@implementer(IHalfCloseableProtocol)
class Echo(Protocol):
    """Sends everything back once the client has said all."""

    def connectionMade(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        transport = self.transport
        assert transport is not None
        no_delay = ITCPTransport(transport).getTcpNoDelay()
        transport.write(self.received + (b" at once" if no_delay else b" later"))
        transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our own doing."""


class HalfClosingClient(Protocol):
    """Says something, closes its side and keeps the answer."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.answer = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        transport = ITCPTransport(self.transport)
        transport.write(self.says)
        transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:
        self.answer += data

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.done.callback(self.answer)


class ByNameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.passed, self.tls = Recorders(), Recorders()
        name = b"site-7.cloud.example.org"
        routes = {Route.PASSED: self.passed, Route.TLS: self.tls}
        chosen = by_name(lambda asked: asked == name)
        factory = SnifferFactory(routes, self.clock, chosen)
        sniffer = factory.buildProtocol(None)
        assert sniffer is not None
        self.sniffer = sniffer
        self.wire = FakeSocket(self.sniffer)
        self.sniffer.makeConnection(self.wire)
        self.hello = records(hello(server_name(name)), 30)

    def test_a_client_hello_that_trickles_arrives_whole(self) -> None:
        for byte in self.hello:
            self.assertEqual(self.passed.built, [])
            self.wire.protocol.dataReceived(bytes([byte]))
        self.wire.protocol.dataReceived(b"more")
        (passed,) = self.passed.built
        self.assertEqual(passed.data, self.hello + b"more")
        self.assertEqual(self.tls.built, [])

    def test_one_that_does_not_come_to_its_end_is_cut(self) -> None:
        self.sniffer.dataReceived(self.hello[:-1])
        self.clock.advance(PATIENCE)
        self.assertTrue(self.wire.aborted)
        self.assertEqual(self.passed.built + self.tls.built, [])

    def test_one_that_is_none_goes_on_to_tls_with_all_that_came(self) -> None:
        self.sniffer.dataReceived(b"\x16")
        self.sniffer.dataReceived(b"\x03\x01\x00\x00")
        (tls,) = self.tls.built
        self.assertEqual(tls.data, b"\x16\x03\x01\x00\x00")


class SocketTests(TestCase):
    """On real sockets of both families."""

    inner: type[Protocol] = Echo

    def listen(self, interface: str) -> int:
        echo = ServerFactory.forProtocol(self.inner)
        factory = SnifferFactory({Route.PLAIN: echo, Route.TLS: echo}, reactor)
        port: IListeningPort = reactor.listenTCP(0, factory, interface=interface)
        self.addCleanup(port.stopListening)
        return port_of(port.getHost())

    async def ask(self, address: str) -> bytes:
        endpoint = HostnameEndpoint(reactor, address, self.listen(address))
        client = HalfClosingClient(b"hello")
        await connectProtocol(endpoint, client)
        return await client.done

    async def test_the_system_ends_connections_that_lead_nowhere(self) -> None:
        asked: list[tuple[int, ...]] = []

        class Options(Echo):
            def connectionMade(self) -> None:
                super().connectionMade()
                handle = self.transport.getHandle()  # type: ignore[union-attr]
                asked.append(
                    (
                        handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                        handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                        handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                    )
                )

        self.inner = Options
        await self.ask("127.0.0.1")
        self.assertEqual(asked, [(1, KEEPALIVE_IDLE, UNTAKEN_SECONDS * 1000)])

    async def test_half_closes_reach_the_inner_protocol_over_ipv4(self) -> None:
        self.assertEqual(await self.ask("127.0.0.1"), b"hello at once")

    async def test_half_closes_reach_the_inner_protocol_over_ipv6(self) -> None:
        self.assertEqual(await self.ask("::1"), b"hello at once")

    if not socket.has_ipv6:
        test_half_closes_reach_the_inner_protocol_over_ipv6.skip = "no IPv6"  # type: ignore[attr-defined]
