"""TLS over a prompt transport: how it ends, with OpenSSL at the other end."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.listener.self_signed import make_self_signed, new_key
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.relay import prompt
from cfos_cloud.relay.prompt import PromptTLS, PromptTransport, half_close
from cfos_cloud.relay.records import (
    GATHERED_BYTES,
    RECORD_BYTES,
    DirectRecords,
    PublicRecords,
    Records,
    records_of,
)
from tests.memory import MemoryTransport


@cache
def server_tls() -> ReloadableTLS:
    now = datetime.now(UTC)
    return ReloadableTLS(make_self_signed(new_key(), ["localhost"], now))


class Above(Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost: list[object] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Above):
    read_ends = 0

    def readConnectionLost(self) -> None:
        self.read_ends += 1

    def writeConnectionLost(self) -> None: ...


class Ends(SynchronousTestCase):
    """A server of ours, a client of the standard library's, and the wire between."""

    above: type[Above] = Above
    version = ssl.TLSVersion.TLSv1_3
    records: Callable[[SSL.Connection], Records] = DirectRecords

    def setUp(self) -> None:
        self.patch(prompt, "records_of", self.records)
        factory = Factory.forProtocol(self.above)
        tls = TLSMemoryBIOFactory(server_tls(), False, factory, Clock())
        tls.protocol = PromptTLS
        self.server: Any = tls.buildProtocol(None)
        self.protocol: Any = self.server.wrappedProtocol
        self.wire = MemoryTransport()
        self.server.makeConnection(self.wire)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = self.version
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.incoming, self.outgoing)
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.carry()

    def carry(self) -> None:
        """What either end has for the other."""
        if self.outgoing.pending:
            self.server.dataReceived(self.outgoing.read())
        self.incoming.write(self.wire.take())

    def say(self, data: bytes) -> None:
        self.client.write(data)
        self.carry()

    def end(self) -> None:
        """The client's close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLSyscallError):
            self.client.unwrap()
        self.carry()

    def hear(self) -> bytes | None:
        """What the client has received; ``None``: not even an end."""
        try:
            return self.client.read(2**16)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLWantReadError:
            return None


class OrdinaryTests(Ends):
    def test_close_notify_is_answered_and_ends_both_directions(self) -> None:
        self.say(b"last words")
        self.end()
        self.assertEqual(self.protocol.data, b"last words")
        self.assertTrue(self.wire.disconnecting)
        self.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.protocol.lost, [ConnectionDone])

    def test_an_abort_does_not_look_like_an_end(self) -> None:
        # As with a socket: what is written leaves at once.
        self.server.transport = Prompt(self.wire)
        self.server.write(b"half")
        self.server.abortConnection()
        self.carry()
        self.assertTrue(self.wire.aborted)
        self.assertEqual(self.hear(), b"half")
        self.assertIsNone(self.hear())


class RecordTests(Ends):
    def test_several_records_are_one_write_below(self) -> None:
        written: list[bytes] = []
        self.patch(self.wire, "write", written.append)
        for size in (1, RECORD_BYTES, RECORD_BYTES + 1, GATHERED_BYTES):
            self.server.write(bytes(size))
            self.assertEqual(len(written), 1, size)
            self.incoming.write(written.pop())
            self.assertEqual(self.hear_all(), size)

    def test_a_large_write_is_several_of_a_bounded_size(self) -> None:
        written: list[bytes] = []
        self.patch(self.wire, "write", written.append)
        self.server.write(bytes(2 * GATHERED_BYTES + 1))
        self.assertEqual(len(written), 3)
        self.incoming.write(b"".join(written))
        self.assertEqual(self.hear_all(), 2 * GATHERED_BYTES + 1)

    def test_several_records_are_one_read_above(self) -> None:
        pieces: list[int] = []
        self.patch(self.protocol, "dataReceived", lambda data: pieces.append(len(data)))
        for size in (1, RECORD_BYTES + 1, GATHERED_BYTES, GATHERED_BYTES + 1):
            for start in range(0, size, RECORD_BYTES):
                self.client.write(bytes(min(RECORD_BYTES, size - start)))
            self.carry()
            self.assertEqual(sum(pieces), size)
            self.assertEqual(len(pieces), 1 + (size > GATHERED_BYTES))
            pieces.clear()

    def test_what_comes_with_the_end_is_delivered_before_it(self) -> None:
        for _ in range(3):
            self.client.write(b"last words ")
        self.end()
        self.assertEqual(self.protocol.data, b"last words " * 3)
        self.assertTrue(self.wire.disconnecting)

    def test_what_comes_before_a_broken_record_is_delivered(self) -> None:
        self.client.write(b"good")
        self.server.dataReceived(
            self.outgoing.read() + b"\x17\x03\x03\x00\x20" + bytes(32)
        )
        self.assertEqual(self.protocol.data, b"good")
        self.assertTrue(self.wire.disconnecting)

    def test_nothing_is_read_for_who_has_aborted(self) -> None:
        def abort(data: bytes) -> None:
            self.protocol.data += data
            self.server.abortConnection()

        self.patch(self.protocol, "dataReceived", abort)
        self.client.write(bytes(GATHERED_BYTES))
        self.client.write(b"more")
        self.carry()
        self.assertEqual(self.protocol.data, bytes(GATHERED_BYTES))

    def hear_all(self) -> int:
        size = 0
        while data := self.hear():
            size += len(data)
        return size


class ShortRecords(DirectRecords):
    """As with a peer that takes short records alone."""

    def write(self, data: bytes) -> int:
        return super().write(data[:512])


class ShortRecordTests(Ends):
    records = ShortRecords

    def test_all_of_a_write_arrives_once(self) -> None:
        for size in (1, 512, 513, 5000, RECORD_BYTES):
            data = os.urandom(size)
            self.server.write(data)
            self.carry()
            self.assertEqual(self.client.read(2**15), data[:512])
            self.assertEqual(self.hear() or b"", data[512:])


class RefusingRecords(DirectRecords):
    """As in the middle of something else that TLS has to do first."""

    def write(self, data: bytes) -> int:
        return 0


class RefusedWriteTests(Ends):
    records = RefusingRecords

    def test_what_is_not_taken_goes_twisteds_way(self) -> None:
        self.server.write(b"hello")
        self.carry()
        self.assertEqual(self.hear(), b"hello")


class PublicRecordTests(RecordTests):
    """Where the binding can't be reached."""

    records = PublicRecords


