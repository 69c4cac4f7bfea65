"""A connection in memory that can do what a TCP socket can."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import StringTransportWithDisconnection


class FakeSocket(StringTransportWithDisconnection):
    """Remembers what was done to it, and calls its ``protocol`` as sockets do."""

    def __init__(self, protocol: IProtocol) -> None:
        super().__init__()
        self.protocol: IProtocol = protocol
        self.aborted = False
        self.half_closed = False
        self.no_delay = False

    def abortConnection(self) -> None:
        self.aborted = True

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


def port_of(address: object) -> int:
    """The port number in the address that a listening port tells."""
    port = getattr(address, "port", None)
    assert isinstance(port, int)
    return port
