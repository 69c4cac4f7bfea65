"""Hand a connection to the protocol that its first bytes ask for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Protocol as Shape
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from cfos_cloud.listener.first_bytes import MAX_FIRST_BYTES, Route, choose
from cfos_cloud.listener.liveness import end_with_peer
from cfos_cloud.listener.places import Place, Places

#: Seconds that a client may take until its first bytes allow a choice.
PATIENCE = 10.0


class _Socket(Shape):
    """A transport of Twisted's which delivers to whatever this attribute holds."""

    protocol: IProtocol


class Sniffer(Protocol):
    """
    Hold a connection's first bytes until a route is chosen, then give way to the
    protocol of that route. A client that is silent for :data:`PATIENCE` seconds,
    sends :data:`MAX_FIRST_BYTES` which say nothing, or asks for a route whose
    factory turns it down, is cut without an answer.
    """

    def __init__(self, factory: SnifferFactory, place: Place | None = None) -> None:
        self._settings = factory
        self._place = place
        self._seen = b""
        self._inner: IProtocol | None = None
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport = self._transport()
        if self._place is not None:
            self._place.occupied_by(transport)
            self._place = None
        if isinstance(transport.getHost(), IPv4Address | IPv6Address):
            # Writes are joined before they get here: waiting for more to send
            # only adds delay.
            transport.setTcpNoDelay(True)
            handle = getattr(transport, "getHandle", None)
            if handle is not None and isinstance(handle(), socket.socket):
                end_with_peer(handle())
        self._patience = self._settings.clock.callLater(
            self._settings.patience, self._out_of_patience
        )

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._seen += data
        route = self._settings.choose(self._seen[:MAX_FIRST_BYTES])
        if route is not Route.NEED_MORE:
            self._go(route)
        elif len(self._seen) >= MAX_FIRST_BYTES:
            self._transport().abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        self._seen = b""
        if self._inner is not None:
            self._inner.connectionLost(reason)

    def _go(self, route: Route) -> None:
        self._stop_waiting()
        seen, self._seen = self._seen, b""
        transport = self._transport()
        inner = self._settings.routes[route].buildProtocol(transport.getPeer())
        if inner is None:
            transport.abortConnection()
            return
        self._inner = inner
        if getattr(transport, "protocol", None) is self:
            # startTLS() changes protocols this way too: from here on reads, the end
            # of the connection and half-closes reach the inner protocol directly.
            # On other transports (TLS, by an endpoint string) this object stays
            # between them as a pipe.
            cast(_Socket, transport).protocol = inner
        inner.makeConnection(transport)
        inner.dataReceived(seen)

    def _out_of_patience(self) -> None:
        self._patience = None
        self._transport().abortConnection()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _transport(self) -> ITCPTransport:
        return cast(ITCPTransport, self.transport)


class SnifferFactory(ServerFactory):
    """
    The factory of a port on which several protocols share one number.

    :param routes: a factory for each route that ``choose`` may name. They are
        started and stopped along with the port, which only knows about this one.
    :param choose: a function of the first bytes, called again with more of them
        as long as it answers :attr:`Route.NEED_MORE`.
    :param patience: seconds for a client's first bytes.
    :param places: whoever finds none is not built for: closed at once.
    """

    noisy = False

    def __init__(
        self,
        routes: Mapping[Route, IProtocolFactory],
        clock: IReactorTime,
        choose: Callable[[bytes], Route] = choose,
        patience: float = PATIENCE,
        places: Places | None = None,
    ) -> None:
        self.routes = routes
        self.clock = clock
        self.choose = choose
        self.patience = patience
        self.places = places

    def buildProtocol(self, addr: IAddress | None) -> Sniffer | None:
        if self.places is None:
            return Sniffer(self)
        place = self.places.take(getattr(addr, "host", None) or "")
        return None if place is None else Sniffer(self, place)

    def startFactory(self) -> None:
        for factory in self.routes.values():
            factory.doStart()

    def stopFactory(self) -> None:
        for factory in self.routes.values():
            factory.doStop()
