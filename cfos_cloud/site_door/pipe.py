"""Two protocols in one process, joined as by a stream of a tunnel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    IProducer,
    IProtocol,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

#: A writer is asked to pause above this many bytes that wait, and to go on when they
#: have been taken.
HIGH_WATER = 64 * 1024
#: Pieces that wait at most, each with a cost of its own: more are made one.
MAX_PIECES = 64

_NOWHERE = IPv4Address("TCP", "127.0.0.1", 0)


@implementer(ITransport, IConsumer, IPushProducer)
class PipeEnd:
    """
    What a protocol writes to. As with a tunnel's stream ``loseWriteConnection`` ends
    one direction, ``loseConnection`` that and whatever still comes, and
    ``abortConnection`` both at once. Nothing arrives in the turn it was written in:
    a protocol is never called while it calls.
    """

    log = Logger()
    disconnecting = False

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        #: The other end; set by :func:`join`.
        self.other: PipeEnd
        self._protocol: IProtocol | None = None
        # Pieces as they came: most are delivered one by one, and need no copy.
        self._out: list[bytes] = []
        self._waiting = 0
        self._fin_sent = False
        self._fin_told = False
        self._paused = False
        self._due = False
        self._lost = False
        self._producer: IPushProducer | None = None
        self._blocked = False

    def connect(self, protocol: IProtocol) -> None:
        """Give this end to ``protocol``, which may give way to another later."""
        self._protocol = protocol
        try:
            protocol.makeConnection(self)
        except Exception:
            self._failed()

    # ITransport

    def write(self, data: bytes) -> None:
        if self._fin_sent or self._lost or not data:
            return
        self._out.append(data)
        self._waiting += len(data)
        if len(self._out) > MAX_PIECES:
            self._out = [b"".join(self._out)]
        self._deliver_soon()
        if self._waiting > HIGH_WATER and not self._blocked:
            self._block()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseWriteConnection(self) -> None:
        """The end of this direction, after all that was written."""
        if not self._fin_sent and not self._lost:
            self._fin_sent = True
            self._deliver_soon()

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.loseWriteConnection()
        self.resumeProducing()

    def abortConnection(self) -> None:
        if self._lost:
            return
        other = self.other
        self._connection_lost(Failure(ConnectionAborted()))
        self._clock.callLater(
            0, other._connection_lost, Failure(ConnectionLost("the other end aborted"))
        )

    def getPeer(self) -> IAddress:
        return _NOWHERE

    def getHost(self) -> IAddress:
        return _NOWHERE

    # IConsumer

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError("this end has a producer already")
        if not streaming:
            raise ValueError("a pipe takes push producers only")
        if self._lost:
            producer.stopProducing()
            return
        self._producer = cast(IPushProducer, producer)
        if self._waiting > HIGH_WATER:
            self._block()

    def unregisterProducer(self) -> None:
        self._producer = None
        self._blocked = False

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self.other._deliver_soon()

    def stopProducing(self) -> None:
        self.abortConnection()

    # within

    def _block(self) -> None:
        if self._producer is not None:
            self._blocked = True
            self._producer.pauseProducing()

    def _deliver_soon(self) -> None:
        waits = self._out or (self._fin_sent and not self._fin_told)
        if waits and not self._due:
            self._due = True
            self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._due = False
        other = self.other
        if self._lost or other._lost or other._paused:
            return
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._waiting = 0
            other._received(data)
            if self._blocked and not self._out and self._producer is not None:
                self._blocked = False
                self._producer.resumeProducing()
        # Either call above may have changed any of this.
        if self._lost or other._paused:
            return
        if self._out:
            self._deliver_soon()
        elif self._fin_sent and not self._fin_told:
            self._fin_told = True
            other._fin_received()
            if other._fin_told:
                self._connection_lost(Failure(ConnectionDone()))
                other._connection_lost(Failure(ConnectionDone()))

    def _received(self, data: bytes) -> None:
        if self.disconnecting or self._protocol is None:
            return
        try:
            self._protocol.dataReceived(data)
        except Exception:
            self._failed()

    def _fin_received(self) -> None:
        protocol: Any = self._protocol
        if IHalfCloseableProtocol.providedBy(protocol) and not self._fin_sent:
            try:
                protocol.readConnectionLost()
            except Exception:
                self._failed()
        else:
            self.loseConnection()

    def _connection_lost(self, reason: Failure) -> None:
        if self._lost:
            return
        self._lost = True
        self._out.clear()
        self._waiting = 0
        self._producer = None
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            try:
                protocol.connectionLost(reason)
            except Exception:
                self.log.failure("a protocol failed at the end of its pipe")

    def _failed(self) -> None:
        """In an ``except``: one pipe's fault must not end the others."""
        self.log.failure("a protocol failed on a pipe")
        self.abortConnection()


def join(clock: IReactorTime, first: IProtocol, second: IProtocol) -> None:
    """Connect both to each other; ``second`` hears of it first."""
    one, two = PipeEnd(clock), PipeEnd(clock)
    one.other, two.other = two, one
    two.connect(second)
    one.connect(first)
