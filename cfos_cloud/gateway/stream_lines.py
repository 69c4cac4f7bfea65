"""What the head of a request has in common with the one before it."""

from __future__ import annotations

import json
from typing import NamedTuple

from cfos_cloud.gateway.access import Access
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.rewriting import forwarded_lines


class _Made(NamedTuple):
    access: Access
    client: Client
    host: bytes
    lines: tuple[bytes, bytes]


class StreamLines:
    """Made once for a run of requests by the same, from and to the same."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: _Made | None = None

    def of(self, access: Access, client: Client, host: bytes) -> tuple[bytes, bytes]:
        """Forwarding fields, and a stream's first line."""
        made = self._made
        if (
            made is None
            or made.access is not access
            or made.client != client
            or made.host != host
        ):
            preamble = {
                "kind": "http",
                "grant": access.grant,
                "client": client.address,
                "scheme": client.scheme.decode("ascii"),
                "host": host.decode("ascii"),
            }
            lines = (
                forwarded_lines(client.address, client.secure, host),
                json.dumps(preamble, separators=(",", ":")).encode() + b"\n",
            )
            made = self._made = _Made(access, client, host, lines)
        return made.lines


def tls_line(name: bytes, client: str) -> bytes:
    """
    First line of a stream that carries TLS, whose ClientHello asks for ``name``;
    ``client`` is an address.
    """
    preamble = {"kind": "tls", "sni": name.decode("ascii"), "client": client}
    return json.dumps(preamble, separators=(",", ":")).encode() + b"\n"
