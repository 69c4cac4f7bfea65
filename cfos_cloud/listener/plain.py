"""The protocol of connections without TLS where only TLS is served."""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.listener.plain_answer import PlainRequest

#: Seconds that such a connection may last.
PATIENCE = 10.0


@implementer(IHalfCloseableProtocol)
class PlainOnly(Protocol):
    """
    Answer the first request, then close: our side at once, all of it when the
    client has closed too or after :data:`PATIENCE` seconds from the start. Closing
    while a client still sends would make its system drop our answer.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._request: PlainRequest | None = PlainRequest()
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._patience = self._clock.callLater(PATIENCE, self._out_of_patience)

    def dataReceived(self, data: bytes) -> None:
        if self._request is None:
            return
        response = self._request.receive_data(data)
        if response is not None:
            self._request = None
            transport = self._tcp()
            transport.write(response)
            transport.loseWriteConnection()

    def readConnectionLost(self) -> None:
        self._tcp().loseConnection()

    def writeConnectionLost(self) -> None:
        """Our own doing."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _out_of_patience(self) -> None:
        self._patience = None
        self._tcp().abortConnection()

    def _tcp(self) -> ITCPTransport:
        return cast(ITCPTransport, self.transport)


class PlainOnlyFactory(Factory):
    """:class:`PlainOnly` for each connection."""

    noisy = False

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> PlainOnly:
        return PlainOnly(self._clock)
