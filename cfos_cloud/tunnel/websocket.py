"""A tunnel's connection that is a WebSocket: between the transport and yamux."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import ProtocolBroken
from cfos_cloud.tunnel.websocket_frames import (
    PeerBroken,
    PeerCloses,
    PeerPings,
    WebSocketFrames,
)

#: Seconds for the peer's part of the closing handshake.
CLOSING_SECONDS = 5.0
#: Frames that are looked at in one turn of the reactor: one read may have 10,000, and
#: take seconds in which nobody else is served. A download has one in 64 KiB.
FRAMES_AT_ONCE = 32


@implementer(IPushProducer)
class WebSocketTunnel(Protocol):
    """
    Takes the handshake for done: what comes are frames. ``multiplexed`` gets the bytes
    of binary messages, and what it writes leaves in such; their borders mean nothing.

    Of pings that come while the peer does not read, only the last is answered (§5.5.3):
    so answers can't pile up.
    """

    def __init__(
        self, multiplexed: Multiplexed, clock: IReactorTime, *, client: bool
    ) -> None:
        self._multiplexed = multiplexed
        self._clock = clock
        self._frames = WebSocketFrames(client=client)
        self._producer: IPushProducer | None = None
        self._full = False
        self._ping: bytes | None = None
        self._closing: IDelayedCall | None = None
        #: When it goes on with what came; nothing is read until then.
        self._turn: IDelayedCall | None = None
        #: Aborted or lost: nothing more is passed on.
        self._over = False

    # Protocol

    def connectionMade(self) -> None:
        self._below.registerProducer(self, True)
        self._multiplexed.makeConnection(_Messages(self))

    def dataReceived(self, data: bytes) -> None:
        if self._turn is None:
            self._take(data)
        else:
            # On its way when reading stopped.
            list(self._frames.receive(data, 0))

    def _take(self, data: bytes) -> None:
        for event in self._frames.receive(data, FRAMES_AT_ONCE):
            match event:
                case bytes():
                    self._multiplexed.dataReceived(event)
                case PeerPings(payload):
                    self._pinged(payload)
                case PeerCloses():
                    self._write(self._frames.close())
                    # TLS doesn't close as long as somebody may still produce.
                    self._below.unregisterProducer()
                    self._below.loseConnection()
                case PeerBroken(why):
                    self._write(self._frames.close(broken=True))
                    self._multiplexed.abort(ProtocolBroken(f"WebSocket: {why}"))
            if self._over:
                return
        if self._frames.unread:
            self._turn = self._clock.callLater(0, self._go_on)
            self._below.pauseProducing()

    def _go_on(self) -> None:
        self._turn = None
        if self._over:
            return
        self._take(b"")
        if self._turn is None:
            self._below.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        self._multiplexed.connectionLost(reason)

    # IPushProducer, as the transport below sees us

    def pauseProducing(self) -> None:
        self._full = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        self._full = False
        ping, self._ping = self._ping, None
        if ping is not None:
            self._pinged(ping)
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        self._full = True
        if self._producer is not None:
            self._producer.stopProducing()

    # from the transport above

    def send(self, data: bytes) -> None:
        """In messages; nothing once the end has begun."""
        self._write(self._frames.messages(data))

    def produce(self, producer: IPushProducer | None) -> None:
        """Who writes; ``None``: nobody any more, so that TLS can close."""
        self._producer = producer
        if producer is None:
            self._full = False
            self._below.unregisterProducer()
        elif self._full:
            producer.pauseProducing()

    def close(self) -> None:
        """After what was written, in order; cut if the peer does not answer."""
        if self._over or self._closing is not None:
            return
        frame = self._frames.close()
        if frame:
            self._write(frame)
            self._closing = self._clock.callLater(CLOSING_SECONDS, self.abort)

    def abort(self) -> None:
        """At once."""
        self._over = True
        self._below.abortConnection()

    @property
    def _below(self) -> Any:
        return self.transport

    def _pinged(self, payload: bytes) -> None:
        if self._full:
            self._ping = payload
        else:
            self._write(self._frames.pong(payload))

    def _write(self, frames: bytes) -> None:
        if frames:
            self._below.write(frames)


class _Messages:
    """The transport as the tunnel sees it."""

    def __init__(self, websocket: WebSocketTunnel) -> None:
        self._websocket = websocket

    def write(self, data: bytes) -> None:
        self._websocket.send(data)

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        self._websocket.send(b"".join(parts))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._websocket.produce(producer)

    def unregisterProducer(self) -> None:
        self._websocket.produce(None)

    def loseConnection(self) -> None:
        self._websocket.close()

    def abortConnection(self) -> None:
        self._websocket.abort()

    def getPeer(self) -> IAddress:
        return self._websocket.transport.getPeer()  # type: ignore[union-attr]

    def getHost(self) -> IAddress:
        return self._websocket.transport.getHost()  # type: ignore[union-attr]
