"""Bytes of a yamux connection, however they were split, taken apart into frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from cfos_cloud.tunnel.yamux_events import ProtocolError
from cfos_cloud.tunnel.yamux_frames import (
    DATA,
    GO_AWAY,
    HEADER,
    HEADER_SIZE,
    VERSION,
)

#: The fields of a header: version, type, flags, stream ID and length.
Header: TypeAlias = tuple[int, int, int, int, int]


class FrameReader:
    """
    Yields the header of each frame and then, if it is a data frame, its payload in
    pieces, as it comes: no frame is ever kept. At most 11 bytes are.
    """

    def __init__(self, max_frame: int) -> None:
        self._max_frame = max_frame
        self._start_of_header = b""
        #: How much of the current frame's payload is to come, in bytes.
        self.payload_left = 0

    def read(self, data: bytes) -> Iterator[Header | bytes]:
        """
        The next headers and pieces; read all of them.

        :raises ProtocolError: unknown version or type, or a data frame of more than
            ``max_frame`` bytes.
        """
        position, end = 0, len(data)
        while position < end:
            left = self.payload_left
            if left:
                piece = data[position : position + left]
                position += len(piece)
                self.payload_left = left - len(piece)
                yield piece
                continue
            if self._start_of_header:
                start = self._start_of_header
                missing = HEADER_SIZE - len(start)
                start += data[position : position + missing]
                position += missing
                if position > end:
                    self._start_of_header = start
                    return
                self._start_of_header = b""
                fields = HEADER.unpack(start)
            elif end - position < HEADER_SIZE:
                self._start_of_header = data[position:]
                return
            else:
                fields = HEADER.unpack_from(data, position)
                position += HEADER_SIZE
            yield self._checked(fields)

    def _checked(self, fields: Header) -> Header:
        version, kind, _, _, length = fields
        if version != VERSION:
            raise ProtocolError(f"unknown version {version}")
        if kind > GO_AWAY:
            raise ProtocolError(f"unknown frame type {kind}")
        if kind == DATA:
            if length > self._max_frame:
                raise ProtocolError(f"a frame of {length} bytes")
            self.payload_left = length
        return fields
