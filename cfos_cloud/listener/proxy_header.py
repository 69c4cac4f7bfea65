"""
The PROXY protocol, versions 1 and 2, without I/O: whom a proxy speaks for.

Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

#: Longest line of version 1, CRLF included (§2.1).
MAX_LINE_BYTES = 107
#: Longest header of version 2 that is taken, with all that it tells besides the
#: addresses. A proxy sends some 30 to 200 bytes.
MAX_HEADER_BYTES = 4096

_LINE_START = b"PROXY "
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
#: Signature, version and command, family and transport, length of the rest (§2.2).
_FIXED = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
#: Family and transport, TCP only: bytes of an address, and how to read one.
_TCP4, _TCP6 = 0x11, 0x21
_MAX_PORT = 65535


class BadProxyHeader(Exception):
    """No such header; the message says why in a few words."""


@dataclass(frozen=True)
class ProxiedClient:
    """Where a connection to the proxy came from."""

    host: str
    port: int


@dataclass(frozen=True)
class ProxyHeader:
    """
    :ivar client: ``None``: nobody, the connection is the proxy's own (``LOCAL``, or
        ``UNKNOWN``, or of a family that is not TCP over IP).
    :ivar rest: the first bytes of the connection proper.
    """

    client: ProxiedClient | None
    rest: bytes


class ProxyHeaderReader:
    """Collects a header, and never more than one and what came along with it."""

    def __init__(self) -> None:
        self._seen = b""

    def receive(self, data: bytes) -> ProxyHeader | None:
        """
        :return: ``None``: more bytes are needed.
        :raises BadProxyHeader: this is none, or one that is too long.
        """
        self._seen += data
        seen = self._seen
        if seen.startswith(_SIGNATURE[: len(seen)]):
            return _read_version_2(seen)
        if seen.startswith(_LINE_START[: len(seen)]):
            return _read_version_1(seen)
        raise BadProxyHeader("it does not begin with a PROXY header")


def _read_version_1(seen: bytes) -> ProxyHeader | None:
    line, end, rest = seen[:MAX_LINE_BYTES].partition(b"\r\n")
    if not end:
        if len(seen) >= MAX_LINE_BYTES:
            raise BadProxyHeader("its PROXY line is too long")
        return None
    rest = seen[len(line) + 2 :]
    words = line.split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        # "must ignore anything presented before the CRLF" (§2.1)
        return ProxyHeader(None, rest)
    if len(words) != 6:
        raise BadProxyHeader("its PROXY line has not six words")
    _, family, source, destination, source_port, destination_port = words
    client = ProxiedClient(_text_address(family, source), _text_port(source_port))
    _text_address(family, destination)
    _text_port(destination_port)
    return ProxyHeader(client, rest)


def _text_address(family: bytes, text: bytes) -> str:
    try:
        if family == b"TCP4":
            return str(IPv4Address(text.decode("ascii")))
        if family == b"TCP6" and b"%" not in text:
            return str(IPv6Address(text.decode("ascii")))
    except ValueError:
        pass
    raise BadProxyHeader("its PROXY line has no address that fits")


def _text_port(text: bytes) -> int:
    if text.isdigit() and len(text) <= len(str(_MAX_PORT)):
        port = int(text)
        if port <= _MAX_PORT and str(port).encode("ascii") == text:
            return port
    raise BadProxyHeader("its PROXY line has no port")


def _read_version_2(seen: bytes) -> ProxyHeader | None:
    if len(seen) < _FIXED.size:
        return None
    _, command, family, length = _FIXED.unpack_from(seen)
    if command not in (_LOCAL, _PROXY):
        raise BadProxyHeader("its PROXY header has an unknown version or command")
    end = _FIXED.size + length
    if end > MAX_HEADER_BYTES:
        raise BadProxyHeader("its PROXY header is too long")
    if len(seen) < end:
        return None
    rest = seen[end:]
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return ProxyHeader(None, rest)
    size = 4 if family == _TCP4 else 16
    addresses = seen[_FIXED.size : end]
    if len(addresses) < 2 * size + 4:
        raise BadProxyHeader("its PROXY header has no room for its addresses")
    packed = addresses[:size]
    (port,) = struct.unpack_from("!H", addresses, 2 * size)
    host = IPv4Address(packed) if family == _TCP4 else IPv6Address(packed)
    # What follows the addresses (TLVs) is not for us.
    return ProxyHeader(ProxiedClient(str(host), port), rest)
