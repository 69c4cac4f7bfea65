"""The asking end of an HTTP/1.1 connection, whatever its transport."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.buffered import Shed
from cfos_cloud.http.message import BadMessage, ResponseEvent
from cfos_cloud.http.parser import ResponseParser
from cfos_cloud.http.same_fields import SameFields
from cfos_cloud.relay.prompt import half_close, prompt


class Exchange(Interface):
    """The one request that an upstream connection serves at a time."""

    def response_events(self, events: list[ResponseEvent]) -> None:
        """What came of the response."""

    def upstream_lost(self, clean: bool) -> None:
        """The connection ended before the response did."""

    def upstream_half_closed(self) -> None:
        """After a 101: the connection brings nothing more, and still takes."""

    def pause_request(self) -> None:
        """The connection is full."""

    def resume_request(self) -> None:
        """The connection takes more."""


class UpstreamOwner(Interface):
    """Whoever keeps idle connections."""

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        """The connection is over, idle or not."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class UpstreamConnection(Protocol):
    """Requests go out one after another; each response goes to its exchange."""

    def __init__(self, owner: UpstreamOwner) -> None:
        self._owner = owner
        self._parser = ResponseParser()
        self._exchange: Exchange | None = None
        self._full = False
        self._closing = False
        self._read_ended = False
        self._switched = False
        self.lost = False
        #: What was made of its last response's fields.
        self.made: SameFields[object] = SameFields()
        #: Whether it was ended here, as too much waited for somebody to take it.
        self.shed = False
        #: Requests that were begun on this connection.
        self.served = 0

    @property
    def sound(self) -> bool:
        """Whether another request may follow, as far as we have read."""
        return not (self.lost or self._closing or self._parser.broken)

    def begin(self, exchange: Exchange, method: bytes, head: bytes) -> None:
        """Send a request's head; what comes back goes to ``exchange``."""
        self._exchange = exchange
        self.served += 1
        self._parser.expect(method)
        self.transport.write(head)  # type: ignore[union-attr]
        if self._full:
            exchange.pause_request()

    def write(self, data: bytes) -> None:
        """More of the request: framed body, or raw bytes after an upgrade."""
        self.transport.write(data)  # type: ignore[union-attr]

    def switch(self, exchange: Exchange) -> None:
        """A 101 came: raw bytes from now on, to and from ``exchange``."""
        self._exchange = exchange
        self._switched = True

    def close_writing(self) -> None:
        """
        Nothing more goes on a switched connection, what comes is still taken; where
        the transport can't do that, both end, and the exchange hears of it.
        """
        if self.lost or half_close(self.transport):
            return
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def release(self) -> None:
        """The exchange is over and the connection may serve another."""
        self._exchange = None
        self.transport.resumeProducing()  # type: ignore[union-attr]

    def close(self) -> None:
        """Close after what was written; nothing more is expected."""
        self._exchange = None
        self._closing = True
        if not self.lost:
            self.transport.unregisterProducer()  # type: ignore[union-attr]
            self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Close at once."""
        self._exchange = None
        self._closing = True
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def drop(self) -> None:
        """End it for others' sake: its exchange and its owner are told it is lost."""
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def pause_response(self) -> None:
        """Don't read more of the response."""
        if not self.lost and not self._read_ended:
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def resume_response(self) -> None:
        """Read on."""
        # After its end, reading would find the same end, again and again.
        if not self.lost and not self._read_ended:
            self.transport.resumeProducing()  # type: ignore[union-attr]

    # Protocol

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(prompt(transport))

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        events = self._parser.feed(data)
        if self._exchange is not None:
            if events:
                self._exchange.response_events(events)
        elif not self.lost:
            # Bytes that belong to no request: never to be taken for the next answer.
            self.abort()

    def readConnectionLost(self) -> None:
        """FIN: a response without a length is complete, anything else is not."""
        if self._read_ended:
            return
        self._read_ended = self._closing = True
        if self._switched and self._exchange is not None:
            self._exchange.upstream_half_closed()
        else:
            self._ended(clean=True)
            self.close()

    def writeConnectionLost(self) -> None:
        """Our own half close; the response may still come."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.lost:
            return
        self.shed = reason.check(Shed) is not None
        self._ended(clean=reason.check(ConnectionDone) is not None)
        self.lost = True
        self._parser.close()
        self._owner.upstream_gone(self)

    def _ended(self, *, clean: bool) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        events = self._parser.eof() if clean else []
        if events and type(events[0]) is not BadMessage:
            exchange.response_events(events)
        else:
            self._exchange = None
            exchange.upstream_lost(clean)

    # IPushProducer: the connection as seen by the request

    def pauseProducing(self) -> None:
        self._full = True
        if self._exchange is not None:
            self._exchange.pause_request()

    def resumeProducing(self) -> None:
        self._full = False
        if self._exchange is not None:
            self._exchange.resume_request()

    def stopProducing(self) -> None:
        """The connection is lost; :meth:`connectionLost` says the rest."""