class HalfCloseTests(Ends):
    above = HalfCloseable

    def test_close_notify_of_the_client_ends_its_direction_alone(self) -> None:
        self.say(b"last words")
        self.end()
        self.assertEqual(self.protocol.data, b"last words")
        self.assertEqual(self.protocol.read_ends, 1)
        self.assertFalse(self.wire.ended)
        self.server.write(b"an answer")
        self.carry()
        self.assertEqual(self.hear(), b"an answer")
        self.assertTrue(half_close(self.server))
        self.carry()
        self.assertEqual(self.hear(), b"")
        self.assertTrue(self.wire.disconnecting)
        self.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.protocol.lost, [ConnectionDone])
        self.assertEqual(self.protocol.read_ends, 1)

    def test_ours_ends_our_direction_alone(self) -> None:
        self.server.write(b"last words")
        self.assertTrue(half_close(self.server))
        self.carry()
        self.assertEqual(self.hear(), b"last words")
        self.assertEqual(self.hear(), b"")
        self.assertFalse(self.wire.ended)
        self.say(b"an answer")
        self.assertEqual(self.protocol.data, b"an answer")
        self.end()
        self.assertEqual(self.protocol.read_ends, 1)
        self.server.loseConnection()
        self.assertTrue(self.wire.disconnecting)

    def test_what_follows_it_is_dropped(self) -> None:
        # Nobody would ever take it out of OpenSSL's buffer.
        self.end()
        kept: list[bytes] = []
        self.patch(self.server.getHandle(), "bio_write", kept.append)
        self.server.dataReceived(b"x" * 100_000)
        self.assertEqual((self.protocol.data, kept), (b"", []))
        self.assertFalse(self.wire.ended)

    def test_after_it_the_end_of_the_connection_is_read(self) -> None:
        self.wire.pauseProducing()
        self.end()
        self.assertTrue(self.wire.reading)

    def test_the_end_of_the_connection_ends_both_directions(self) -> None:
        self.end()
        self.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.protocol.lost, [ConnectionDone])

    def test_without_close_notify_it_is_a_loss(self) -> None:
        self.say(b"half")
        self.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.protocol.read_ends, 0)
        self.assertNotEqual(self.protocol.lost, [ConnectionDone])

    def test_one_that_we_close_has_no_half(self) -> None:
        self.server.loseConnection()
        self.end()
        self.assertEqual(self.protocol.read_ends, 0)
        self.assertTrue(self.wire.disconnecting)
        self.server.loseWriteConnection()


class HalfCloseTests12(HalfCloseTests):
    version = ssl.TLSVersion.TLSv1_2


class PublicHalfCloseTests(HalfCloseTests):
    records = PublicRecords


class ChoiceTests(SynchronousTestCase):
    def test_the_binding_that_is_installed_can_be_reached(self) -> None:
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        self.assertIsInstance(records_of(connection), DirectRecords)


class OtherTLSTests(SynchronousTestCase):
    def test_twisted_s_own_has_no_half(self) -> None:
        # It would pass the call on to the socket, below TLS.
        wire = MemoryTransport()
        tls = TLSMemoryBIOFactory(server_tls(), False, Factory.forProtocol(Above))
        server: Any = TLSMemoryBIOProtocol(tls, Above())
        server.makeConnection(wire)
        self.assertFalse(half_close(server))
        self.assertFalse(wire.write_ended)


class Prompt(PromptTransport):
    """Over a transport in memory that takes all there is."""

    def __init__(self, memory: MemoryTransport) -> None:
        super().__init__(memory)
        self.memory = memory

    def write(self, data: bytes) -> None:
        if not self._silent:
            self.memory.write(data)
