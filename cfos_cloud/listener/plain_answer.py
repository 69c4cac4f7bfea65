"""
What plain HTTP is answered where only TLS is served: the way to TLS, or no.

Sans-I/O: bytes in, bytes out.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

import httptools

from cfos_cloud.safe_fields import complete

#: Bytes that a request line and headers may take together.
MAX_HEAD_BYTES = 16 * 1024

_REDIRECTED = b"This server speaks HTTPS.\n"
_REFUSED = b"Only HTTPS is served here.\n"

# A request may go on elsewhere with what it carries only if none of it could end a
# header line or be taken for something else there: these two lists are whitelists.
_HOST = re.compile(
    rb"(?:(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))"
    rb"|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])"
    rb"(?::(?P<port>[1-9][0-9]{0,4}))?\Z"
)
#: Origin-form (RFC 9112 §3.2.1), with the brackets and bars that browsers leave
#: unescaped in queries.
_TARGET = re.compile(rb"/[A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]|{}^`-]*\Z")


class PlainRequest:
    """One request on a connection without TLS."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._hosts: list[bytes] = []
        self._complete = False
        self._received = 0

    def receive_data(self, data: bytes) -> bytes | None:
        """
        The whole response, after which the connection is to be closed, or ``None``
        as long as the request's head is incomplete. What follows the head is
        ignored, and nothing may be passed in after a response.
        """
        head = data[: MAX_HEAD_BYTES - self._received]
        self._received += len(data)
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            # Raised after the head, which is all that is looked at here.
            return self._answer()
        except httptools.HttpParserError:
            # What comes after the head can be wrong without being our business.
            return self._answer() if self._complete else _refusal()
        if self._complete:
            return self._answer()
        return _refusal() if self._received >= MAX_HEAD_BYTES else None

    def on_url(self, url: bytes) -> None:
        """Called by httptools."""
        if not self._complete:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools."""
        if not self._complete and name.lower() == b"host":
            self._hosts.append(value)

    def on_headers_complete(self) -> None:
        """Called by httptools."""
        if not self._complete:
            self._complete = True
            self._method = self._parser.get_method()

    def _answer(self) -> bytes:
        return answer(self._method, self._target, self._hosts)


def answer(method: bytes, target: bytes, hosts: list[bytes]) -> bytes:
    """
    308 to the same host, port and target over TLS for a GET or HEAD whose one
    Host header and target hold nothing unusual; 403 for everything else.

    :param hosts: the values of all Host headers.
    """
    location = over_tls(target, hosts) if method in (b"GET", b"HEAD") else None
    if location is None:
        return _refusal(with_body=method != b"HEAD")
    return _response(
        b"308 Permanent Redirect",
        _REDIRECTED,
        b"Location: " + location + b"\r\n",
        with_body=method != b"HEAD",
    )


def over_tls(target: bytes, hosts: list[bytes]) -> bytes | None:
    """
    The URL of the same host, port and target over TLS; ``None``: they hold something
    unusual.
    """
    if len(hosts) != 1 or _TARGET.match(target) is None:
        return None
    host = _HOST.match(hosts[0])
    if host is None:
        return None
    if host["port"] is None:
        # Plain HTTP's own port goes without saying; https:// would make it 443,
        # where nobody need listen.
        return b"https://" + hosts[0] + b":80" + target if _valid(host) else None
    return b"https://" + hosts[0] + target if _valid(host) else None


def _valid(host: re.Match[bytes]) -> bool:
    if host["port"] is not None and int(host["port"]) > 65535:
        return False
    if host["ipv6"] is not None:
        try:
            IPv6Address(host["ipv6"].decode("ascii"))
        except AddressValueError:
            return False
    return True


def _refusal(with_body: bool = True) -> bytes:
    return _response(b"403 Forbidden", _REFUSED, with_body=with_body)


def _response(
    status: bytes, body: bytes, headers: bytes = b"", with_body: bool = True
) -> bytes:
    fields = complete(
        headers
        + b"Cache-Control: no-store\r\n"
        + b"Content-Type: text/plain; charset=us-ascii\r\n"
    )
    framing = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    sent = body if with_body else b""
    return b"HTTP/1.1 " + status + b"\r\n" + fields + framing + sent
