"""As much of RFC 6455 as an echo takes: whole messages in single frames."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Callable

TEXT, BINARY, CLOSE = 1, 2, 8
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def new_key() -> str:
    """A value for ``Sec-WebSocket-Key``."""
    return base64.b64encode(os.urandom(16)).decode()


def accept_of(key: str) -> str:
    """The ``Sec-WebSocket-Accept`` that answers ``key`` (§4.2.2)."""
    return base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest()).decode()  # noqa: S324 - the RFC's choice


def frame(opcode: int, payload: bytes, *, masked: bool = False) -> bytes:
    """A final frame (§5.2); a client's is masked."""
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _mask(payload, key)


class Reader:
    """
    Frames out of what ``receive`` gives; ``EOFError`` if that is nothing, or raised.
    """

    def __init__(self, receive: Callable[[], bytes], rest: bytes = b"") -> None:
        self._receive = receive
        self._data = bytearray(rest)

    def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload, unmasked."""
        first, second = self._take(2)
        assert first & 0x80, "not a whole message"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        key = self._take(4) if second & 0x80 else b""
        payload = self._take(size)
        return first & 0x0F, _mask(payload, key) if key else payload

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            data = self._receive()
            if not data:
                raise EOFError("the connection ended in the middle of a frame")
            self._data += data
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken


def _mask(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return number.to_bytes(size, "big")
