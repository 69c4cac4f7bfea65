"""Ports of loopback."""

from __future__ import annotations

import argparse
import socket

LOOPBACK = "127.0.0.1"


def port_number(text: str) -> int:
    """
    For a command line.

    :raises argparse.ArgumentTypeError: no port.
    """
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("a port is a number up to 65535")
    return int(text)


def free_port(port: int) -> int:
    """
    ``port``, or any free one for 0.

    :raises OSError: it can't be listened on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        probe.listen(1)
        number: int = probe.getsockname()[1]
        return number
