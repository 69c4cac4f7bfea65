"""How messages of ours are framed (RFC 9112 §6)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.fields import request_framing, response_framing
from cfos_cloud.http.message import RequestHead

CLOSE, KEEP = b"Connection: close\r\n", b"Connection: keep-alive\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


def ask(method: bytes = b"GET", *, is_11: bool = True) -> RequestHead:
    return RequestHead(method, b"/", is_11, [], b"x", 0, True, None, frozenset())


class ResponseTests(SynchronousTestCase):
    def test_every_case(self) -> None:
        old = ask(is_11=False)
        head = ask(b"HEAD")
        for request, status, size, stays, lines, chunked, bodiless, still in (
            (ask(), 200, 5, True, length(5), False, False, True),
            (ask(), 200, 0, True, length(0), False, False, True),
            (ask(), 200, None, True, CHUNKED, True, False, True),
            (ask(), 200, None, False, CHUNKED + CLOSE, True, False, False),
            (ask(), 204, 0, True, b"", False, True, True),
            (ask(), 204, None, True, b"", False, True, True),
            (ask(), 304, 7, True, length(7), False, True, True),
            (ask(), 304, None, True, b"", False, True, True),
            (ask(), 101, None, True, b"", False, True, True),
            (head, 200, 9, True, length(9), False, True, True),
            (head, 200, None, True, b"", False, True, True),
            (old, 200, 5, True, length(5) + KEEP, False, False, True),
            (old, 200, 5, False, length(5) + CLOSE, False, False, False),
            # Its end is that of the connection.
            (old, 200, None, True, CLOSE, False, False, False),
            (old, 304, None, True, KEEP, False, True, True),
        ):
            self.assertEqual(
                response_framing(request, status, size, stays),
                (lines, chunked, bodiless, still),
                (request.method, request.is_11, status, size, stays),
            )


class RequestTests(SynchronousTestCase):
    def test_every_case(self) -> None:
        for size, has_content, lines in (
            (None, True, CHUNKED),
            (None, False, CHUNKED),
            (5, False, length(5)),
            (0, True, length(0)),
            (0, False, b""),
        ):
            self.assertEqual(request_framing(size, has_content), lines)
