"""Scheme, host and port: what ``--server`` and ``--target`` say."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:")


class InvalidOrigin(ValueError):
    """A text that is no origin; the message says why in one line."""


@dataclass(frozen=True)
class Origin:
    """``host`` is in lower case ASCII (A-labels), an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def tls(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The value of the Host header: the port is there if it is not usual."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def host_and_port(self) -> str:
        """Host and port, whatever the port is."""
        return (
            f"[{self.host}]:{self.port}"
            if ":" in self.host
            else (f"{self.host}:{self.port}")
        )

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address rather than a name."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def parse_origin(text: str) -> Origin:
    """
    ``http://HOST[:PORT]`` or ``https://HOST[:PORT]``, a ``/`` at the end allowed.

    :raises InvalidOrigin: anything else, a path or a user name included.
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
        else:
            ip_address(host)
    except ValueError as error:
        raise InvalidOrigin(f"{text!r} is not an address") from error
    if url.scheme not in _PORTS or not host or port == 0:
        raise InvalidOrigin(f"{text!r} is not an address like https://HOST:PORT")
    if not _HOST_CHARACTERS.issuperset(host) or "@" in url.netloc:
        raise InvalidOrigin(f"{text!r} has no usable host")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise InvalidOrigin(f"{text!r} has more than scheme, host and port")
    return Origin(url.scheme, host, _PORTS[url.scheme] if port is None else port)
