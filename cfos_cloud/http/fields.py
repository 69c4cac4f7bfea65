"""Which fields an intermediary forwards (RFC 9110 §7.6.1), and which it writes."""

from __future__ import annotations

from cfos_cloud.http.message import RequestHead

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


def request_line(head: RequestHead) -> bytes:
    """The first line of a request of ours."""
    return b"%b %b HTTP/1.1\r\n" % (head.method, head.target)


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


def response_framing(
    request: RequestHead, status: int, length: int | None, stays: bool
) -> tuple[bytes, bool, bool, bool]:
    """
    How a response to ``request`` is framed (RFC 9112 §6).

    :param length: bytes of the body; ``None``: not known, or none by nature.
    :param stays: whether the connection may serve another request.
    :returns: field lines; whether the body is chunked; whether there is none; whether
        the connection stays, which one with a body of unknown length can't for
        HTTP/1.0.
    """
    bodiless = request.method == b"HEAD" or status in (204, 304) or status < 200
    chunked = False
    if length is not None:
        lines = b"" if status == 204 else b"Content-Length: %d\r\n" % length
    elif bodiless:
        lines = b""
    elif request.is_11:
        chunked = True
        lines = b"Transfer-Encoding: chunked\r\n"
    else:
        stays = False
        lines = b""
    if not stays:
        lines += b"Connection: close\r\n"
    elif not request.is_11:
        lines += b"Connection: keep-alive\r\n"
    return lines, chunked, bodiless, stays
