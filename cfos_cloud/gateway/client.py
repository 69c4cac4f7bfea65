"""Who is at the other end: an address, and whether TLS protects the way from it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cfos_cloud.http.message import Field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Client:
    """
    :ivar address: an IP address; IPv4 mapped into IPv6 is written as IPv4.
    :ivar by_proxy: it is known by the word of a proxy, which has ended its connection.
    """

    address: str
    secure: bool
    by_proxy: bool = False

    @property
    def scheme(self) -> bytes:
        """Of the URL that the client used."""
        return b"https" if self.secure else b"http"


def plain_address(host: str) -> str:
    """``host`` without zone and without the mapping of IPv4 into IPv6."""
    address = _parse(host)
    return host if address is None else str(address)


def _parse(host: str) -> Address | None:
    try:
        address: Address = ipaddress.ip_address(host.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _last_of(fields: list[Field], name: bytes) -> bytes | None:
    for lower, _, value in reversed(fields):
        if lower == name:
            return value
    return None


class ProxyTrust:
    """
    Proxies in front of the server, by their networks. Only what one of them says of
    its client is believed: the last address of ``X-Forwarded-For`` that is no
    trusted proxy's, and ``X-Forwarded-Proto``.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether ``address`` is one of the proxies'."""
        parsed = _parse(address)
        return parsed is not None and any(
            parsed.version == network.version and parsed in network
            for network in self._networks
        )

    def client_of(self, peer: Client, fields: list[Field]) -> Client:
        """The client behind ``peer``, which is ``peer`` if it is no trusted proxy."""
        if not self.trusts(peer.address):
            return peer
        proto = _last_of(fields, b"x-forwarded-proto")
        secure = peer.secure if proto is None else proto.strip().lower() == b"https"
        for address in reversed(list(self._chain(fields))):
            if not address:
                break
            if not self.trusts(address):
                return Client(address, secure, by_proxy=True)
        return Client(peer.address, secure, by_proxy=True)

    def _chain(self, fields: list[Field]) -> Iterable[str]:
        for lower, _, value in fields:
            if lower == b"x-forwarded-for":
                for item in value.decode("latin-1").split(","):
                    parsed = _parse(item)
                    # What is no address can't be told from what is made up.
                    yield "" if parsed is None else str(parsed)


def parse_network(text: str) -> Network:
    """
    A network in CIDR notation, or a single address.

    :raises ValueError: neither.
    """
    return ipaddress.ip_network(text, strict=False)
