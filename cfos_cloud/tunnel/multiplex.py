"""Many streams on one connection: yamux driven by Twisted, the same at both ends."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.buffered import Buffered
from cfos_cloud.tunnel.heartbeat import HEARTBEAT, MAX_UNANSWERED_PINGS, Heartbeat
from cfos_cloud.tunnel.reasons import ProtocolBroken, TunnelBroken
from cfos_cloud.tunnel.stream import RESET, TunnelStream
from cfos_cloud.tunnel.yamux import (
    Connection,
    Data,
    Fin,
    GoAway,
    Limits,
    LocalError,
    Pong,
    ProtocolError,
    Reset,
    Role,
    StreamOpened,
)
from cfos_cloud.tunnel.yamux_pieces import joined

#: The first stream of a device end's: without it there is no tunnel.
CONTROL_STREAM = 1
#: Streams of our own that are open at the same time.
MAX_OWN_STREAMS = 1024
#: … above which those that are at rest should end, so that there is room for others.
MANY_OWN_STREAMS = MAX_OWN_STREAMS // 2
#: Bytes that all streams of a connection keep together, for readers here who are slow
#: and for a peer that is, where nobody says another bound. Beyond them the newest of
#: those streams is reset.
MAX_HELD_BYTES = 64 * 1024 * 1024
#: Heartbeats after which a stream of our own is reset that we have done with, and
#: whose peer does not end its part.
LINGER_BEATS = 5
#: Bytes of frames that leave in one write, about: four quanta of the round robin.
WRITE_BYTES = 64 * 1024
#: … while the connection takes less than there is: what has left to wait for it, all
#: streams wait for.
CONGESTED_WRITE_BYTES = 16 * 1024
#: Bytes of one read that take so long to go through that what waits leaves before.
LARGE_READ_BYTES = 16 * 1024
#: Events of one read above which what a stream brings in it is joined first.
MANY_EVENTS = 32
#: Writes of streams after which a turn's frames leave before its end.
EAGER_WRITES = 4


class MultiplexListener(Interface):
    """Whoever owns the connection."""

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        """The connection is there; streams may be opened."""

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        """The peer opens a stream: the protocol for it, or ``None`` to reset it."""

    def multiplex_lost(self, reason: Failure) -> None:
        """
        All is over, and every stream has been told; once. ``reason`` has a
        :class:`TunnelBroken` where it was ended at this side.
        """


@implementer(IPushProducer)
class Multiplexed(Protocol):
    """
    Frames of one reactor turn leave in one write, while the transport takes them.

    ``bytes_in`` and ``bytes_out`` count what passed the connection, frames included.

    :param buffered: where what its streams keep counts.
    """

    log = Logger()

    def __init__(
        self,
        role: Role,
        clock: IReactorTime,
        listener: MultiplexListener,
        heartbeat: float = HEARTBEAT,
        limits: Limits | None = None,
        buffered: Buffered | None = None,
    ) -> None:
        self.core = Connection(role, Limits() if limits is None else limits)
        self.blocked: set[TunnelStream] = set()
        self.bytes_in = 0
        self.bytes_out = 0
        self._clock = clock
        self._listener = listener
        self._heartbeat = Heartbeat(clock, heartbeat, self._ping, self._dead)
        self._streams: dict[int, TunnelStream] = {}
        self._parity = role.value % 2
        self._own_streams = 0
        self.buffered = Buffered(MAX_HELD_BYTES) if buffered is None else buffered
        #: Of what was written to streams, and had not left when it was last counted.
        self._unsent = 0
        #: Of streams of our own that linger: since how many heartbeats.
        self._lingering: dict[TunnelStream, int] = {}
        self._awake = False
        self._written = 0
        self._paused = False
        #: Bytes of the next write, about.
        self._portion = WRITE_BYTES
        self._closing = False
        self._lost = False
        self._broken: TunnelBroken | None = None

    def open_stream(self, protocol: IProtocol) -> TunnelStream:
        """
        A new stream, already given to ``protocol``.

        :raises cfos_cloud.tunnel.yamux.LocalError: a goaway was sent or received, the
            connection is lost, or 1,024 are open.
        """
        if self._own_streams >= MAX_OWN_STREAMS:
            raise LocalError(f"{MAX_OWN_STREAMS} streams are open")
        stream = TunnelStream(self, self.core.open_stream())
        self._own_streams += 1
        self._streams[stream.stream_id] = stream
        stream.connect(protocol)
        self.wake()
        return stream

    @property
    def stream_count(self) -> int:
        """Streams that are open now, in either direction."""
        return len(self._streams)

    @property
    def crowded(self) -> bool:
        """Whether streams of ours should not be kept for another time."""
        return self._own_streams > MANY_OWN_STREAMS

    def set_heartbeat(self, seconds: float) -> None:
        """Ping every ``seconds`` from now on."""
        self._heartbeat.set(seconds)

    def reset_streams(self, keep: IProtocol | None = None) -> None:
        """End all streams at once, but for the one of the protocol ``keep``."""
        for stream in list(self._streams.values()):
            if keep is None or stream.protocol is not keep:
                stream.abortConnection()

    def send_now(self) -> None:
        """What is sendable goes to the transport, ahead of all that is said later."""
        self._flush()

    def shut_down(self) -> None:
        """No new streams; close once what is queued and sendable has left."""
        if self._lost or self._closing:
            return
        self._closing = True
        self.core.go_away(0)
        self._flush()
        if not self._paused:
            self._close()

    @property
    def peer_left(self) -> bool:
        """Whether the peer has said goaway: it takes no new streams."""
        return self.core.goaway_received

    def abort(self, why: TunnelBroken) -> None:
        """Close at once; the first ``why`` is what the listener gets."""
        if not self._lost and self.transport is not None:
            self._broken = self._broken or why
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()  # type: ignore[union-attr]

    def getHost(self) -> IAddress:
        return self.transport.getHost()  # type: ignore[union-attr]

    # Protocol

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self._heartbeat.start()
        self._listener.multiplex_ready(self)

    def dataReceived(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self._awake and len(data) > LARGE_READ_BYTES:
            self._flush()
        try:
            events = self.core.receive_data(data)
        except ProtocolError as error:
            self._flush()
            self.abort(ProtocolBroken(str(error)))
            return
        if len(events) > MANY_EVENTS:
            events = joined(events)
        streams = self._streams
        is_busy = False
        for event in events:
            if type(event) is Data:
                is_busy = True
                stream = streams.get(event.stream_id)
                if stream is not None:
                    stream.data_received(event.data)
            elif type(event) is Pong:
                self._heartbeat.answered()
            else:
                is_busy = True
                self._event(event)
        if is_busy:
            self.wake()
        else:
            # Pings, as most tunnels have nothing else most of the time: no timer.
            self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._lost:
            return
        self._lost = True
        if self._broken is not None:
            reason = Failure(self._broken)
        self._heartbeat.stop()
        self.core.go_away(0)
        for stream in list(self._streams.values()):
            stream.connection_lost(reason)
        self.buffered.hold(self, 0)
        self._listener.multiplex_lost(reason)

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True
        self._portion = CONGESTED_WRITE_BYTES

    def resumeProducing(self) -> None:
        self._paused = False
        self._flush()
        if self._closing and not self._paused:
            self._close()

    def stopProducing(self) -> None:
        """The transport can't be written to; connectionLost says the rest."""
        self._paused = True

    # from our streams

    def wake(self) -> None:
        """There may be something to send at the end of this reactor turn."""
        if not self._awake:
            self._awake = True
            self._written = 0
            self._clock.callLater(0, self._turn_ended)

    def written(self) -> None:
        """A stream has written: see that it leaves."""
        self.wake()
        self._written += 1
        if self._written >= EAGER_WRITES:
            # The peer can begin while we go on: else both would wait for each other
            # in turn, and never work at the same time.
            self._written = 0
            self._flush()

    def forget(self, stream: TunnelStream) -> None:
        """The stream is over; once."""
        self._streams.pop(stream.stream_id, None)
        self.blocked.discard(stream)
        if stream.stream_id % 2 == self._parity:
            self._own_streams -= 1

    def shed(self) -> None:
        """
        See :class:`~cfos_cloud.buffered.Holder`: of what waits for the peer, that of
        the newest stream.
        """
        for stream in sorted(self._streams.values(), key=_age):
            if stream.stream_id != CONTROL_STREAM and self.core.queued(
                stream.stream_id
            ):
                stream.shed()
                break
        self._count()

    def _turn_ended(self) -> None:
        self._awake = False
        self._flush()

    def _flush(self) -> None:
        transport = self.transport
        if transport is None or self._lost:
            return
        while not self._paused:
            data = self.core.next_bytes(self._portion)
            if not data:
                self._portion = WRITE_BYTES
                break
            self.bytes_out += len(data)
            transport.write(data)
            if self.blocked:
                # Not all of them: hundreds may wait for credit, beside one that moves.
                for stream_id in self.core.sent:
                    stream = self._streams.get(stream_id)
                    if stream is not None and stream.blocked:
                        stream.drained()
        self._count()

    def _count(self) -> None:
        unsent = self.core.unsent
        if unsent != self._unsent:
            self._unsent = unsent
            self.buffered.hold(self, unsent)

    def _close(self) -> None:
        """All that could be sent is with the transport."""
        if self.transport is not None and not self._lost:
            # TLS doesn't close as long as somebody may still produce.
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()

    def _event(self, event: object) -> None:
        match event:
            case StreamOpened(stream_id):
                self._opened(stream_id)
            case Fin(stream_id):
                stream = self._streams.get(stream_id)
                if stream is not None:
                    stream.fin_received()
            case Reset(stream_id):
                stream = self._streams.get(stream_id)
                if stream is not None:
                    stream.connection_lost(RESET)
            case GoAway(code):
                self.log.debug("the peer says goaway, code {code}", code=code)

    def _opened(self, stream_id: int) -> None:
        protocol = self._listener.stream_opened(stream_id)
        if protocol is None:
            self.core.reset(stream_id)
            return
        stream = TunnelStream(self, stream_id)
        self._streams[stream_id] = stream
        stream.connect(protocol)

    def _reset_lingering(self) -> None:
        # A peer that never ends its streams would have them pile up here. Not those
        # that it has opened: what we have said may still be on its way there.
        before, self._lingering = self._lingering, {}
        for stream in list(self._streams.values()):
            if stream.stream_id % 2 == self._parity and stream.lingers:
                beats = before.get(stream, 0) + 1
                if beats >= LINGER_BEATS:
                    stream.abortConnection()
                else:
                    self._lingering[stream] = beats

    def _ping(self) -> None:
        self._reset_lingering()
        self.core.ping()
        self._flush()

    def _dead(self) -> None:
        count = MAX_UNANSWERED_PINGS
        self.abort(
            TunnelBroken(f"{count} pings without an answer: the connection is dead")
        )


def _age(stream: TunnelStream) -> int:
    """The newest first; those of either side are opened one after another."""
    return -stream.stream_id
