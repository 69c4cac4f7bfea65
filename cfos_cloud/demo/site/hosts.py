"""
Which names the site answers to.

A page on the Internet can have its own name lead to an address of the local network
(DNS rebinding): to the browser the site then is that page's own, passwords and all.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable

#: Whether a site is to be reached by this value of ``Host``.
HostRule = Callable[[bytes], bool]

_PORT = re.compile(rb":[0-9]{0,5}\Z")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}\Z")
#: Of networks at home; nobody on the Internet can have a name in them (RFC 6762,
#: RFC 8375, and what routers use, whose makers own the rest).
_HOME = (
    ".local",
    ".home.arpa",
    ".internal",
    ".lan",
    ".home",
    ".localhost",
    ".fritz.box",
)


def is_home_name(host: bytes) -> bool:
    """An address, a name without a dot, this machine's, or one of networks at home."""
    name = _name(host)
    if _address(name) is not None:
        return True
    own = {socket.gethostname().lower(), "localhost"}
    return name in own or _LABEL.match(name) is not None or name.endswith(_HOME)


def is_loopback(host: bytes) -> bool:
    """An address of this machine alone: the device end asks by no other."""
    address = _address(_name(host))
    return address is not None and address.is_loopback


def _name(host: bytes) -> str:
    name = _PORT.sub(b"", host.strip()).decode("latin-1").lower()
    return name.removesuffix(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    elif ":" in name:
        return None
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
