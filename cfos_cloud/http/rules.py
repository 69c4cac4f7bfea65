"""
What a head must be before anything of it is forwarded (docs/http-rules.md).

llhttp has already refused obs-fold, control bytes, bare CR or LF, blanks before the
colon, signed, listed or repeated Content-Length, and Content-Length beside
Transfer-Encoding. The rules here are what it leaves to its users. Everything doubtful
is refused: two readers of one message must never find two different ends.
"""

from __future__ import annotations

import re

from cfos_cloud.http.host import is_host
from cfos_cloud.http.message import BadMessage, Field, RequestHead, ResponseHead
from cfos_cloud.http.names import is_disguised, may_be_nominated

#: Methods that may pass; CONNECT and TRACE never may (RFC 9110 §9.3.6, §9.3.8).
METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS PATCH PROPFIND PROPPATCH MKCOL COPY MOVE "
    b"LOCK UNLOCK REPORT SEARCH".split()
)
#: RFC 9112 §3.2.1: origin-form is ``/`` and VCHAR; ``#`` has no place in it.
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*\Z")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
#: RFC 9110 §7.8: the name of a protocol, and maybe a version.
_PROTOCOL = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?\Z"
)
#: Bytes of a body that every reader can count: 64 bits with a sign.
MAX_LENGTH = 2**63 - 1
#: RFC 9112 §4.
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_COMMON_REASONS = frozenset({b"OK", b"Not Modified", b"Found", b"Not Found"})
_NONE: frozenset[bytes] = frozenset()
#: Fields that the rules do not look at: most are these.
_FREE = frozenset(
    b"accept accept-encoding accept-language authorization cache-control content-type "
    b"cookie dnt forwarded if-modified-since if-none-match origin pragma priority "
    b"range referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest "
    b"sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-extensions "
    b"sec-websocket-key sec-websocket-version upgrade-insecure-requests user-agent "
    b"x-forwarded-for x-forwarded-host x-forwarded-proto x-requested-with".split()
)
_OF_RESPONSE = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"upgrade"}
)
#: Options of ``Connection`` that need no second look.
_USUAL_OPTIONS = frozenset(
    {b"close", b"http2-settings", b"keep-alive", b"te", b"upgrade"}
)


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
    stands: bool,
) -> RequestHead | BadMessage:
    """
    The head, or why it is refused.

    :param stands: whether the parser reads no body behind it, as an upgrade is asked
        for by its own rules, which hold for HTTP/1.0, too.
    """
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
    expects = False
    nominated = _NONE
    for lower, _, value in fields:
        if lower in _FREE:
            continue
        if lower == b"host":
            if host is not None or not is_host(value):
                return BadMessage(400, "more than one Host, or not a host")
            host = value
        elif lower == b"content-length":
            length = int(value)
            if length > MAX_LENGTH:
                return BadMessage(400, "a Content-Length beyond 63 bits")
        elif lower == b"transfer-encoding":
            if length is None or not is_11 or value.lower() != b"chunked":
                return BadMessage(400, "Transfer-Encoding is not just chunked")
            length = None
        elif lower == b"connection":
            nominated = connection_options(fields)
        elif lower == b"upgrade":
            upgrade = value if upgrade is None else upgrade + b", " + value
        elif lower == b"expect":
            if expects or value.lower() != b"100-continue":
                return BadMessage(417, "Expect is not just 100-continue")
            expects = True
        elif is_disguised(lower):
            return BadMessage(400, "a field name in disguise")
    if host is None:
        return BadMessage(400, "no Host")
    if not nominated <= _USUAL_OPTIONS and not all(
        is_token(option) and may_be_nominated(option) for option in nominated
    ):
        return BadMessage(400, "Connection names what it may not")
    if stands and length != 0:
        return BadMessage(400, "Upgrade with a body")
    if upgrade is not None:
        if b"upgrade" not in nominated or not is_11:
            upgrade = None
        elif not stands or not all(map(_PROTOCOL.match, _listed(upgrade))):
            return BadMessage(400, "Upgrade is not a list of protocols")
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
            if length > MAX_LENGTH:
                return BadMessage(502, "a Content-Length beyond 63 bits")
        elif lower == b"transfer-encoding":
            if chunked or version == "1.0" or value.lower() != b"chunked":
                return BadMessage(502, "Transfer-Encoding is not just chunked")
            chunked = True
        elif lower == b"connection":
            nominated = connection_options(fields)
        elif lower == b"upgrade":
            upgrade = True
    if status < 200 and (chunked or length):
        # llhttp would read it; who asked would take it for the next response.
        return BadMessage(502, "an interim response with a body")
    if status == 101 and not (upgrade and b"upgrade" in nominated and version == "1.1"):
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


def takes_up(asked: bytes, fields: list[Field]) -> bool:
    """
    Whether a 101 with these ``fields`` switches to what was asked for, and to nothing
    else (RFC 9110 §7.8). Without regard to case, as clients compare ``websocket``.
    """
    offered = set(_listed(asked.lower()))
    taken = [
        protocol
        for lower, _, value in fields
        if lower == b"upgrade"
        for protocol in _listed(value.lower())
    ]
    return bool(taken) and offered.issuperset(taken)


def _listed(value: bytes) -> list[bytes]:
    """The members of a list (RFC 9110 §5.6.1)."""
    return [member.strip(b" \t") for member in value.split(b",")]


def is_token(value: bytes) -> bool:
    """Whether ``value`` is a token (RFC 9110 §5.6.2)."""
    return _TOKEN.match(value) is not None
