"""Through a proxy, over real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.device.connect import ProxyFailed, ProxyRefused
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.proxy import Proxy
from cfos_cloud.device.proxy_endpoint import ANSWER_SECONDS, server_endpoint
from cfos_cloud.relay.prompt import PromptTransport, prompt
from tests.device.connect_proxy import ConnectProxy
from tests.listener.fake_socket import FakeSocket

reactor: Any = _reactor
OK = b"HTTP/1.1 200 Fine\r\n\r\n"


class Client(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.data = b""
        self.got: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if not self.got.called:
            self.got.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class SocketTests(TestCase):
    def setUp(self) -> None:
        self.server_port = self.listen(Factory.forProtocol(Echo))
        self.proxy = ConnectProxy(reactor, {"cloud.example.org": "127.0.0.1"})
        self.port = self.listen(self.proxy)

    def listen(self, factory: Any) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def connect(self, client: Client, *user: str, port: int = 0) -> None:
        server = parse_origin(f"http://cloud.example.org:{self.server_port}")
        proxy = Proxy("127.0.0.1", port or self.port, *user)
        endpoint = server_endpoint(reactor, server, proxy, 10)
        found = await endpoint.connect(Factory.forProtocol(lambda: client))
        self.assertIs(found, client)

    async def test_bytes_go_through_and_the_proxy_knows_the_name(self) -> None:
        client = Client()
        await self.connect(client)
        client.transport.write(b"hello")
        await client.got
        self.assertEqual(client.data, b"hello")
        place = b"cloud.example.org:%d" % self.server_port
        self.assertTrue(self.proxy.requests[0].startswith(b"CONNECT " + place))
        self.assertIsInstance(prompt(client.transport), PromptTransport)
        client.transport.loseConnection()
        await client.ended

    async def test_a_no_is_an_error_of_the_attempt(self) -> None:
        self.proxy.wanted = b"Basic bWU6c2VjcmV0"
        with self.assertRaises(ProxyRefused):
            await self.connect(Client())
        client = Client()
        await self.connect(client, "me", "secret")
        client.transport.loseConnection()
        await client.ended

    async def test_a_name_that_the_proxy_does_not_know_is_its_502(self) -> None:
        self.proxy.hosts = {}
        with self.assertRaises(ProxyFailed) as caught:
            await self.connect(Client())
        self.assertIn("can't reach cloud.example.org", str(caught.exception))

    async def test_no_proxy_there_is_told_as_such(self) -> None:
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        with self.assertRaises(ProxyFailed) as caught:
            await self.connect(Client(), port=number)
        self.assertIn(f"the proxy 127.0.0.1:{number}: conn", str(caught.exception))


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.built: list[Client] = []
        self.reactor = MemoryReactorClock()
        self.addCleanup(lambda: self.assertEqual(self.reactor.getDelayedCalls(), []))

    def connect(self) -> Deferred[IProtocol]:
        def build() -> Client:
            self.built.append(Client())
            return self.built[-1]

        server = parse_origin("https://cloud.example.org")
        endpoint = server_endpoint(self.reactor, server, Proxy("127.0.0.1", 1), 10)
        return endpoint.connect(Factory.forProtocol(build))

    def accept(self) -> FakeSocket:
        """The proxy takes the connection."""
        factory: Any = self.reactor.tcpClients[0][2]
        protocol = factory.buildProtocol(None)
        transport = FakeSocket(protocol)
        protocol.makeConnection(transport)
        return transport

    def test_what_follows_the_answer_is_the_server_s(self) -> None:
        connected = self.connect()
        transport = self.accept()
        transport.protocol.dataReceived(OK + b"early")
        [client] = self.built
        self.assertIs(self.successResultOf(connected), client)
        self.assertEqual(client.data, b"early")

    def test_nothing_is_built_before_the_proxy_s_yes(self) -> None:
        connected = self.connect()
        transport = self.accept()
        transport.protocol.dataReceived(OK[:-1])
        self.assertEqual(self.built, [])
        transport.protocol.dataReceived(b"HTTP")
        transport.loseConnection()
        error = self.failureResultOf(connected, ProxyFailed).value
        self.assertIn("has closed the connection", str(error))

    def test_a_proxy_that_is_silent_is_given_up(self) -> None:
        connected = self.connect()
        transport = self.accept()
        self.reactor.advance(ANSWER_SECONDS - 0.1)
        self.assertNoResult(connected)
        self.reactor.advance(0.2)
        error = self.failureResultOf(connected, ProxyFailed).value
        self.assertIn("does not answer in time", str(error))
        self.assertTrue(transport.aborted)

    def test_it_can_be_given_up_before_and_after_the_connection(self) -> None:
        connected = self.connect()
        connected.cancel()
        self.failureResultOf(connected, ProxyFailed)
        self.reactor.tcpClients.clear()
        connected = self.connect()
        transport = self.accept()
        connected.cancel()
        self.failureResultOf(connected)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.built, [])

    def test_without_a_proxy_it_is_the_server_s_own(self) -> None:
        server = parse_origin("https://127.0.0.1:4443")
        endpoint = server_endpoint(self.reactor, server, None, 10)
        connecting = endpoint.connect(Factory.forProtocol(Client))
        self.assertEqual(self.reactor.tcpClients[0][:2], ("127.0.0.1", 4443))
        connecting.addErrback(lambda failure: failure.trap(ConnectionRefusedError))
        factory: Any = self.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.reactor.advance(1)
