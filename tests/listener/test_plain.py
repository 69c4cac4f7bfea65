from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.plain import PATIENCE, PlainOnly, PlainOnlyFactory
from cfos_cloud.listener.sniffer import SnifferFactory
from tests.listener.fake_socket import FakeSocket, port_of

REQUEST = b"GET / HTTP/1.1\r\nHost: a:1\r\n\r\n"


class PlainOnlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.protocol: PlainOnly = PlainOnlyFactory(self.clock).buildProtocol(None)
        self.transport = FakeSocket(self.protocol)
        self.protocol.makeConnection(self.transport)

    def test_the_answer_comes_once_and_our_side_closes(self) -> None:
        self.protocol.dataReceived(REQUEST + REQUEST)
        self.protocol.dataReceived(REQUEST)
        self.assertEqual(self.transport.value().count(b"HTTP/1.1 308"), 1)
        self.assertTrue(self.transport.half_closed)
        self.assertTrue(self.transport.connected)

    def test_it_ends_with_the_clients_side(self) -> None:
        self.protocol.dataReceived(REQUEST)
        self.protocol.readConnectionLost()
        self.assertFalse(self.transport.connected)

    def test_a_client_that_gives_up_halfway_is_closed(self) -> None:
        self.protocol.dataReceived(b"GET /")
        self.protocol.readConnectionLost()
        self.assertFalse(self.transport.connected)
        self.assertEqual(self.transport.value(), b"")

    def test_a_slow_client_is_cut_however_it_dribbles(self) -> None:
        for byte in (b"G", b"E", b"T", b" "):
            self.protocol.dataReceived(byte)
            self.clock.advance(PATIENCE / 5)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(PATIENCE / 5)
        self.assertTrue(self.transport.aborted)

    def test_a_client_that_never_closes_is_cut_too(self) -> None:
        self.protocol.dataReceived(REQUEST)
        self.clock.advance(PATIENCE)
        self.assertTrue(self.transport.aborted)

    def test_no_timer_is_left(self) -> None:
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class LoopbackTests(TestCase):
    async def test_a_client_that_still_sends_its_body_gets_the_refusal(self) -> None:
        ended: Deferred[None] = Deferred()

        class Observed(PlainOnly):
            def connectionLost(self, reason: Failure = connectionDone) -> None:
                super().connectionLost(reason)
                ended.callback(None)

        plain = ServerFactory.forProtocol(lambda: Observed(reactor))
        port = reactor.listenTCP(
            0,
            SnifferFactory({Route.PLAIN: plain, Route.TLS: plain}, reactor),
            interface="127.0.0.1",
        )
        self.addCleanup(port.stopListening)
        address = ("127.0.0.1", port_of(port.getHost()))

        def post() -> bytes:
            with socket.create_connection(address, timeout=10) as client:
                client.sendall(
                    b"POST / HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3000000\r\n\r\n"
                    + b"x" * 3_000_000
                )
                client.shutdown(socket.SHUT_WR)
                answer = b""
                while data := client.recv(4096):
                    answer += data
                return answer

        answer = await deferToThread(post)
        await ended
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
