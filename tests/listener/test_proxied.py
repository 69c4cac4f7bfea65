"""Connections behind a PROXY header, in front of the sniffer."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.proxied import PATIENCE, ProxiedConnection, ProxiedFactory
from cfos_cloud.listener.sniffer import PATIENCE as SNIFFERS_PATIENCE
from cfos_cloud.listener.sniffer import Sniffer, SnifferFactory
from cfos_cloud.relay.prompt import PromptTransport, prompt
from tests.listener.fake_socket import FakeSocket, port_of
from tests.listener.test_proxy_header import LOCAL, TCP6, version_2
from tests.listener.test_sniffer import Recorders

PROXY = IPv4Address("TCP", "10.0.0.1", 40_000)
STRANGER = IPv4Address("TCP", "192.0.2.3", 40_000)
LINE = b"PROXY TCP4 203.0.113.7 10.0.0.2 50000 4443\r\n"


class ProxiedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tls, self.plain = Recorders(), Recorders()
        routes = {Route.TLS: self.tls, Route.PLAIN: self.plain}
        self.factory = ProxiedFactory(
            SnifferFactory(routes, self.clock),
            lambda host: host == "10.0.0.1",
            self.clock,
        )
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def connect(self, peer: IAddress = PROXY) -> FakeSocket:
        protocol = self.factory.buildProtocol(peer)
        assert protocol is not None
        transport = FakeSocket(protocol)
        transport.peerAddr = peer
        protocol.makeConnection(transport)
        return transport


class PeerTests(ProxiedCase):
    def test_the_client_is_whom_the_header_names(self) -> None:
        for header, peer in (
            (LINE, IPv4Address("TCP", "203.0.113.7", 50_000)),
            (version_2(), IPv4Address("TCP", "203.0.113.7", 50_000)),
            (
                version_2("2001:db8::7", family=TCP6),
                IPv6Address("TCP", "2001:db8::7", 50_000),
            ),
        ):
            transport = self.connect()
            transport.protocol.dataReceived(header + b"GET /")
            self.assertEqual(self.plain.peers[-1], peer)
            self.assertEqual(transport.getPeer(), peer)
            self.assertEqual(self.plain.built[-1].data, b"GET /")

    def test_tls_behind_a_header_is_tls(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(LINE)
        transport.protocol.dataReceived(b"\x16\x03\x01")
        self.assertEqual(self.tls.built[0].data, b"\x16\x03\x01")
        self.assertEqual(self.tls.peers, [IPv4Address("TCP", "203.0.113.7", 50_000)])

    def test_the_proxy_s_own_connection_has_its_own_address(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(version_2(command=LOCAL) + b"GET /")
        self.assertEqual(self.plain.peers, [PROXY])

    def test_it_is_out_of_the_way_then(self) -> None:
        transport = self.connect()
        self.assertIsInstance(transport.protocol, ProxiedConnection)
        transport.protocol.dataReceived(LINE)
        self.assertIsInstance(transport.protocol, Sniffer)
        transport.protocol.dataReceived(b"G")
        self.assertIs(transport.protocol, self.plain.built[0])
        transport.loseConnection()
        self.assertEqual(len(self.plain.built[0].lost), 1)

    def test_it_stays_as_a_pipe_where_it_can_not_be_replaced(self) -> None:
        protocol = self.factory.buildProtocol(PROXY)
        assert protocol is not None
        transport = FakeSocket(Protocol())
        transport.peerAddr = PROXY
        protocol.makeConnection(transport)
        for data in (LINE, b"GET", b" /"):
            protocol.dataReceived(data)
        self.assertEqual(self.plain.built[0].data, b"GET /")

    def test_who_is_no_proxy_needs_no_header_and_can_not_lie(self) -> None:
        transport = self.connect(STRANGER)
        transport.protocol.dataReceived(LINE)
        self.assertEqual(self.plain.built[0].data, LINE)
        self.assertEqual(self.plain.peers, [STRANGER])

    def test_the_port_starts_and_stops_what_is_behind(self) -> None:
        self.factory.doStart()
        self.assertEqual(self.plain.running, 1)
        self.factory.doStop()
        self.assertEqual(self.plain.running, 0)


class RefusalTests(ProxiedCase):
    def test_a_proxy_without_a_header_is_cut_and_named_once_a_minute(self) -> None:
        with capturedLogs() as events:
            for _ in range(3):
                transport = self.connect()
                transport.protocol.dataReceived(b"GET / HTTP/1.1\r\n")
                self.assertTrue(transport.aborted)
                self.assertEqual(transport.value(), b"")
        self.assertEqual(self.plain.built, [])
        [line] = map(formatEvent, events)
        assert line is not None
        self.assertIn("connection of the proxy 10.0.0.1 refused: it does not", line)

    def test_a_proxy_that_is_silent_is_cut(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(LINE[:-1])
        self.clock.advance(PATIENCE - 0.1)
        self.assertFalse(transport.aborted)
        self.clock.advance(0.2)
        self.assertTrue(transport.aborted)

    def test_what_follows_the_header_is_waited_for_as_ever(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(LINE)
        self.clock.advance(SNIFFERS_PATIENCE + 0.1)
        self.assertTrue(transport.aborted)

    def test_who_leaves_before_leaves_nothing_behind(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(LINE[:5])
        transport.loseConnection()
        self.assertEqual(self.plain.built, [])


class SocketTests(TestCase):
    async def test_on_a_real_socket_everybody_sees_the_client(self) -> None:
        seen: Deferred[tuple[object, bool]] = Deferred()

        class Shows(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                own = prompt(self.transport)
                seen.callback((own.getPeer(), isinstance(own, PromptTransport)))
                self.transport.loseConnection()

        plain = Recorders()
        plain.buildProtocol = lambda addr: Shows()  # type: ignore[method-assign]
        sniffer = SnifferFactory({Route.PLAIN: plain}, reactor)
        factory = ProxiedFactory(sniffer, lambda host: True, reactor)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", port_of(port.getHost()))
        ended: Deferred[None] = Deferred()

        class Proxy(Protocol):
            def connectionLost(self, reason: object = None) -> None:
                ended.callback(None)

        proxy = await connectProtocol(endpoint, Proxy())
        assert proxy.transport is not None
        proxy.transport.write(LINE + b"GET /")
        peer, prompted = await seen
        self.assertEqual(peer, IPv4Address("TCP", "203.0.113.7", 50_000))
        self.assertTrue(prompted)
        await ended
