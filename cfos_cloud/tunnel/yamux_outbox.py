"""What a yamux connection has to send, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cfos_cloud.tunnel.yamux_events import ProtocolError
from cfos_cloud.tunnel.yamux_frames import (
    FIN,
    HEADER_SIZE,
    WINDOW_UPDATE,
    header,
)
from cfos_cloud.tunnel.yamux_limits import Limits
from cfos_cloud.tunnel.yamux_stream import Parts, Stream


class Outbox:
    """
    Frames without data first, in the order they were added; then the credit of each
    stream that has consumed enough; then the streams' data, in turns.

    ``fin_sent`` is called for each stream whose FIN was handed out.
    """

    def __init__(self, limits: Limits, fin_sent: Callable[[Stream], None]) -> None:
        self._quantum = limits.quantum
        self._max_answers = limits.max_answers
        self._fin_sent = fin_sent
        self._control = bytearray()
        self._answers = 0
        self._updates: list[Stream] = []
        self._ring: deque[Stream] = deque()
        self._closed = False
        #: Bytes that streams have queued, and :meth:`take` did not hand out.
        self.unsent = 0
        #: IDs of the streams whose bytes the last :meth:`take` has handed out.
        self.sent: list[int] = []

    def add(self, frame: bytes) -> None:
        """Queue a frame that our own side wants to send."""
        if not self._closed:
            self._control += frame

    def answer(self, frame: bytes) -> None:
        """
        Queue a frame that the peer caused.

        :raises ProtocolError: it causes them faster than it takes them.
        """
        if self._answers >= self._max_answers:
            raise ProtocolError("too many answers that can't be sent")
        self._answers += 1
        self.add(frame)

    def add_credit(self, stream: Stream) -> None:
        """Announce what ``stream`` will have consumed when this is sent."""
        if not stream.update_due:
            stream.update_due = True
            self._updates.append(stream)

    def add_stream(self, stream: Stream) -> None:
        """Give ``stream`` its turns, as long as it can send."""
        if not stream.in_ring and stream.sendable:
            stream.in_ring = True
            self._ring.append(stream)

    def close(self, last: bytes) -> None:
        """Drop everything, now and later, but the frame ``last``."""
        self._closed = True
        self._control = bytearray(last)
        self.unsent = 0
        self._updates.clear()
        self._ring.clear()

    def take(self, limit: int) -> bytes:
        """The next frames, until ``limit`` is reached; the last may exceed it."""
        if limit <= 0:
            return b""
        parts: Parts = []
        sent = self.sent = []
        size = self._take_control(parts)
        ring, quantum = self._ring, self._quantum
        while ring and size < limit:
            stream = ring.popleft()
            # Alone, a stream fills the rest: fewer frames, and nobody waits for it.
            most = quantum if ring else max(quantum, limit - size)
            before = stream.queued
            size += stream.take(most, parts)
            self.unsent -= before - stream.queued
            sent.append(stream.stream_id)
            if stream.fin_due:
                size += self._take_fin(stream, parts)
            if stream.sendable:
                ring.append(stream)
            else:
                stream.in_ring = False
        return b"".join(parts)

    def _take_control(self, parts: Parts) -> int:
        for stream in self._updates:
            stream.update_due = False
            if not stream.forgotten and not stream.fin_received:
                credit = stream.unreturned
                stream.window += credit
                stream.unreturned = 0
                self._control += header(WINDOW_UPDATE, 0, stream.stream_id, credit)
        self._updates.clear()
        control = self._control
        if control:
            parts.append(control)
            self._control = bytearray()
            self._answers = 0
        return len(control)

    def _take_fin(self, stream: Stream, parts: Parts) -> int:
        # On a frame of its own: HashiCorp's reader may take the FIN of a data frame
        # for the end before it has seen the data.
        parts.append(header(WINDOW_UPDATE, FIN, stream.stream_id, 0))
        stream.fin_sent = True
        self._fin_sent(stream)
        return HEADER_SIZE
