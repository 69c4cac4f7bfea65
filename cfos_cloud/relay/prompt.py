"""Writes that leave at once, not in the next turn of the reactor."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast
from typing import Protocol as Interface

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from cfos_cloud.relay.records import (
    GATHERED_BYTES,
    MOST_BYTES,
    RECORD_BYTES,
    Records,
    records_of,
)

#: Bytes of one read, and of waiting writes above which their producer pauses.
BUFFER_BYTES = 2**18


class Counting(Interface):
    """Who counts what waits on a connection: the ``place`` of its transport."""

    def wrote(self) -> None:
        """The transport may keep more than before."""

    def unread(self, size: int) -> None:
        """So many bytes of the peer wait for somebody to take them."""


def counting_of(transport: object) -> Counting | None:
    """Who counts for a connection, whatever wraps its transport."""
    return getattr(transport, "place", None)


class PromptTransport:
    """
    A TCP transport whose ``write`` first tries the socket.

    Twisted's own waits for the reactor to find the socket writable, which costs a
    turn and two calls of epoll_ctl for each small write although the socket almost
    always is (docs/performance.md). What the kernel does not take, and every error,
    is left to Twisted's transport, which watches the socket from then on.
    """

    def __init__(self, tcp: Any) -> None:
        self._tcp = tcp
        # Read and send in larger pieces than Twisted's 64 KiB: fewer calls a MB.
        tcp.bufferSize = BUFFER_BYTES
        #: The end was asked for: what is written now is Twisted's to send, or not.
        self._ending = False
        self._silent = False
        self._pauses_at_once = False
        self._counting = counting_of(tcp)
        directlyProvides(self, providedBy(tcp))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tcp, name)

    def write(self, data: bytes) -> None:
        tcp = self._tcp
        if self._ending or tcp.dataBuffer or not tcp.connected:
            if not self._silent:
                tcp.write(data)
                if self._counting is not None:
                    self._counting.wrote()
            return
        sent = tcp.writeSomeData(data)
        if sent == len(data):
            return
        tcp.write(data[sent:] if type(sent) is int and sent > 0 else data)
        # Twisted collects writes apart: this makes dataBuffer show what waits.
        tcp.doWrite()
        if self._pauses_at_once and tcp.dataBuffer:
            self._pause_producer()
        if self._counting is not None:
            self._counting.wrote()

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def keep_unsent_short(self, size: int) -> None:
        """
        Pause the producer as soon as the kernel takes no more, which it does not above
        ``size`` bytes that it can't send yet, and one write.
        """
        self._pauses_at_once = True
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None and self._tcp.connected:
            with suppress(OSError):  # it has just ended, or is no TCP
                self._tcp.getHandle().setsockopt(socket.IPPROTO_TCP, option, size)

    def _pause_producer(self) -> None:
        # As Twisted's transport does itself, but above BUFFER_BYTES only; it resumes.
        tcp = self._tcp
        streams = tcp.producer is not None and tcp.streamingProducer
        if streams and not tcp.producerPaused:
            tcp.producerPaused = True
            tcp.producer.pauseProducing()

    def silence(self) -> None:
        """Drop what is written from now on; an end is to follow."""
        self._ending = self._silent = True

    def loseConnection(self) -> None:
        self._ending = True
        self._tcp.loseConnection()

    def loseWriteConnection(self) -> None:
        self._ending = True
        self._tcp.loseWriteConnection()

    def abortConnection(self) -> None:
        self.silence()
        self._tcp.abortConnection()


def prompt(transport: ITransport) -> ITransport:
    """
    ``transport``, prompt if it is a TCP socket's own, else as it is.

    By class: TLS claims the interfaces of what is below it, and to go past TLS would
    send its plaintext.
    """
    if isinstance(transport, Connection) and not transport.TLS:
        return cast(ITransport, PromptTransport(transport))
    return transport


class PromptTLS(TLSMemoryBIOProtocol):
    """
    TLS over a prompt transport. Not Twisted's default, which delays small writes to
    join them: ours are joined already, and each delay would cost a timer. Several
    records are one read for the protocol above, and one write for the transport below.

    Where the protocol above provides ``IHalfCloseableProtocol``, close_notify ends
    one direction, as in TLS 1.3 (RFC 8446 §6.1); the end of the connection below
    ends both.
    """

    _read_ended = False
    _gathering = False
    _records: Records | None = None

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(prompt(transport))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._records = None

    def dataReceived(self, data: bytes) -> None:
        if not self._handshakeDone or self._appSendBuffer:
            super().dataReceived(data)
            return
        self._all_records().put(data)
        self._flushReceiveBIO()

    def _all_records(self) -> Records:
        # Twisted begins the handshake where it makes the connection of OpenSSL's.
        if self._records is None:
            self._records = records_of(self._tlsConnection)
        return self._records

    def _write(self, data: bytes) -> None:
        if len(data) <= RECORD_BYTES:
            self._write_small(data)
            return
        for start in range(0, len(data), GATHERED_BYTES):
            self._gathering = True
            super()._write(data[start : start + GATHERED_BYTES])
            self._gathering = False
            self._send_what_is_ready(MOST_BYTES)

    def _write_small(self, data: bytes) -> None:
        sent = 0
        if self._handshakeDone and not self._lostTLSConnection and data:
            sent = self._all_records().write(data)
        if sent:
            self._flushSendBIO()
        if sent < len(data):
            # Twisted's own knows what to do with the rest, and with errors.
            super()._write(data[sent:])

    def _flushSendBIO(self) -> None:  # noqa: N802 - Twisted's name
        if not self._gathering:
            self._send_what_is_ready(2 * RECORD_BYTES)

    def _send_what_is_ready(self, most: int) -> None:
        data = self._all_records().take(most)
        if data:
            self.transport.write(data)  # type: ignore[union-attr]

    def abortConnection(self) -> None:
        if isinstance(self.transport, PromptTransport):
            # close_notify would leave at once, and make a part look like the whole.
            self.transport.silence()
        super().abortConnection()

    def loseWriteConnection(self) -> None:
        """close_notify after what was written; what comes is still delivered."""
        if self.disconnecting or not self.connected:
            return
        if self._appSendBuffer:
            self.loseConnection()
        else:
            self._shutdownTLS()

    def _flushReceiveBIO(self) -> None:  # noqa: N802 - Twisted's name
        # Twisted's own, but for several records at once, and for close_notify, which
        # it takes for the end of both directions.
        records = self._all_records()
        more = True
        while more and not (self._lostTLSConnection or self._read_ended):
            parts: list[bytes] = []
            size = 0
            failure: Failure | None = None
            try:
                while more and size < GATHERED_BYTES:
                    part = records.read()
                    parts.append(part)
                    size += len(part)
                    more = bool(part)
            except SSL.Error:
                failure = Failure()
            if size and not self._aborted:
                ProtocolWrapper.dataReceived(self, b"".join(parts))
            if failure is not None and not self._lostTLSConnection:
                self._reading_failed(failure)
        self._flushSendBIO()

    def _reading_failed(self, failure: Failure) -> None:
        if not failure.check(SSL.ZeroReturnError):
            self._tlsShutdownFinished(failure)
        elif not self._end_reading():
            self._shutdownTLS()
            self._tlsShutdownFinished(None)

    def _end_reading(self) -> bool:
        """Whether the protocol takes the end of one direction for what it is."""
        above: Any = self.wrappedProtocol
        if self.disconnecting or not IHalfCloseableProtocol.providedBy(above):
            return False
        self._read_ended = True
        # What follows a close_notify is ignored (RFC 8446 §6.1), but for the end.
        self.dataReceived = _ignore  # type: ignore[method-assign]
        below: Any = self.transport
        below.resumeProducing()
        above.readConnectionLost()
        return True


def _ignore(data: bytes) -> None:
    """To be assigned to ``dataReceived``."""


def half_close(transport: Any) -> bool:
    """
    Let nothing more go after what was written, FIN or over TLS close_notify, and
    read on. ``False``: this transport can't do that, and nothing has happened.
    """
    if isinstance(transport, TLSMemoryBIOProtocol):
        # Twisted's own would pass the call on below TLS.
        if not isinstance(transport, PromptTLS):
            return False
    elif getattr(transport, "TLS", False):
        return False
    if not hasattr(transport, "loseWriteConnection"):
        return False
    # Twisted waits for a producer that was paused, though it may never write again.
    transport.unregisterProducer()
    transport.loseWriteConnection()
    return True
