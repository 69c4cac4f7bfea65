"""
The head of a response, known from the one before it on the same connection.

What is asked for again and again is answered with the same head: of live values, by a
device without a clock, say. To see that costs a fraction of reading it anew.
"""

from __future__ import annotations

from cfos_cloud.http.known_fields import MAX_BYTES
from cfos_cloud.http.message import END, ResponseEvent, ResponseHead

_BEGIN = b"HTTP/"
_EMPTY_LINE = b"\r\n\r\n"


class KnownResponse:
    """What a whole response means whose head, byte for byte, was read before."""

    __slots__ = ("_block", "_head", "_size")

    def __init__(self) -> None:
        #: All of the head.
        self._block = b""
        self._head: ResponseHead | None = None
        #: Of the whole response.
        self._size = 0

    def forget(self) -> None:
        """What comes next may mean something else."""
        self._head = None

    def learn(self, data: bytes, events: list[ResponseEvent]) -> None:
        """``data`` has brought ``events``, and began and ended a response."""
        head = events[0]
        body = len(events[1]) if type(events[1]) is bytes else 0
        size = len(data) - body
        if (
            type(head) is ResponseHead
            and head.keep_alive
            and events[-1] is END
            and len(events) == 2 + (body > 0)
            # A body as long as it says, or a head and nothing else.
            and (not body or body == head.length)
            and size <= MAX_BYTES
            and data.startswith(_BEGIN)
            and data.find(_EMPTY_LINE) == size - len(_EMPTY_LINE)
        ):
            self._block = data[:size]
            self._head = head
            self._size = len(data)

    def events(self, data: bytes) -> list[ResponseEvent] | None:
        """
        Those of ``data``, if it is a whole response, of the length of the one that was
        learnt last, and has its head; that is the very same one.
        """
        head = self._head
        block = self._block
        if head is None or len(data) != self._size or not data.startswith(block):
            return None
        return (
            [head, data[len(block) :], END] if len(data) > len(block) else [head, END]
        )
