"""
The frames of yamux, version 0 (HashiCorp's specification, "Framing").

::

     0      1      2             4                    8                   12
    +------+------+-------------+--------------------+--------------------+
    | vers | type |    flags    |     stream ID      |       length       |
    +------+------+-------------+--------------------+--------------------+

Everything is big-endian. ``length`` counts the payload that follows a data frame;
it is the delta of a window update, the opaque value of a ping and the code of a
goaway. None but data frames have a payload.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

HEADER: Final = Struct(">BBHLL")
HEADER_SIZE: Final = HEADER.size

VERSION: Final = 0

# Plain integers: with IntEnum and IntFlag, comparing one frame's type and flags
# costs more than all other work on its header.
DATA: Final = 0
WINDOW_UPDATE: Final = 1
PING: Final = 2
GO_AWAY: Final = 3

SYN: Final = 1
ACK: Final = 2
FIN: Final = 4
RST: Final = 8

#: Goaway codes.
NORMAL: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2

#: The credit each side has on a new stream before any window update, in bytes.
INITIAL_WINDOW: Final = 256 * 1024

#: The largest number a header field of 32 bits holds.
MAX_UINT32: Final = 0xFFFF_FFFF


def header(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """The 12 bytes of a frame's header."""
    return HEADER.pack(VERSION, kind, flags, stream_id, length)
