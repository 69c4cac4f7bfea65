"""What a ``Host`` field may say (RFC 9112 §3.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

#: RFC 3986 §3.2.2 without user information: name, IPv4 or [IPv6], and a port.
_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~-]{1,253}|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?\Z"
)
_MAX_PORT = 65_535


@lru_cache(maxsize=1024)
def is_host(value: bytes) -> bool:
    """Whether ``value`` names a host, and a port if any: never a list, never empty."""
    found = _HOST.match(value)
    if found is None:
        return False
    address, port = found.groups()
    if port is not None and int(port) > _MAX_PORT:
        return False
    if address is None:
        return True
    try:
        IPv6Address(address.decode("ascii"))
    except AddressValueError:
        return False
    return True
