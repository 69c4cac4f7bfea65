"""Which fields an intermediary forwards (RFC 9110 §7.6.1)."""

from __future__ import annotations

#: Between two neighbours only; framing is written anew on each hop.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def request_framing(length: int | None, has_content: bool) -> bytes:
    """
    The field line that frames a request's body.

    :param length: its bytes, ``None``: chunked.
    :param has_content: whether the method is one that anticipates content: then an
        empty body is said (RFC 9110 §8.6).
    """
    if length is None:
        return b"Transfer-Encoding: chunked\r\n"
    if length or has_content:
        return b"Content-Length: %d\r\n" % length
    return b""


#: Methods whose requests say ``Content-Length: 0``.
WITH_CONTENT = frozenset({b"POST", b"PUT", b"PATCH"})
