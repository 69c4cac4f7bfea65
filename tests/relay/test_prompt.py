"""Writes that leave at once: what the socket takes, and who has the rest."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from cfos_cloud.relay.prompt import PromptTransport, prompt
from tests.memory import MemoryTransport


class Producer:
    pauses = 0

    def pauseProducing(self) -> None:
        self.pauses += 1


class FakeTCP:
    """Twisted's transport over a socket that takes ``room`` bytes."""

    bufferSize = 2**16  # noqa: N815
    dataBuffer = b""  # noqa: N815
    connected = True
    disconnecting = False
    producer: Producer | None = None
    streamingProducer = True  # noqa: N815
    producerPaused = False  # noqa: N815
    options: tuple[int, ...] = ()

    def __init__(self, room: int) -> None:
        self.room: int | Exception = room
        self.sent = b""
        self.waiting = b""
        self.ended = 0
        alsoProvides(self, ITCPTransport)

    def writeSomeData(self, data: bytes) -> object:  # noqa: N802
        if isinstance(self.room, Exception):
            return self.room
        taken = data[: self.room]
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def write(self, data: bytes) -> None:
        self.waiting += data

    def abortConnection(self) -> None:
        self.ended += 1

    def loseWriteConnection(self) -> None:
        self.ended += 1

    def doWrite(self) -> None:
        self.dataBuffer, self.waiting = self.dataBuffer + self.waiting, b""

    def loseConnection(self) -> None:
        self.ended += 1

    def getHandle(self) -> FakeTCP:
        return self

    def setsockopt(self, *options: int) -> None:
        self.options = options

    @property
    def left(self) -> bytes:
        """What Twisted's own transport has to send."""
        return self.dataBuffer + self.waiting


class PromptTests(SynchronousTestCase):
    def test_what_the_socket_takes_leaves_at_once(self) -> None:
        tcp = FakeTCP(10)
        PromptTransport(tcp).write(b"hello")
        self.assertEqual((tcp.sent, tcp.left), (b"hello", b""))

    def test_the_rest_is_left_to_twisted_in_its_order(self) -> None:
        tcp = FakeTCP(7)
        transport = PromptTransport(tcp)
        transport.write(b"hello")
        transport.write(b" there")
        self.assertEqual((tcp.sent, tcp.left), (b"hello t", b"here"))
        tcp.room = 100
        transport.writeSequence([b", ", b"you"])
        self.assertEqual((tcp.sent, tcp.left), (b"hello t", b"here, you"))

    def test_an_error_is_left_to_twisted_with_all_that_was_written(self) -> None:
        tcp = FakeTCP(0)
        tcp.room = CONNECTION_LOST
        PromptTransport(tcp).write(b"hello")
        self.assertEqual((tcp.sent, tcp.left), (b"", b"hello"))

    def test_one_that_is_over_is_left_to_twisted(self) -> None:
        tcp = FakeTCP(10)
        tcp.connected = False
        PromptTransport(tcp).write(b"hello")
        self.assertEqual((tcp.sent, tcp.left), (b"", b"hello"))

    def test_one_that_is_ending_is_left_to_twisted(self) -> None:
        for end in ("loseConnection", "loseWriteConnection"):
            tcp = FakeTCP(10)
            transport = PromptTransport(tcp)
            getattr(transport, end)()
            transport.write(b"hello")
            self.assertEqual((tcp.sent, tcp.left, tcp.ended), (b"", b"hello", 1))

    def test_nothing_is_sent_after_an_abort(self) -> None:
        for end in ("abortConnection", "silence"):
            tcp = FakeTCP(10)
            transport = PromptTransport(tcp)
            getattr(transport, end)()
            transport.write(b"hello")
            self.assertEqual((tcp.sent, tcp.left), (b"", b""))

    def test_who_is_to_keep_it_short_pauses_when_the_socket_takes_no_more(self) -> None:
        tcp = FakeTCP(7)
        tcp.producer = producer = Producer()
        transport = PromptTransport(tcp)
        transport.keep_unsent_short(1000)
        self.assertEqual(tcp.options[1:], (socket.TCP_NOTSENT_LOWAT, 1000))
        transport.write(b"hello")
        self.assertEqual(producer.pauses, 0)
        transport.write(b" there")
        transport.write(b"!")
        self.assertEqual((tcp.left, producer.pauses), (b"here!", 1))
        # It is Twisted's to resume it.
        self.assertTrue(tcp.producerPaused)

    def test_others_pause_when_twisted_says_so(self) -> None:
        tcp = FakeTCP(7)
        tcp.producer = producer = Producer()
        PromptTransport(tcp).write(b"hello there")
        self.assertEqual(producer.pauses, 0)

    def test_all_else_is_the_socket_s_own(self) -> None:
        tcp = FakeTCP(0)
        transport: Any = PromptTransport(tcp)
        transport.loseConnection()
        self.assertEqual(tcp.ended, 1)
        self.assertTrue(ITCPTransport.providedBy(transport))

    def test_only_a_socket_s_own_transport_is_made_prompt(self) -> None:
        memory = MemoryTransport()
        self.assertIs(prompt(memory), memory)
        plain = Connection.__new__(Connection)
        self.assertIsInstance(prompt(plain), PromptTransport)
        tls: Any = Connection.__new__(Connection)
        tls.TLS = True
        self.assertIs(prompt(tls), tls)
