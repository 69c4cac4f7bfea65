"""Writes that leave at once, not in the next turn of the reactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from typing import Protocol as Interface

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

#: Plaintext of one TLS record at most (RFC 8446 §5.1).
RECORD_BYTES = 2**14
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
        self._collected: list[bytes] | None = None
        #: The end was asked for: what is written now is Twisted's to send, or not.
        self._ending = False
        self._silent = False
        self._counting = counting_of(tcp)
        directlyProvides(self, providedBy(tcp))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tcp, name)

    def collect(self) -> None:
        """Keep what is written, for :meth:`release`."""
        self._collected = []

    def release(self) -> None:
        """Write what was kept, in one piece."""
        collected, self._collected = self._collected, None
        if collected:
            self.write(b"".join(collected))

    def write(self, data: bytes) -> None:
        if self._collected is not None:
            self._collected.append(data)
            return
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
        if self._counting is not None:
            self._counting.wrote()

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

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
    join them: ours are joined already, and each delay would cost a timer.

    Where the protocol above provides ``IHalfCloseableProtocol``, close_notify ends
    one direction, as in TLS 1.3 (RFC 8446 §6.1); the end of the connection below
    ends both.
    """

    _read_ended = False

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(prompt(transport))

    def write(self, data: bytes) -> None:
        below = self.transport
        if len(data) > RECORD_BYTES and isinstance(below, PromptTransport):
            # Several records, one call of the kernel.
            below.collect()
            super().write(data)
            below.release()
        else:
            super().write(data)

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
        # Twisted's own, but for close_notify, which it takes for the end of both.
        while not (self._lostTLSConnection or self._read_ended):
            try:
                data = self._tlsConnection.recv(2**15)
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                if not self._end_reading():
                    self._shutdownTLS()
                    self._tlsShutdownFinished(None)
            except SSL.Error:
                self._tlsShutdownFinished(Failure())
            else:
                if not self._aborted:
                    ProtocolWrapper.dataReceived(self, data)
        self._flushSendBIO()

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
