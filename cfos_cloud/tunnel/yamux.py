"""
Many streams over one connection: yamux (HashiCorp's specification), without I/O.

Bytes from the peer go into :meth:`Connection.receive_data` and come out as events;
:meth:`Connection.next_bytes` says what to send. Where the specification is silent,
this does what HashiCorp's implementation does.
"""

from __future__ import annotations

from enum import Enum

from cfos_cloud.tunnel.yamux_events import (
    Data,
    Event,
    Fin,
    GoAway,
    GoneAway,
    LocalError,
    Pong,
    ProtocolError,
    Reset,
    StreamClosed,
    StreamIDsExhausted,
    StreamOpened,
)
from cfos_cloud.tunnel.yamux_frames import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    INITIAL_WINDOW,
    INTERNAL_ERROR,
    MAX_UINT32,
    NORMAL,
    PING,
    PROTOCOL_ERROR,
    RST,
    SYN,
    WINDOW_UPDATE,
    header,
)
from cfos_cloud.tunnel.yamux_limits import Limits
from cfos_cloud.tunnel.yamux_outbox import Outbox
from cfos_cloud.tunnel.yamux_reader import FrameReader
from cfos_cloud.tunnel.yamux_stream import Stream

__all__ = [
    "INTERNAL_ERROR",
    "NORMAL",
    "PROTOCOL_ERROR",
    "Connection",
    "Data",
    "Event",
    "Fin",
    "GoAway",
    "GoneAway",
    "Limits",
    "LocalError",
    "Pong",
    "ProtocolError",
    "Reset",
    "Role",
    "StreamClosed",
    "StreamIDsExhausted",
    "StreamOpened",
]

_DEFAULT_LIMITS = Limits()


class Role(Enum):
    """Which stream IDs a side opens; the value is the first of them."""

    CLIENT = 1
    SERVER = 2


