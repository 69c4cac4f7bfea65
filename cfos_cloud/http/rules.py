"""
What a head must be before anything of it is forwarded.

llhttp has already refused obs-fold, control bytes, bare CR or LF, blanks before the
colon, signed, listed or repeated Content-Length, and Content-Length beside
Transfer-Encoding. The rules here are what it leaves to its users. Everything doubtful
is refused: two readers of one message must never find two different ends.
"""

from __future__ import annotations

import re

from cfos_cloud.http.message import BadMessage, Field, RequestHead, ResponseHead

#: Methods that may pass; CONNECT and TRACE never may (RFC 9110 §9.3.6, §9.3.8).
METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS PATCH PROPFIND PROPPATCH MKCOL COPY MOVE "
    b"LOCK UNLOCK REPORT SEARCH".split()
)
#: RFC 3986 §3.2.2 without user information: name, IPv4 or [IPv6], and a port.
_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z"
)
#: RFC 9112 §3.2.1: origin-form is ``/`` and VCHAR; ``#`` has no place in it.
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*\Z")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
#: Names which a reader that maps ``_`` to ``-`` (CGI, WSGI) would take for another.
_DISGUISED = re.compile(rb"(?:content_length|transfer_encoding|host|cfos_.*)\Z")
#: RFC 9112 §4.
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_COMMON_REASONS = frozenset({b"OK", b"Not Modified", b"Found", b"Not Found"})
_NONE: frozenset[bytes] = frozenset()
#: The fields that the rules look at; most are none of these.
_OF_REQUEST = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade"}
)
_OF_RESPONSE = _OF_REQUEST - {b"host"}


def connection_options(fields: list[Field]) -> frozenset[bytes]:
    """The options of all ``Connection`` fields, in lower case (RFC 9110 §7.6.1)."""
    options = _NONE
    for lower, _, value in fields:
        if lower == b"connection":
            if value in _COMMON_OPTIONS:
                options |= _COMMON_OPTIONS[value]
            else:
                options |= {o.strip().lower() for o in value.split(b",")} - {b""}
    return options


_COMMON_OPTIONS: dict[bytes, frozenset[bytes]] = {
    b"keep-alive": frozenset({b"keep-alive"}),
    b"Keep-Alive": frozenset({b"keep-alive"}),
    b"close": frozenset({b"close"}),
    b"Upgrade": frozenset({b"upgrade"}),
    b"upgrade": frozenset({b"upgrade"}),
}


def check_request(
    method: bytes,
    target: bytes,
    version: str,
    fields: list[Field],
    keep_alive: bool,
) -> RequestHead | BadMessage:
    """The head, or why it is refused."""
    if version not in ("1.1", "1.0"):
        return BadMessage(505, f"HTTP version {version}")
    if method not in METHODS:
        return BadMessage(501, "method not allowed through")
    if _TARGET.match(target) is None and not (target == b"*" and method == b"OPTIONS"):
        return BadMessage(400, "request target is not in origin-form")
    is_11 = version == "1.1"
    host: bytes | None = None
    length: int | None = 0
    upgrade: bytes | None = None
    nominated = _NONE
    for lower, _, value in fields:
        if lower not in _OF_REQUEST and b"_" not in lower:
            continue
        if lower == b"host":
            if host is not None or _HOST.match(value) is None:
                return BadMessage(400, "more than one Host, or not a host")
            host = value
        elif lower == b"content-length":
            length = int(value)
        elif lower == b"transfer-encoding":
            if length is None or not is_11 or value.lower() != b"chunked":
                return BadMessage(400, "Transfer-Encoding is not just chunked")
            length = None
        elif lower == b"connection":
            nominated = connection_options(fields)
        elif lower == b"upgrade":
            upgrade = value if upgrade is None else upgrade + b", " + value
        elif _DISGUISED.match(lower):
            return BadMessage(400, "a field name in disguise")
    if host is None:
        return BadMessage(400, "no Host")
    if upgrade is not None:
        if b"upgrade" not in nominated or not is_11:
            upgrade = None
        elif length != 0:
            return BadMessage(400, "Upgrade with a body")
    return RequestHead(
        method, target, is_11, fields, host, length, keep_alive, upgrade, nominated
    )


def check_response(
    status: int,
    reason: bytes,
    version: str,
    fields: list[Field],
    keep_alive: bool,
) -> ResponseHead | BadMessage:
    """The head, or why the response is dropped with its connection."""
    if version not in ("1.1", "1.0"):
        return BadMessage(502, f"HTTP version {version}")
    if not 100 <= status <= 599:
        return BadMessage(502, f"status {status}")
    if reason not in _COMMON_REASONS and _REASON.match(reason) is None:
        # It is for people, and llhttp takes it as it comes.
        reason = b""
    length: int | None = None
    chunked = upgrade = False
    nominated = _NONE
    for lower, _, value in fields:
        if lower not in _OF_RESPONSE:
            continue
        if lower == b"content-length":
            length = int(value)
        elif lower == b"transfer-encoding":
            if chunked or version == "1.0" or value.lower() != b"chunked":
                return BadMessage(502, "Transfer-Encoding is not just chunked")
            chunked = True
        elif lower == b"connection":
            nominated = connection_options(fields)
        elif lower == b"upgrade":
            upgrade = True
    if status == 101 and not (upgrade and b"upgrade" in nominated):
        return BadMessage(502, "101 without Upgrade")
    bodiless = status < 200 or status in (204, 304)
    until_close = not bodiless and length is None and not chunked
    return ResponseHead(
        status,
        reason,
        fields,
        None if chunked else length,
        until_close,
        keep_alive and not until_close,
        nominated,
    )


def is_token(value: bytes) -> bool:
    """Whether ``value`` is a token (RFC 9110 §5.6.2)."""
    return _TOKEN.match(value) is not None
