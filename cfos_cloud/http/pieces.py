"""
Where a request may end, so that none ever ends in the middle of what llhttp is fed.

A head, and a chunked body, end with an empty line; a body with a length where that
many bytes were. So the bytes of a request's first line are known as they came, which
llhttp does not tell: it takes any number of blanks in it, and other protocols' names.
"""

from __future__ import annotations

import re

_EMPTY_LINE = b"\r\n\r\n"
#: RFC 9112 §3 without the leniency that it allows, but for the one empty line before
#: it (§2.2) that old browsers sent behind a body. llhttp has checked the parts.
_REQUEST_LINE = re.compile(rb"(?:\r\n)?[^ \t\r\n]+ [^ \t\r\n]+ HTTP/[0-9.]+\r\n")


class Pieces:
    """
    What one connection brings, in pieces.

    :ivar left: bytes that are still to come of a body with a length, set by who has
        read its head.
    """

    __slots__ = ("_line", "_line_ended", "_tail", "left")

    def __init__(self) -> None:
        self.left = 0
        #: The first line, until it has ended.
        self._line = bytearray()
        self._line_ended = False
        #: What may be the beginning of an empty line.
        self._tail = b""

    @property
    def at_start(self) -> bool:
        """Whether nothing has come yet of the next request."""
        return not self._line_ended and not self._line

    @property
    def line_is_strict(self) -> bool:
        """Whether the first line is just as it has to be, blank for blank."""
        return _REQUEST_LINE.match(self._line) is not None

    def message_ended(self) -> None:
        """What comes next is another first line."""
        self._line.clear()
        self._line_ended = False

    def take(self, data: bytes, at: int) -> bytes:
        """The next piece of ``data``, from ``at`` on."""
        end = self._end(data, at)
        piece = data if not at and end == len(data) else data[at:end]
        if not self._line_ended:
            # An empty line before it is no end of it.
            seen = max(2, len(self._line) - 1)
            self._line += piece
            end_of_line = self._line.find(b"\r\n", seen)
            if end_of_line >= 0:
                self._line_ended = True
                del self._line[end_of_line + 2 :]
        return piece

    def _end(self, data: bytes, at: int) -> int:
        size = len(data)
        if self.left:
            end = min(size, at + self.left)
            self.left -= end - at
            return end
        tail = self._tail
        if tail:
            found = (tail + data[at : at + 3]).find(_EMPTY_LINE)
            if found >= 0:
                self._tail = b""
                return at + found + len(_EMPTY_LINE) - len(tail)
        found = data.find(_EMPTY_LINE, at)
        if found >= 0:
            self._tail = b""
            return found + len(_EMPTY_LINE)
        self._tail = (tail + data[max(at, size - 3) :])[-3:]
        return size
