"""One live stream of a yamux connection: its two windows and its outgoing queue."""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from cfos_cloud.tunnel.yamux_frames import (
    DATA,
    HEADER_SIZE,
    INITIAL_WINDOW,
    header,
)

#: Pieces of outgoing bytes, to be joined once.
Parts: TypeAlias = list[bytes | bytearray | memoryview]

#: Neighbours that fit in this many bytes are kept as one, so that a queue of
#: single bytes does not take fifty times its size.
_SMALL: Final = 1024


class Stream:
    """
    ``credit`` is how much the peer lets us send, ``window`` how much we still let
    the peer send, ``unreturned`` what was consumed and not yet announced to it, all
    in bytes. ``window + unreturned`` never exceeds the receive window.
    """

    __slots__ = (
        "_chunks",
        "_offset",
        "credit",
        "fin_received",
        "fin_requested",
        "fin_sent",
        "forgotten",
        "in_ring",
        "opened_by_peer",
        "queued",
        "stream_id",
        "unreturned",
        "update_due",
        "window",
    )

    def __init__(self, stream_id: int, window: int, opened_by_peer: bool) -> None:
        self.stream_id = stream_id
        self.opened_by_peer = opened_by_peer
        self.credit = INITIAL_WINDOW
        self.window = window
        self.unreturned = 0
        self.queued = 0
        self.fin_requested = self.fin_sent = self.fin_received = False
        self.in_ring = self.update_due = self.forgotten = False
        self._chunks: deque[bytes] = deque()
        self._offset = 0

    @property
    def fin_due(self) -> bool:
        """All data went out, and only the end of it did not."""
        return self.fin_requested and not self.queued and not self.fin_sent

    @property
    def sendable(self) -> bool:
        """There is something that may be sent now."""
        return (self.queued > 0 and self.credit > 0) or self.fin_due

    def put(self, data: bytes) -> None:
        """Queue ``data`` behind what is queued."""
        chunks = self._chunks
        if chunks and len(chunks[-1]) + len(data) <= _SMALL:
            chunks[-1] += data
        else:
            chunks.append(data)
        self.queued += len(data)

    def take(self, most: int, parts: Parts) -> int:
        """
        Append one data frame to ``parts``, of at most ``most`` bytes of payload and
        as far as queue and credit allow; its size, or 0 if there is none.
        """
        length = min(most, self.queued, self.credit)
        if length <= 0:
            return 0
        self.queued -= length
        self.credit -= length
        parts.append(header(DATA, 0, self.stream_id, length))
        chunks, offset, left = self._chunks, self._offset, length
        while left:
            chunk = chunks[0]
            available = len(chunk) - offset
            if available > left:
                parts.append(memoryview(chunk)[offset : offset + left])
                offset += left
                break
            parts.append(memoryview(chunk)[offset:] if offset else chunk)
            chunks.popleft()
            left -= available
            offset = 0
        self._offset = offset
        return HEADER_SIZE + length

    def forget(self) -> None:
        """Drop the queue: the stream has ended in both directions."""
        self.forgotten = True
        self.fin_requested = False
        self.queued = self._offset = 0
        self._chunks.clear()
