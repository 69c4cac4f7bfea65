"""Names of fields that are not what they seem, or not where they may be."""

from __future__ import annotations

_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-"
#: How CGI (RFC 3875 §4.1.18) and its like read a name: what is neither letter nor
#: digit is all the same. Most map ``_`` only, some web servers of small devices all.
_AS_CGI = bytes(octet if octet in _PLAIN else 0x2D for octet in range(256))
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
#: Meant for everybody on the way, so nobody may have them taken out halfway
#: (RFC 9110 §7.6.1).
_END_TO_END = frozenset(
    {
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"origin",
        b"range",
        b"referer",
        b"transfer-encoding",
        b"x-real-ip",
    }
)
_PREFIXES = (b"cfos-", b"sec-", b"x-forwarded-")
#: What frames, routes or authorizes has to be known before the body
#: (RFC 9110 §6.5.1).
_NO_TRAILER = _END_TO_END | {
    b"connection",
    b"keep-alive",
    b"proxy-authorization",
    b"proxy-connection",
    b"set-cookie",
    b"te",
    b"trailer",
    b"upgrade",
}


def as_cgi(lower: bytes) -> bytes:
    """The name as the laxest of readers takes it; ``lower``: in lower case."""
    return lower.translate(_AS_CGI)


def is_disguised(lower: bytes) -> bool:
    """Whether a lax reader would take a name for one that frames, or is ours to say."""
    if not lower.translate(None, _PLAIN):
        return False
    name = as_cgi(lower)
    return name in _FRAMING or name.startswith(b"cfos-")


def may_be_nominated(option: bytes) -> bool:
    """Whether ``Connection`` may name this field, which then goes no further."""
    name = as_cgi(option)
    return name not in _END_TO_END and not name.startswith(_PREFIXES)


def may_trail(lower: bytes) -> bool:
    """Whether a field may come behind a body, where nobody looks at it."""
    name = as_cgi(lower)
    return name not in _NO_TRAILER and not name.startswith(_PREFIXES)
