"""The first line of a stream that the server opens: what it is for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import ip_address

#: Longest line, newline included.
MAX_PREAMBLE_BYTES = 4 * 1024
_HOST = re.compile(r"[A-Za-z0-9.\-_~\[\]:]{1,260}\Z", re.ASCII)


class BadPreamble(Exception):
    """The line isn't one; the stream is reset."""


@dataclass(frozen=True)
class HTTPPreamble:
    """
    Requests of one grant follow. ``scheme`` and ``host`` are those of the URL that
    the person sees, ``client`` is the person's address.
    """

    grant: str
    client: str
    scheme: str
    host: str

    @property
    def origin(self) -> bytes:
        """Where the person's browser believes to be."""
        return f"{self.scheme}://{self.host}".encode("ascii")


@dataclass(frozen=True)
class TLSPreamble:
    """
    TLS follows, from a client at the IP address ``client`` that asked for ``sni``. It
    is empty where the server does not know it.
    """

    sni: str
    client: str


def parse_tls_preamble(line: bytes) -> TLSPreamble:
    """
    The checked line of a stream that brings TLS, without its newline. Unknown members
    are ignored.

    :raises BadPreamble: not JSON, another kind, or a member of the wrong form.
    """
    data = _parse(line, "tls")
    sni, client = data.get("sni"), data.get("client")
    if not isinstance(sni, str) or _HOST.match(sni) is None:
        raise BadPreamble("sni is no name")
    return TLSPreamble(sni.lower(), _check_client(client))


def parse_preamble(line: bytes) -> HTTPPreamble:
    """
    The checked line, without its newline. Unknown members are ignored.

    :raises BadPreamble: not JSON, another kind, or a member of the wrong form.
    """
    data = _parse(line, "http")
    grant, client = data.get("grant"), data.get("client")
    scheme, host = data.get("scheme"), data.get("host")
    if not isinstance(grant, str) or not isinstance(client, str):
        raise BadPreamble("grant and client must be texts")
    if scheme not in ("http", "https"):
        raise BadPreamble("scheme must be http or https")
    if not isinstance(host, str) or _HOST.match(host) is None:
        raise BadPreamble("host is none")
    return HTTPPreamble(grant, client, str(scheme), host)


def _check_client(client: object) -> str:
    """
    Nothing but an address, or nothing: it is written into the requests that people
    send, and the server is to have no say in those.

    :raises BadPreamble: it is anything else.
    """
    try:
        # What follows a ``%`` may be anything.
        if isinstance(client, str) and "%" not in client:
            return client and str(ip_address(client))
    except ValueError:
        pass
    raise BadPreamble("client is no IP address")


def _parse(line: bytes, kind: str) -> dict[str, object]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadPreamble("not JSON") from error
    if not isinstance(data, dict) or data.get("kind") != kind:
        raise BadPreamble("not of a kind that is served here")
    return data
