"""Requests and responses as events, however they arrive, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import END, BadMessage, RequestHead, ResponseHead
from cfos_cloud.http.parser import HeadLimits, RequestParser, ResponseParser

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n"


def merged(events: Sequence[object]) -> list[object]:
    """Adjacent pieces of a body as one."""
    out: list[object] = []
    for event in events:
        if isinstance(event, bytes) and out and isinstance(out[-1], bytes):
            out[-1] += event
        else:
            out.append(event)
    return out


def request(data: bytes) -> list[object]:
    return list(RequestParser().feed(data))


def response(data: bytes, method: bytes = b"GET") -> list[object]:
    parser = ResponseParser()
    parser.expect(method)
    return [*parser.feed(data), *parser.eof()]


class Requests(SynchronousTestCase):
    def head(self, data: bytes) -> RequestHead:
        head = request(data)[0]
        assert isinstance(head, RequestHead), head
        return head

    def test_a_request_without_body(self) -> None:
        head, end = request(GET + b"Accept:  text/html \r\n\r\n")
        assert isinstance(head, RequestHead)
        self.assertIs(end, END)
        self.assertEqual(head.method, b"GET")
        self.assertEqual(head.target, b"/a?b=c")
        self.assertEqual(head.host, b"x")
        self.assertEqual(head.length, 0)
        self.assertTrue(head.keep_alive)
        self.assertIn((b"accept", b"Accept", b"text/html"), head.fields)

    def test_pipelined_requests_come_one_after_another(self) -> None:
        events = request((GET + b"\r\n") * 3)
        self.assertEqual([type(e) is RequestHead for e in events], [True, False] * 3)

    def test_a_sized_body(self) -> None:
        events = request(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        self.assertEqual(events[1:], [b"abc", END])

    def test_a_chunked_body_without_its_extensions_and_trailers(self) -> None:
        parser = RequestParser()
        events = parser.feed(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
        head = events[0]
        assert isinstance(head, RequestHead)
        self.assertIsNone(head.length)
        self.assertEqual(events[1:], [b"abcde", END])

    def test_after_an_upgrade_the_rest_is_kept_as_it_is(self) -> None:
        parser = RequestParser()
        events = parser.feed(
            GET + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nraw"
        )
        head = events[0]
        assert isinstance(head, RequestHead)
        self.assertEqual(head.upgrade, b"websocket")
        self.assertEqual(parser.feed(b"more"), [])
        self.assertEqual(parser.rest, b"rawmore")

    def test_an_upgrade_that_is_not_taken_goes_on_as_http(self) -> None:
        parser = RequestParser()
        upgrade = GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        parser.feed(upgrade + GET + b"\r\n")
        events = parser.go_on()
        self.assertIsInstance(events[0], RequestHead)
        self.assertEqual(len(events), 2)

    def test_upgrade_without_connection_is_none(self) -> None:
        self.assertIsNone(self.head(GET + b"Upgrade: websocket\r\n\r\n").upgrade)

    def test_nominated_fields_are_known(self) -> None:
        head = self.head(GET + b"Connection: close, X-Hop\r\nX-Hop: 1\r\n\r\n")
        self.assertEqual(head.nominated, {b"close", b"x-hop"})
        self.assertFalse(head.keep_alive)

    @settings(derandomize=True, max_examples=50, deadline=None)
    @given(st.lists(st.integers(1, 40), max_size=30))
    def test_any_split_gives_the_same_events(self, sizes: list[int]) -> None:
        data = (
            b"POST /x HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" + GET + b"\r\n"
        )
        parser, events = RequestParser(), []
        for size in sizes:
            piece, data = data[:size], data[size:]
            if piece:
                events += parser.feed(piece)
        events += parser.feed(data) if data else []
        whole = [type(e) if isinstance(e, tuple) else e for e in merged(events)]
        self.assertEqual(whole, [RequestHead, b"hello world", END, RequestHead, END])


class RefusedRequests(SynchronousTestCase):
    """Each line: what it is, the bytes after ``GET /a HTTP/1.1 CRLF Host: x CRLF``."""

    FIELDS: ClassVar[dict[str, bytes]] = {
        "a second Host": b"Host: x\r\n",
        "obs-fold": b"A: b\r\n c\r\n",
        "bare CR": b"A: b\rc\r\n",
        "bare LF": b"A: b\n",
        "a control byte": b"A: b\x01\r\n",
        "NUL": b"A: \x00\r\n",
        "a blank before the colon": b"A : b\r\n",
        "a blank before the name": b" A: b\r\n",
        "no name": b": b\r\n",
        "Content-Length with a sign": b"Content-Length: +3\r\n",
        "Content-Length as a list": b"Content-Length: 3, 3\r\n",
        "two Content-Length": b"Content-Length: 3\r\nContent-Length: 3\r\n",
        "a huge Content-Length": b"Content-Length: 99999999999999999999\r\n",
        "both lengths": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "both lengths, turned": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "identity": b"Transfer-Encoding: identity\r\n",
        "xchunked": b"Transfer-Encoding: xchunked\r\n",
        "gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n",
        "chunked twice": b"Transfer-Encoding: chunked\r\n" * 2,
        "Content_Length": b"Content_Length: 3\r\n",
        "Transfer_Encoding": b"Transfer_Encoding: chunked\r\n",
        "Cfos_Role": b"Cfos_Role: admin\r\n",
        "an Upgrade with a body": (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n"
        ),
    }
    LINES: ClassVar[dict[str, bytes]] = {
        "absolute-form": b"GET http://a/b HTTP/1.1",
        "CONNECT": b"CONNECT a:1 HTTP/1.1",
        "TRACE": b"TRACE / HTTP/1.1",
        "lower case": b"get / HTTP/1.1",
        "an unknown method": b"FOO / HTTP/1.1",
        "HTTP/0.9": b"GET / HTTP/0.9",
        "HTTP/2.0": b"GET / HTTP/2.0",
        "PRI": b"PRI * HTTP/2.0",
        "a fragment": b"GET /#a HTTP/1.1",
        "bytes above 127": b"GET /\xff HTTP/1.1",
        "* without OPTIONS": b"GET * HTTP/1.1",
    }

    def refuse(self, name: str, data: bytes) -> None:
        events = request(data)
        self.assertIsInstance(events[-1], BadMessage, name)
        self.assertFalse([e for e in events if isinstance(e, RequestHead)], name)

    def test_fields(self) -> None:
        for name, fields in self.FIELDS.items():
            self.refuse(name, b"GET /a HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\nabc")

    def test_request_lines(self) -> None:
        for name, line in self.LINES.items():
            self.refuse(name, line + b"\r\nHost: x\r\n\r\n")

    def test_hosts(self) -> None:
        for host in (b"", b"a b", b"a/b", b"a@b", b"a:b", b"a,b", b"[::1", b"a\x7f"):
            data = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
            self.refuse(repr(host), data)

    def test_no_host(self) -> None:
        self.refuse("1.1", b"GET / HTTP/1.1\r\n\r\n")
        self.refuse("1.0", b"GET / HTTP/1.0\r\n\r\n")

    def test_transfer_encoding_in_http_1_0(self) -> None:
        self.refuse(
            "1.0", b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    def test_bad_chunk_sizes(self) -> None:
        for size in (b"x", b"-1", b"+1", b"0x1", b"ffffffffffffffffff", b"1 ", b""):
            events = request(
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + size
                + b"\r\na\r\n0\r\n\r\n"
            )
            self.assertIsInstance(events[-1], BadMessage, size)

    def test_a_head_beyond_its_limits(self) -> None:
        parser = RequestParser(HeadLimits(bytes=100, fields=3))
        many = b"A: b\r\n" * 4
        self.assertEqual(parser.feed(GET + many)[-1].status, 431)  # type: ignore
        parser = RequestParser(HeadLimits(bytes=100, fields=3))
        events = parser.feed(GET + b"A: " + b"b" * 100)
        self.assertEqual(events[-1].status, 431)  # type: ignore[union-attr]

    def test_a_target_counts_too(self) -> None:
        for size, status in ((60, None), (200, 431)):
            parser = RequestParser(HeadLimits(bytes=100, fields=3))
            line = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * size)
            [first, *_] = parser.feed(line)
            self.assertEqual(getattr(first, "status", None), status, size)

    def test_what_came_before_a_head_does_not_count(self) -> None:
        parser = RequestParser(HeadLimits(bytes=100, fields=3))
        post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
        events = parser.feed(post + b"b" * 500 + GET + b"\r\n")
        self.assertEqual([type(e) for e in events].count(RequestHead), 2)

    def test_a_body_in_tiny_chunks_is_one_piece(self) -> None:
        parser = RequestParser()
        parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = parser.feed(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n" + GET + b"\r\n")
        self.assertEqual(events[:2], [b"x" * 1000, END])
        self.assertIsInstance(events[2], RequestHead)

    def test_nothing_is_kept_after_a_refusal(self) -> None:
        for start in (
            b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
            GET + b"Connection: Upgrade\r\nUpgrade: a b\r\n\r\n",
        ):
            parser = RequestParser()
            self.assertIsInstance(parser.feed(start + b"more")[-1], BadMessage)
            self.assertEqual(parser.feed(b"and more"), [])
            self.assertEqual((parser.standing, parser.rest), (False, b""))

    def test_nothing_is_read_after_a_refusal(self) -> None:
        parser = RequestParser()
        parser.feed(b"nonsense\r\n\r\n")
        self.assertEqual(parser.feed(GET + b"\r\n"), [])


class Responses(SynchronousTestCase):
    def test_a_sized_response(self) -> None:
        head, body, end = response(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        assert isinstance(head, ResponseHead)
        self.assertEqual((head.status, head.reason, head.length), (200, b"OK", 3))
        self.assertEqual((body, end), (b"abc", END))

    def test_one_that_ends_with_the_connection(self) -> None:
        events = response(b"HTTP/1.1 200 OK\r\n\r\nabc")
        self.assertTrue(events[0].until_close)  # type: ignore[attr-defined]
        self.assertFalse(events[0].keep_alive)  # type: ignore[attr-defined]
        self.assertEqual(events[1:], [b"abc", END])

    def test_a_truncated_one_is_none(self) -> None:
        for data in (
            b"",
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ):
            self.assertIsInstance(response(data)[-1], BadMessage, data)

    def test_head_ends_after_the_head_whatever_it_says(self) -> None:
        parser = ResponseParser()
        parser.expect(b"HEAD")
        events = parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        self.assertIs(events[-1], END)
        parser.expect(b"GET")
        events = parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        self.assertEqual(events[1:], [b"x", END])

    def test_a_body_after_head_breaks_the_connection(self) -> None:
        parser = ResponseParser()
        parser.expect(b"HEAD")
        parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        self.assertTrue(parser.broken)

    def test_304_and_204_have_no_body(self) -> None:
        for status in (b"304", b"204"):
            events = response(b"HTTP/1.1 %b X\r\nETag: 1\r\n\r\n" % status)
            self.assertEqual(len(events), 2)
            self.assertTrue(events[0].keep_alive)  # type: ignore[attr-defined]

    def test_interim_responses_come_before_the_final_one(self) -> None:
        events = response(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(
            [getattr(e, "status", e) for e in events], [100, 103, 200, END]
        )

    def test_raw_bytes_after_101(self) -> None:
        parser = ResponseParser()
        parser.expect(b"GET")
        events = parser.feed(
            b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc"
        )
        self.assertEqual(events[1:], [b"abc"])
        self.assertEqual(parser.feed(b"HTTP/1.1 200 OK\r\n"), [b"HTTP/1.1 200 OK\r\n"])
        self.assertEqual(parser.eof(), [])

    def test_a_reason_that_could_do_harm_is_left_out(self) -> None:
        for reason, read in (
            (b"OK", b"OK"),
            (b"", b""),
            (b"Nicht gef\xfcnden\t!", b"Nicht gef\xfcnden\t!"),
            (b"O\x00K", b""),
            (b"O\x1b[2JK", b""),
            (b"O\x7fK", b""),
        ):
            events = response(b"HTTP/1.1 200 %b\r\nContent-Length: 0\r\n\r\n" % reason)
            self.assertEqual(events[0].reason, read)  # type: ignore[attr-defined]

    def test_a_reason_counts_too(self) -> None:
        parser = ResponseParser(HeadLimits(bytes=100, fields=3))
        parser.expect(b"GET")
        start = b"HTTP/1.1 200 %b\r\nContent-Length: 0\r\n\r\n" % (b"x" * 200)
        self.assertIsInstance(parser.feed(start)[0], BadMessage)

    def test_a_body_in_tiny_chunks_is_one_piece(self) -> None:
        parser = ResponseParser()
        parser.expect(b"GET")
        parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = parser.feed(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
        self.assertEqual(events, [b"x" * 1000, END])

    def test_refused(self) -> None:
        for data in (
            b"HTTP/1.1 101 X\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n",
        ):
            self.assertIsInstance(response(data)[-1], BadMessage, data)

    def test_a_response_that_nobody_asked_for(self) -> None:
        parser = ResponseParser()
        parser.expect(b"GET")
        one = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertIsInstance(parser.feed(one + one)[-1], BadMessage)
        self.assertTrue(parser.broken)
