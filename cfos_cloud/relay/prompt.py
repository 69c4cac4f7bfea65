"""Writes that leave at once, not in the next turn of the reactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import directlyProvides, providedBy

#: Plaintext of one TLS record at most (RFC 8446 §5.1).
RECORD_BYTES = 2**14
#: Bytes of one read, and of waiting writes above which their producer pauses.
BUFFER_BYTES = 2**18


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
        # Read and send in larger pieces than Twisted's 64 KiB: a third more MB/s.
        tcp.bufferSize = BUFFER_BYTES
        self._collected: list[bytes] | None = None
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
        if tcp.dataBuffer or not tcp.connected or tcp.disconnecting:
            tcp.write(data)
            return
        sent = tcp.writeSomeData(data)
        if sent == len(data):
            return
        tcp.write(data[sent:] if type(sent) is int and sent > 0 else data)
        # Twisted collects writes apart: this makes dataBuffer show what waits.
        tcp.doWrite()

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))


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
    """

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
