"""What ``--port`` and ``--interface`` mean, and the sockets they stand for."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

#: Connections that the kernel completes before we accept them; it cuts this to
#: ``net.core.somaxconn``. Thousands of devices come back at once after a restart.
BACKLOG = 4096

MAX_PORT = 65535

#: Tries to find a port number that is free for IPv4 and IPv6 alike, if any will do.
_ANY_PORT_TRIES = 16

_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL)


class InvalidPort(ValueError):
    """Options that name no place to listen; the message says why in one line."""


class ListenError(Exception):
    """Can't listen there; the message says why in one line."""


class PortBusy(ListenError):
    """Somebody else listens there."""


@dataclass(frozen=True)
class NumberedPort:
    """
    A TCP port.

    :param number: 0 lets the system choose.
    :param interface: an IP address, or a name for some; ``None``: all addresses
        that the machine has, IPv4 and IPv6.
    """

    number: int
    interface: str | None = None


@dataclass(frozen=True)
class EndpointPort:
    """A Twisted endpoint string."""

    description: str


PortSpec = NumberedPort | EndpointPort


def parse_port(port: str, interface: str | None = None) -> PortSpec:
    """
    :param port: the value of ``--port``: a number, or a Twisted endpoint string.
    :param interface: the value of ``--interface``, for a number only.
    :raises InvalidPort: neither, or both at odds.
    """
    if port.isascii() and port.isdigit():
        if len(port) > len(str(MAX_PORT)) or int(port) > MAX_PORT:
            raise InvalidPort(f"port {port} is out of range (0 to {MAX_PORT})")
        return NumberedPort(int(port), interface or None)
    if ":" not in port:
        raise InvalidPort(
            f"{port!r} is neither a port number nor a Twisted endpoint string"
        )
    if interface:
        raise InvalidPort(
            "--interface goes with a port number; an endpoint string has its own"
        )
    return EndpointPort(port)


def bind(port: NumberedPort) -> list[socket.socket]:
    """
    Listening sockets for ``port``, non-blocking, one per address.

    All addresses are two sockets, one for each family, so that IPv4 clients have
    IPv4 addresses; through one socket for both they would all come from the same
    IPv6 /64, ``::ffff:0:0``. A family that the machine does not have is left out.

    :raises PortBusy: somebody listens on one of these addresses.
    :raises ListenError: any other reason. No socket stays open then.
    """
    addresses = _resolve(port)
    for _ in range(_ANY_PORT_TRIES if port.number == 0 else 1):
        try:
            return _bind_all(addresses)
        except OSError as error:
            reason = error
            if error.errno != errno.EADDRINUSE:
                break
    raise listen_error(port.number, port.interface, reason) from reason


def listen_error(port: int | str, interface: str | None, error: OSError) -> ListenError:
    """
    What to say about ``error``.

    :param port: a number, or the path of a UNIX socket.
    """
    place = str(port) if isinstance(port, str) else f"port {port}"
    if interface:
        place += f" of {interface}"
    if error.errno == errno.EADDRINUSE:
        return PortBusy(f"{place} is in use by another program")
    if error.errno == errno.EACCES:
        return ListenError(
            f"no permission to listen on {place}; below 1024 this takes "
            "CAP_NET_BIND_SERVICE"
        )
    if isinstance(error, socket.gaierror):
        # Its numbers are none of the system's.
        reason = error.strerror or str(error)
    else:
        reason = os.strerror(error.errno) if error.errno else str(error)
    return ListenError(f"can't listen on {place}: {reason}")


_Address = tuple[socket.AddressFamily, tuple[object, ...]]


def _resolve(port: NumberedPort) -> list[_Address]:
    try:
        found = socket.getaddrinfo(
            port.interface,
            port.number,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"--interface {port.interface!r} is not an address of this machine"
        ) from error
    return list(dict.fromkeys((family, address) for family, *_, address in found))


def _bind_all(addresses: list[_Address]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    number = 0
    try:
        for family, (host, wanted, *scope) in addresses:
            try:
                bound = _bind_one(family, (host, wanted or number, *scope))
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:
                    raise
                missing = error
                continue
            sockets.append(bound)
            number = bound.getsockname()[1]
        if missing is not None and not sockets:
            raise missing
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def _bind_one(
    family: socket.AddressFamily, address: tuple[object, ...]
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        # A server that restarts must not wait for its old connections to time out.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        # At once: with SO_REUSEADDR two may bind, but only one can listen.
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound
