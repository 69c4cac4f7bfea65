"""A connection whose other end is gone does not stay for ever."""

from __future__ import annotations

import socket

#: Seconds without a byte after which the system asks whether anybody is there.
KEEPALIVE_IDLE = 120
#: Seconds between two such questions, and how many may have no answer.
KEEPALIVE_INTERVAL = 30
KEEPALIVE_PROBES = 4
#: Seconds for which nothing of what was sent may be taken: a telephone that has gone
#: out of reach in the middle of a download, or somebody who does not read.
UNTAKEN_SECONDS = 120

_OPTIONS = {
    "TCP_KEEPIDLE": KEEPALIVE_IDLE,
    "TCP_KEEPINTVL": KEEPALIVE_INTERVAL,
    "TCP_KEEPCNT": KEEPALIVE_PROBES,
    # RFC 5482; on Linux for a closed window, too.
    "TCP_USER_TIMEOUT": UNTAKEN_SECONDS * 1000,
}


def end_with_peer(connection: socket.socket) -> None:
    """
    Have the system end a TCP connection that leads nowhere. Whoever takes a little
    now and then, and answers, may go on.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        # Not every system has all of them.
        option = getattr(socket, name, None)
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
