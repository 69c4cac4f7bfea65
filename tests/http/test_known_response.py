"""A response whose head is known is the same as one that was read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import END, ResponseEvent, ResponseHead
from cfos_cloud.http.parser import HeadLimits, ResponseParser
from tests.http.vectors.responses import responses

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\n"
FIRST = HEAD + b"hello"
#: What is larger meets the limits of a head at other moments when it is cut.
VECTORS = [each.data for each in responses() if len(each.data) < 1500]
METHODS = (b"GET", b"HEAD")
NO_BODY = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answers(first: bytes, at_a_time: int, method: bytes = b"GET") -> ResponseParser:
    """A parser that has read ``first``."""
    parser = ResponseParser()
    parser.expect(method)
    for at in range(0, len(first), at_a_time):
        parser.feed(first[at : at + at_a_time])
    return parser


def then(parser: ResponseParser, data: bytes, method: bytes) -> list[ResponseEvent]:
    """The next response, and what comes out of turn behind it."""
    parser.expect(method)
    events = [*parser.feed(data), *parser.feed(b"HTTP/1.1 200 OK\r\n")]
    return [*events, *parser.eof()]


class KnownResponseTests(SynchronousTestCase):
    def assert_same(self, first: bytes, second: bytes, method: bytes = b"GET") -> None:
        """Whether it was read whole, and so may be known, or byte for byte."""
        known = then(answers(first, 2**15), second, method)
        self.assertEqual(known, then(answers(first, 1), second, method), second)

    def test_the_next_head_that_is_the_same_is_one_with_it(self) -> None:
        parser = ResponseParser()
        for response in (FIRST, NO_BODY):
            heads = []
            for _ in range(2):
                parser.expect(b"GET")
                heads.append(parser.feed(response)[0])
            self.assertIs(heads[0], heads[1])

    def test_its_body_is_its_own(self) -> None:
        parser = answers(FIRST, 2**15)
        parser.expect(b"GET")
        head, body, end = parser.feed(HEAD + b"other")
        self.assertIsInstance(head, ResponseHead)
        self.assertEqual((body, end), (b"other", END))

    def test_whatever_comes_twice_means_the_same_twice(self) -> None:
        for data in (*VECTORS, FIRST, NO_BODY):
            for method in METHODS:
                self.assert_same(data, data, method)

    def test_whatever_comes_behind_a_known_head_means_the_same(self) -> None:
        for data in VECTORS:
            self.assert_same(FIRST, data)
            self.assert_same(FIRST, FIRST + data)

    def test_another_length_and_another_framing_are_read(self) -> None:
        for first in (FIRST, NO_BODY, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"):
            head = first[: first.index(b"\r\n\r\n") + 4]
            for rest in (b"", b"h", b"hell", b"hello!", b"hello\r\n", b"0\r\n\r\n"):
                self.assert_same(first, head + rest)
            self.assert_same(first, head + b"4\r\nhell\r\n0\r\n\r\n")
            self.assert_same(first, head + b"x\r\nhello\r\n0\r\n\r\n")

    def test_blank_lines_around_a_response_mean_the_same(self) -> None:
        for lines in (b"\r\n", b"\r\n\r\n", b"\n"):
            for response in (FIRST, NO_BODY):
                self.assert_same(lines + response, lines + response)
                self.assert_same(response + lines, response + lines)
                self.assert_same(response, lines + response)

    def test_an_interim_response_means_the_same(self) -> None:
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        for first, second in ((go_on + FIRST, FIRST), (FIRST, go_on + FIRST)):
            self.assert_same(first, second)
            self.assert_same(second, second)
        self.assert_same(FIRST, go_on)

    def test_in_the_middle_of_a_response_nothing_is_known(self) -> None:
        outcomes = []
        for at_a_time in (2**15, 1):
            parser = answers(FIRST, at_a_time)
            parser.expect(b"GET")
            begun = parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
            outcomes.append([*begun, *parser.feed(FIRST)])
        self.assertEqual(outcomes[0], outcomes[1])
        self.assertEqual(outcomes[0][1:], [FIRST])

    def test_behind_the_last_response_nothing_is_known(self) -> None:
        last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        for second in (FIRST, last):
            self.assert_same(last, second)
            parser = answers(FIRST, 2**15)
            self.assertEqual(then(parser, last, b"GET")[1], END)
            parser.expect(b"GET")
            self.assertEqual(parser.feed(second), [])

    @settings(max_examples=200, deadline=None)
    @given(st.text("HTP/1.025 OKCo:n\r\n", max_size=20))
    def test_anything_in_front_or_behind_means_the_same(self, text: str) -> None:
        data = text.encode("latin-1")
        self.assert_same(FIRST, data + FIRST)
        self.assert_same(FIRST, FIRST + data)
        self.assert_same(FIRST + data, FIRST + data)

    def test_beyond_the_limit_nothing_is_kept(self) -> None:
        parser = ResponseParser(HeadLimits(bytes=len(FIRST) - 1))
        heads = []
        for _ in range(2):
            parser.expect(b"GET")
            heads.append(parser.feed(FIRST)[0])
        self.assertEqual(heads[0], heads[1])
        self.assertIsNot(heads[0], heads[1])
