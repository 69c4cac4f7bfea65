"""What a connection's first bytes say about where it goes."""

from __future__ import annotations

from enum import Enum

#: ``ContentType.handshake``, the first byte of every TLS connection
#: (RFC 8446 §5.1). No HTTP method starts with it.
TLS_HANDSHAKE = 0x16

#: How many bytes may be looked at before a choice is due: one whole TLS record
#: (RFC 8446 §5.1: a header of 5 bytes and at most 2**14 of content), which holds
#: any ClientHello that browsers and TLS libraries send.
MAX_FIRST_BYTES = 5 + 2**14


class Route(Enum):
    """Where a connection goes."""

    TLS = "TLS, ended by this server"
    PASSED = "TLS, ended by a device, for which this server passes it on"
    PLAIN = "anything but TLS"
    NEED_MORE = "too early to say"


def choose(seen: bytes) -> Route:
    """
    Choose by the first byte alone.

    :param seen: everything received so far, cut at :data:`MAX_FIRST_BYTES`.
    """
    if not seen:
        return Route.NEED_MORE
    return Route.TLS if seen[0] == TLS_HANDSHAKE else Route.PLAIN