class Connection:
    """
    One side of a yamux connection.

    A stream is forgotten once it was reset by either side, or both its directions
    have ended: the peer's :class:`Fin` was reported, and our own FIN was handed out
    by :meth:`next_bytes`. Frames that still arrive for it are skipped.

    What :meth:`send` queues is bounded by the caller, with the help of :meth:`queued`;
    all that the peer can cause to be kept is bounded by ``limits``. A paused reader
    bounds what it keeps of a stream by not calling :meth:`consumed`.
    """

    def __init__(self, role: Role, limits: Limits = _DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._streams: dict[int, Stream] = {}
        self._next_stream_id = role.value
        self._streams_of_peer = 0
        self._next_ping = 0
        self._pings: set[int] = set()
        self._go_away_sent = False
        self._failure: str | None = None
        self._outbox = Outbox(limits, self._fin_sent)
        self._reader = FrameReader(limits.max_frame)
        # Whose payload is being read (None: skip it); whether a FIN comes after it.
        self._receiver: Stream | None = None
        self._fin_follows = False
        #: A goaway of the peer was received.
        self.goaway_received = False

    @property
    def streams(self) -> int:
        """How many streams are alive, whoever opened them."""
        return len(self._streams)

    @property
    def unsent(self) -> int:
        """Bytes that all streams have queued, see :meth:`queued`."""
        return self._outbox.unsent

    @property
    def sent(self) -> list[int]:
        """IDs of the streams whose bytes the last :meth:`next_bytes` has handed out."""
        return self._outbox.sent

    def receive_data(self, data: bytes) -> list[Event]:
        """
        What the peer's next bytes mean, however they were split on their way. When
        the list is read all of it has happened: a stream of its first event may be
        forgotten by its last.

        :raises ProtocolError: the peer's fault. All streams are gone, a goaway with
            code 1 is all that :meth:`next_bytes` still has, and later calls raise
            again.
        """
        if self._failure is not None:
            raise ProtocolError(self._failure)
        events: list[Event] = []
        try:
            self._read(data, events)
        except ProtocolError as error:
            self._fail(str(error))
            raise
        return events

    def open_stream(self) -> int:
        """
        The ID of a new stream, which may be used at once. (A peer may reset streams
        if more than its backlog, often 256, wait to be accepted.)

        :raises GoneAway: there was a goaway of either side.
        :raises StreamIDsExhausted: 2**31 streams were opened.
        """
        if self.goaway_received or self._go_away_sent:
            raise GoneAway("no new streams after a goaway")
        stream_id = self._next_stream_id
        if stream_id > MAX_UINT32:
            raise StreamIDsExhausted("all stream IDs were used")
        self._next_stream_id += 2
        self._outbox.add(self._add_stream(stream_id, SYN))
        return stream_id

    def send(self, stream_id: int, data: bytes) -> None:
        """
        Queue ``data``; it leaves as the peer's credit allows.

        :raises StreamClosed: unknown or forgotten, or after :meth:`send_fin`.
        """
        stream = self._writable(stream_id)
        if data:
            stream.put(data)
            self._outbox.unsent += len(data)
            self._outbox.add_stream(stream)

    def send_fin(self, stream_id: int) -> None:
        """
        End our direction of the stream after all that is queued.

        :raises StreamClosed: as :meth:`send`.
        """
        stream = self._writable(stream_id)
        stream.fin_requested = True
        self._outbox.add_stream(stream)

    def reset(self, stream_id: int) -> None:
        """
        End both directions at once and drop what is queued. Nothing happens if the
        stream is forgotten already.
        """
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._forget(stream)
            self._outbox.add(header(WINDOW_UPDATE, RST, stream_id, 0))

    def consumed(self, stream_id: int, n: int) -> None:
        """
        The application has read ``n`` more bytes of what came as :class:`Data`: the
        peer may send as many again, and is told so once half of the window has
        gathered. Nothing happens if the stream is forgotten.

        :raises LocalError: negative, or more than was received.
        """
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        unreturned = stream.unreturned + n
        receive_window = self._limits.receive_window
        if n < 0 or unreturned + stream.window > receive_window:
            raise LocalError(f"stream {stream_id} did not receive {n} bytes")
        stream.unreturned = unreturned
        if unreturned * 2 >= receive_window and not stream.fin_received:
            self._outbox.add_credit(stream)

    def ping(self) -> int:
        """Send a ping; the value that the :class:`Pong` to it will have."""
        value = self._next_ping
        self._next_ping = (value + 1) & MAX_UINT32
        self._pings.add(value)
        self._outbox.add(header(PING, SYN, 0, value))
        return value

    def go_away(self, code: int) -> None:
        """
        Tell the peer to open no more streams; from now on they are reset. Live ones
        go on, but a peer may end the connection if ``code`` is not ``NORMAL``.
        """
        self._go_away_sent = True
        self._outbox.add(header(GO_AWAY, 0, 0, code))

    def queued(self, stream_id: int) -> int:
        """
        How many bytes :meth:`send` took and :meth:`next_bytes` did not hand out yet;
        0 for a stream that is unknown or forgotten.
        """
        stream = self._streams.get(stream_id)
        return 0 if stream is None else stream.queued

    def next_bytes(self, limit: int) -> bytes:
        """
        Frames to send now: those without data first, then ``quantum`` bytes of each
        stream in turn, until ``limit`` bytes are reached; the last frame may exceed
        it, and so may the frames without data. Empty when nothing can be sent.
        """
        return self._outbox.take(limit)

    def _read(self, data: bytes, events: list[Event]) -> None:
        for item in self._reader.read(data):
            if type(item) is bytes:
                stream = self._receiver
                if stream is not None:
                    events.append(Data(stream.stream_id, item))
                    if self._fin_follows and not self._reader.payload_left:
                        self._fin_received(stream, events)
                continue
            _, kind, flags, stream_id, length = item
            if kind == PING:
                self._ping_received(flags, length, events)
            elif kind == GO_AWAY:
                self.goaway_received = True
                events.append(GoAway(length))
            else:
                stream = self._flagged_stream(flags, stream_id, events)
                if kind == DATA:
                    self._data_received(stream, flags, length, events)
                elif stream is not None:
                    self._credit_received(stream, flags, length, events)

    def _flagged_stream(
        self, flags: int, stream_id: int, events: list[Event]
    ) -> Stream | None:
        if flags & SYN:
            self._syn_received(stream_id, events)
        stream = self._streams.get(stream_id)
        if stream is not None and flags & RST:
            self._forget(stream)
            events.append(Reset(stream_id))
            return None
        return stream

    def _syn_received(self, stream_id: int, events: list[Event]) -> None:
        if stream_id % 2 == self._next_stream_id % 2 or stream_id == 0:
            raise ProtocolError(f"stream {stream_id} is not the peer's to open")
        if stream_id in self._streams:
            raise ProtocolError(f"stream {stream_id} was opened twice")
        if self._go_away_sent or self._streams_of_peer >= self._limits.max_streams:
            self._outbox.answer(header(WINDOW_UPDATE, RST, stream_id, 0))
            return
        self._streams_of_peer += 1
        self._outbox.answer(self._add_stream(stream_id, ACK))
        events.append(StreamOpened(stream_id))

    def _data_received(
        self, stream: Stream | None, flags: int, length: int, events: list[Event]
    ) -> None:
        # A peer that writes and closes from two threads may send data after its FIN;
        # it is skipped like late data of a forgotten stream.
        if stream is None or stream.fin_received:
            if stream is not None and flags & FIN:
                # Before its data, which nobody may get to see.
                raise ProtocolError(f"stream {stream.stream_id} ended twice")
            self._receiver = None
            return
        if length > stream.window:
            raise ProtocolError(f"stream {stream.stream_id} overran its window")
        stream.window -= length
        self._receiver = stream
        self._fin_follows = flags & FIN != 0
        if self._fin_follows and not length:
            self._fin_received(stream, events)

    def _credit_received(
        self, stream: Stream, flags: int, length: int, events: list[Event]
    ) -> None:
        stream.credit += length
        if stream.credit > MAX_UINT32:
            raise ProtocolError(f"stream {stream.stream_id} was given too much credit")
        self._outbox.add_stream(stream)
        if flags & FIN:
            self._fin_received(stream, events)

    def _fin_received(self, stream: Stream, events: list[Event]) -> None:
        if stream.fin_received:
            raise ProtocolError(f"stream {stream.stream_id} ended twice")
        stream.fin_received = True
        events.append(Fin(stream.stream_id))
        if stream.fin_sent:
            self._forget(stream)

    def _fin_sent(self, stream: Stream) -> None:
        if stream.fin_received:
            self._forget(stream)

    def _ping_received(self, flags: int, value: int, events: list[Event]) -> None:
        if flags & SYN:
            self._outbox.answer(header(PING, ACK, 0, value))
        elif value in self._pings:
            self._pings.remove(value)
            events.append(Pong(value))

    def _add_stream(self, stream_id: int, flag: int) -> bytes:
        # Flags on a window update, as HashiCorp's does: SYN and ACK then go out at
        # once, whether there is data or not.
        receive_window = self._limits.receive_window
        self._streams[stream_id] = Stream(stream_id, receive_window, flag == ACK)
        return header(WINDOW_UPDATE, flag, stream_id, receive_window - INITIAL_WINDOW)

    def _writable(self, stream_id: int) -> Stream:
        stream = self._streams.get(stream_id)
        if stream is None or stream.fin_requested:
            raise StreamClosed(f"stream {stream_id} can't be written")
        return stream

    def _forget(self, stream: Stream) -> None:
        del self._streams[stream.stream_id]
        self._outbox.unsent -= stream.queued
        stream.forget()
        self._streams_of_peer -= stream.opened_by_peer
        if self._receiver is stream:
            self._receiver = None

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._go_away_sent = True
        self._receiver = None
        self._streams.clear()
        self._outbox.close(header(GO_AWAY, 0, 0, PROTOCOL_ERROR))
