"""One stream of a tunnel, as a Twisted transport."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.buffered import Shed
from cfos_cloud.tunnel.yamux import StreamClosed

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProducer

    from cfos_cloud.tunnel.multiplex import Multiplexed

#: A writer is asked to pause above this many queued bytes of its stream.
HIGH_WATER = 64 * 1024
#: … and to go on at or below this many.
LOW_WATER = 16 * 1024
#: Why a stream ended that the peer has reset.
RESET = Failure(ConnectionLost("the peer reset the stream"))


@implementer(ITransport, IConsumer, IPushProducer)
class TunnelStream:
    """
    What a protocol on a stream writes to. ``loseWriteConnection`` is FIN,
    ``abortConnection`` is RST; ``loseConnection`` is FIN, and what the peer still
    sends is thrown away.

    Credit goes back to the peer as the protocol takes data: while the protocol has
    it paused, at most one receive window is held here.
    """

    log = Logger()
    disconnecting = False

    def __init__(self, multiplexed: Multiplexed, stream_id: int) -> None:
        self.stream_id = stream_id
        self._multiplexed = multiplexed
        self._core = multiplexed.core
        #: Who has the stream, until it is over.
        self.protocol: IProtocol | None = None
        # One buffer: a peer may send a window of one-byte frames.
        self._held = bytearray()
        self._paused = False
        self._fin_received = False
        self._fin_delivered = False
        self._fin_sent = False
        self._lost = False
        self._producer: IPushProducer | None = None
        self.blocked = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.stream_id}>"

    def connect(self, protocol: IProtocol) -> None:
        """Give the stream to ``protocol``, which may give way to another later."""
        self.protocol = protocol
        try:
            protocol.makeConnection(self)
        except Exception:
            self._failed()

    # ITransport

    def write(self, data: bytes) -> None:
        if self._fin_sent or self._lost or not data:
            return
        try:
            self._core.send(self.stream_id, data)
        except StreamClosed:
            # The peer has reset it; what says so to the protocol is on its way.
            return
        self._multiplexed.written()
        if (
            self._producer is not None
            and not self.blocked
            and self._core.queued(self.stream_id) > HIGH_WATER
        ):
            self._block()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseWriteConnection(self) -> None:
        """FIN, after all that was written."""
        if self._fin_sent or self._lost:
            return
        self._fin_sent = True
        with suppress(StreamClosed):
            self._core.send_fin(self.stream_id)
        self._multiplexed.wake()
        self._finish_if_closed()

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.loseWriteConnection()
        self.resumeProducing()

    def abortConnection(self) -> None:
        """RST: both directions end at once, what is queued is dropped."""
        self._abort(ConnectionAborted())

    def getPeer(self) -> IAddress:
        return self._multiplexed.getPeer()

    def getHost(self) -> IAddress:
        return self._multiplexed.getHost()

    # IConsumer

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError(f"{self} has a producer already")
        if not streaming:
            raise ValueError("a stream takes push producers only")
        if self._lost:
            producer.stopProducing()
            return
        self._producer = cast(IPushProducer, producer)
        if self._core.queued(self.stream_id) > HIGH_WATER:
            self._block()

    def unregisterProducer(self) -> None:
        self._producer = None
        self.blocked = False
        self._multiplexed.blocked.discard(self)

    def _block(self) -> None:
        self.blocked = True
        self._multiplexed.blocked.add(self)
        if self._producer is not None:
            self._producer.pauseProducing()

    def drained(self) -> None:
        """The multiplexer has sent some: let a blocked writer go on if enough."""
        if self._core.queued(self.stream_id) > LOW_WATER or self._producer is None:
            return
        self.blocked = False
        self._multiplexed.blocked.discard(self)
        self._producer.resumeProducing()

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._held and not self._lost:
            self._deliver(self._take_held())
        if self._fin_received and not self._held and not self._paused:
            self._deliver_fin()

    def stopProducing(self) -> None:
        self.abortConnection()

    # from the multiplexer

    def data_received(self, data: bytes) -> None:
        """The peer's next bytes; held while the protocol has us paused."""
        if self._paused or self._held:
            self._held += data
            # Which may end this stream, or another one.
            self._multiplexed.buffered.hold(self, len(self._held))
        else:
            self._deliver(data)

    def fin_received(self) -> None:
        """The peer will send nothing more."""
        self._fin_received = True
        if not self._held and not self._paused:
            self._deliver_fin()

    def connection_lost(self, reason: Failure) -> None:
        """The stream is gone, whatever the reason; told to the protocol once."""
        if self._lost:
            return
        self._lost = True
        self._multiplexed.forget(self)
        self._take_held()
        protocol, self.protocol = self.protocol, None
        self._producer = None
        if protocol is not None:
            try:
                protocol.connectionLost(reason)
            except Exception:
                self._failed()

    @property
    def lingers(self) -> bool:
        """All was said, nothing more is wanted, and the peer has not ended its part."""
        return self.disconnecting and not self._core.queued(self.stream_id)

    def _take_held(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        self._multiplexed.buffered.hold(self, 0)
        return held

    def shed(self) -> None:
        """See :class:`~cfos_cloud.buffered.Holder`; also for what is queued."""
        self._abort(Shed())

    def _abort(self, why: Exception) -> None:
        if self._lost:
            return
        self._core.reset(self.stream_id)
        self._multiplexed.wake()
        self.connection_lost(Failure(why))

    def _failed(self) -> None:
        """In an ``except``: one stream's fault must not end the others."""
        self.log.failure("stream {stream_id} failed", stream_id=self.stream_id)
        self.abortConnection()

    def _deliver(self, data: bytes) -> None:
        self._core.consumed(self.stream_id, len(data))
        self._multiplexed.wake()
        if self.disconnecting or self.protocol is None:
            return
        try:
            self.protocol.dataReceived(data)
        except Exception:
            self._failed()

    def _deliver_fin(self) -> None:
        if self._fin_delivered or self._lost:
            return
        self._fin_delivered = True
        if IHalfCloseableProtocol.providedBy(self.protocol) and not self._fin_sent:
            try:
                self.protocol.readConnectionLost()
            except Exception:
                self._failed()
        else:
            self.loseConnection()
        self._finish_if_closed()

    def _finish_if_closed(self) -> None:
        if self._fin_sent and self._fin_delivered:
            self.connection_lost(Failure(ConnectionDone()))
