"""A head whose fields are known is the same as one that was read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.known_fields import MAX_BYTES
from cfos_cloud.http.message import RequestEvent, RequestHead
from cfos_cloud.http.parser import HeadLimits, RequestParser
from tests.http.vectors.requests import requests

FIELDS = b"\r\nHost: h\r\nAccept: */*\r\nCookie: a=b\r\n\r\n"
FIRST = b"GET /first HTTP/1.1" + FIELDS
#: What is larger meets the limits of a head at other moments when it is cut.
VECTORS = [each.data for each in requests() if len(each.data) < 1500]


def knowing(data: bytes) -> RequestParser:
    """One that has read ``data`` in one piece."""
    parser = RequestParser()
    parser.feed(data)
    return parser


def unknowing(data: bytes) -> RequestParser:
    """One that has read it byte for byte, and so knows nothing of it."""
    parser = RequestParser()
    for at in range(len(data)):
        parser.feed(data[at : at + 1])
    return parser


def heads(events: list[RequestEvent]) -> list[RequestHead]:
    return [event for event in events if type(event) is RequestHead]


class KnownFieldsTests(SynchronousTestCase):
    def assert_same(self, first: bytes, then: bytes) -> None:
        self.assertEqual(
            knowing(first).feed(then), unknowing(first).feed(then), (first, then)
        )

    def test_the_next_head_shares_the_list_of_the_same_fields(self) -> None:
        parser = RequestParser()
        [first] = heads(parser.feed(FIRST))
        [then] = heads(parser.feed(b"HEAD /then?a=b HTTP/1.1" + FIELDS))
        self.assertIs(then.fields, first.fields)
        self.assertEqual((then.method, then.target), (b"HEAD", b"/then?a=b"))
        self.assertEqual(then[2:], first[2:])

    def test_other_fields_are_read(self) -> None:
        parser = knowing(FIRST)
        [then] = heads(parser.feed(FIRST.replace(b"a=b", b"a=c")))
        self.assertIn((b"cookie", b"Cookie", b"a=c"), then.fields)
        [then] = heads(parser.feed(FIRST))
        self.assertIn((b"cookie", b"Cookie", b"a=b"), then.fields)

    def test_whatever_comes_twice_means_the_same_twice(self) -> None:
        for data in VECTORS:
            self.assert_same(data, data)

    def test_whatever_comes_behind_a_known_head_means_the_same(self) -> None:
        for data in VECTORS:
            self.assert_same(FIRST, data)
            self.assert_same(FIRST, data + FIRST)

    def test_any_octet_in_the_first_line_means_the_same(self) -> None:
        for octet in range(256):
            for line in (b"GET /%bx HTTP/1.1", b"GET /x?%b HTTP/1.1", b"GET /x%b/1.1"):
                self.assert_same(FIRST, line % bytes((octet,)) + FIELDS)
                self.assert_same(FIRST, bytes((octet,)) + line % b"" + FIELDS)

    def test_any_method_and_version_mean_the_same(self) -> None:
        for method in (
            b"POST",
            b"OPTIONS",
            b"TRACE",
            b"CONNECT",
            b"get",
            b"QUERY",
            b"",
        ):
            self.assert_same(FIRST, method + b" /x HTTP/1.1" + FIELDS)
            self.assert_same(method + b" /x HTTP/1.1" + FIELDS, FIRST)
        for version in (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""):
            self.assert_same(FIRST, b"GET /x " + version + FIELDS)
            self.assert_same(b"GET /x " + version + FIELDS, FIRST)

    @settings(max_examples=200, deadline=None)
    @given(st.text("GEThp/1. \r\n?#%\x7f\xff", max_size=20))
    def test_any_first_line_means_the_same(self, text: str) -> None:
        self.assert_same(FIRST, text.encode("latin-1") + FIELDS)

    def test_what_follows_fields_that_are_known_is_read(self) -> None:
        for more in (FIRST, b"\r\n", b"GET", b"GET / HTTP/1.1\r\nHost"):
            self.assert_same(FIRST, FIRST + more)

    def test_of_what_was_read_in_part_the_rest_is_not_known(self) -> None:
        parser = RequestParser()
        both = FIRST + FIRST.replace(b"first", b"second")
        for _ in range(3):
            at, targets = 0, []
            while at < len(both):
                targets += [head.target for head in heads(parser.feed(both[at:], 1))]
                at += parser.taken
            self.assertEqual(targets, [b"/first", b"/second"])

    def test_behind_the_last_request_nothing_is_known(self) -> None:
        last = FIRST.replace(b"Accept: */*", b"Connection: close")
        parser = knowing(FIRST)
        parser.feed(last)
        self.assertEqual(heads(parser.feed(FIRST)), [])

    def test_of_what_is_long_nothing_is_kept(self) -> None:
        long = FIRST.replace(b"a=b", b"a" * MAX_BYTES)
        parser = RequestParser()
        [first], [then] = heads(parser.feed(long)), heads(parser.feed(long))
        self.assertIsNot(then.fields, first.fields)
        self.assertEqual(then, first)

    def test_a_long_target_counts_beside_known_fields(self) -> None:
        parser = RequestParser(HeadLimits(bytes=100))
        self.assertEqual(len(heads(parser.feed(FIRST))), 1)
        [refused] = parser.feed(FIRST.replace(b"first", b"x" * 100))
        self.assertEqual(getattr(refused, "status", None), 431)
