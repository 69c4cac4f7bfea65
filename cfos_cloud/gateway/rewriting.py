"""
What becomes of a head on its way through the server.

Everything else passes as it came: a device's own log-in, cookies and caching are
its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cfos_cloud.gateway.cookies import sets_ours, strip_ours
from cfos_cloud.gateway.site_data import without_ours
from cfos_cloud.http.fields import (
    HOP_BY_HOP,
    WITH_CONTENT,
    request_framing,
    request_line,
)
from cfos_cloud.http.message import RequestHead, ResponseHead
from cfos_cloud.http.names import as_cgi
from cfos_cloud.http.set_cookie import without_domain

#: Said by us, so never by a client.
_FORWARDING = frozenset({b"forwarded", b"x-real-ip", b"via", b"cookie"})
#: They would bind the whole origin, which is ours, or announce another place.
_BINDS_ORIGIN = frozenset(
    {
        b"alt-svc",
        # With it a device's page could keep hold of a window of ours.
        b"cross-origin-opener-policy",
        b"nel",
        b"public-key-pins",
        b"report-to",
        b"service-worker-allowed",
        b"strict-transport-security",
    }
)
#: What most requests consist of, to be forwarded without a second look.
_PLAIN_UP = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"cache-control",
        b"content-type",
        b"host",
        b"if-modified-since",
        b"if-none-match",
        b"origin",
        b"referer",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"user-agent",
    }
)
#: … and most responses.
_PLAIN_DOWN = frozenset(
    {
        b"accept-ranges",
        b"cache-control",
        b"content-encoding",
        b"content-security-policy",
        b"content-type",
        b"date",
        b"etag",
        b"expires",
        b"last-modified",
        b"location",
        b"server",
        b"vary",
        b"x-content-type-options",
    }
)
#: CGI programs take it for ``HTTP_PROXY``, and go where it says.
_NOT_UP = HOP_BY_HOP | _FORWARDING | {b"proxy"}
#: Of IPv4 and IPv6, without a zone.
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}\Z", re.ASCII)
_NOT_DOWN = HOP_BY_HOP | _BINDS_ORIGIN
#: Upgrades that are no business between a browser and a device.
_REFUSED_UPGRADES = (b"h2c", b"http/", b"tls/", b"cfos-tunnel")


def passes_upgrade(upgrade: bytes) -> bool:
    """Whether an ``Upgrade`` field's value may pass: none of its protocols is ours."""
    return not any(
        protocol.strip(b" \t").lower().startswith(_REFUSED_UPGRADES)
        for protocol in upgrade.split(b",")
    )


def forwarded_lines(client: str, secure: bool, host: bytes) -> bytes:
    """
    ``Forwarded`` (RFC 7239) and its older kin, for one client and host. A client
    without an address, behind a socket of the file system say, is ``unknown``.
    """
    proto = b"https" if secure else b"http"
    address = client.encode("ascii") if _ADDRESS.match(client) else b"unknown"
    node = b'"[%b]"' % address if b":" in address else address
    return b"".join(
        (
            b"Forwarded: for=%b;proto=%b;" % (node, proto),
            b'host="%b"\r\n' % host,
            b"X-Forwarded-For: %b\r\n" % address,
            b"X-Forwarded-Proto: %b\r\n" % proto,
            b"X-Forwarded-Host: %b\r\n" % host,
        )
    )


def request_to_device(
    head: RequestHead, cookies: Iterable[bytes], forwarded: bytes
) -> bytes:
    """
    The head that goes into the tunnel.

    :param cookies: the values of its ``Cookie`` fields.
    :param forwarded: what :func:`forwarded_lines` made.
    """
    return request_line(head) + fields_to_device(head, cookies, forwarded)


def fields_to_device(
    head: RequestHead, cookies: Iterable[bytes], forwarded: bytes
) -> bytes:
    """The same without its first line."""
    nominated = head.nominated
    out: list[bytes] = []
    for lower, name, value in head.fields:
        if lower not in _PLAIN_UP and _is_not_a_clients(lower):
            continue
        if nominated and lower in nominated and lower != b"host":
            continue
        out += (name, b": ", value, b"\r\n")
    for cookie in cookies:
        kept = strip_ours(cookie)
        if kept is not None:
            out += (b"Cookie: ", kept, b"\r\n")
    out.append(forwarded)
    if head.upgrade is not None and passes_upgrade(head.upgrade):
        out += (b"Connection: Upgrade\r\nUpgrade: ", head.upgrade, b"\r\n")
    else:
        out.append(request_framing(head.length, head.method in WITH_CONTENT))
    out.append(b"\r\n")
    return b"".join(out)


def _is_not_a_clients(lower: bytes) -> bool:
    """Whether a field goes no further, or could be taken for one that doesn't."""
    name = as_cgi(lower)
    return name in _NOT_UP or name.startswith((b"x-forwarded-", b"cfos-"))


def response_fields(head: ResponseHead) -> bytes:
    """The field lines that go on to the browser, of a 101 with its ``Upgrade``."""
    nominated = head.nominated
    out: list[bytes] = []
    for lower, name, value in head.fields:
        if nominated and lower in nominated and lower != b"upgrade":
            continue
        if lower not in _PLAIN_DOWN:
            if lower in _NOT_DOWN or lower.startswith(b"cfos-"):
                if lower == b"upgrade" and head.status == 101:
                    out += (b"Connection: Upgrade\r\nUpgrade: ", value, b"\r\n")
                continue
            if lower == b"set-cookie":
                if sets_ours(value):
                    continue
                # The device end does so, too; but that is the device's own.
                value = without_domain(value)
            if lower == b"clear-site-data":
                kept = without_ours(value)
                if kept is None:
                    continue
                value = kept
        out += (name, b": ", value, b"\r\n")
    return b"".join(out)
