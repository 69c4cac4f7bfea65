"""CONNECT, byte by byte."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.connect import (
    MAX_HEAD_BYTES,
    Connected,
    ConnectRequest,
    ProxyFailed,
    ProxyRefused,
)
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.proxy import Proxy

SERVER = parse_origin("https://cloud.example.org")
OK = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n"


def make(proxy: Proxy | None = None) -> ConnectRequest:
    return ConnectRequest(proxy or Proxy("proxy", 3128), SERVER, "agent/1")


class ConnectTests(SynchronousTestCase):
    def test_the_request_names_host_and_port(self) -> None:
        self.assertEqual(
            make().data,
            b"CONNECT cloud.example.org:443 HTTP/1.1\r\nHost: cloud.example.org:443\r\n"
            b"User-Agent: agent/1\r\n\r\n",
        )

    def test_user_and_password_go_to_the_proxy_alone(self) -> None:
        data = make(Proxy("proxy", 3128, "me", "p:ä")).data
        [line] = [x for x in data.split(b"\r\n") if x.startswith(b"Proxy-Auth")]
        name, _, value = line.partition(b": Basic ")
        self.assertEqual(name, b"Proxy-Authorization")
        self.assertEqual(base64.b64decode(value).decode(), "me:p:ä")

    def test_an_ipv6_server_is_in_brackets(self) -> None:
        server = parse_origin("https://[2001:db8::1]:4443")
        request = ConnectRequest(Proxy("proxy", 3128), server, "a/1")
        self.assertIn(b"CONNECT [2001:db8::1]:4443 HTTP", request.data)

    @given(st.binary(max_size=50), st.integers(1, len(OK) - 1))
    def test_the_answer_may_come_in_pieces(self, rest: bytes, cut: int) -> None:
        request = make()
        self.assertIsNone(request.receive(OK[:cut]))
        self.assertEqual(request.receive(OK[cut:] + rest), Connected(rest))

    def test_it_may_come_byte_by_byte(self) -> None:
        hints = b"HTTP/1.1 103 Hints\r\n\r\n"
        for answer in (OK, hints + OK, b"HTTP/1.1 200 OK\n\n"):
            request = make()
            for number in range(len(answer) - 1):
                self.assertIsNone(request.receive(answer[number : number + 1]))
            self.assertEqual(request.receive(answer[-1:]), Connected(b""))

    def test_kinds_of_yes(self) -> None:
        for answer in (
            b"HTTP/1.0 200\r\n\r\n",
            b"HTTP/1.1 200 OK\n\n",
            b"HTTP/1.1 299 Fine\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" + OK,
        ):
            self.assertEqual(make().receive(answer + b"rest"), Connected(b"rest"))

    def test_every_no_is_one_line_that_says_what_to_do(self) -> None:
        for status, words in (
            (b"403 Forbidden", "does not allow connections to cloud.example.org:443"),
            (b"502 Bad Gateway", "can't reach cloud.example.org:443: it answers 502"),
            (b"503 Busy", "can't reach cloud.example.org:443: it answers 503"),
            (b"504 Late", "can't reach cloud.example.org:443: it answers 504"),
            (b"405 No", "does not know CONNECT: it answers 405"),
            (b"301 Moved", "answers 301 to CONNECT cloud.example.org:443"),
        ):
            with self.assertRaises(ProxyFailed) as caught:
                make().receive(b"HTTP/1.1 %b\r\n\r\nno" % status)
            self.assertEqual(str(caught.exception).partition("proxy:3128 ")[2], words)
            self.assertNotIsInstance(caught.exception, ProxyRefused)

    def test_who_has_to_say_who_it_is_is_told_apart(self) -> None:
        for status in (b"407", b"401"):
            answer = b"HTTP/1.1 %b Who?\r\nX-Authenticate: Basic\r\n\r\n" % status
            self.check_unknown(answer)

    def check_unknown(self, answer: bytes) -> None:
        with self.assertRaises(ProxyRefused) as caught:
            make().receive(answer)
        self.assertIn("wants a user and a password", str(caught.exception))
        with self.assertRaises(ProxyRefused) as caught:
            make(Proxy("proxy", 3128, "me", "hidden")).receive(answer)
        self.assertIn("does not take this password of 'me'", str(caught.exception))
        self.assertNotIn("hidden", str(caught.exception))

    def test_what_is_no_http_is_refused(self) -> None:
        for answer in (
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 2000\r\n\r\n",
            b"HTTP/1.1 999 x\r\n\r\n",
            b"\r\n\r\n",
        ):
            with self.assertRaises(ProxyFailed):
                make().receive(answer)

    def test_the_head_is_bounded(self) -> None:
        start = b"HTTP/1.1 200 OK\r\nX: "
        fits = start.ljust(MAX_HEAD_BYTES - 4, b"x") + b"\r\n\r\n"
        self.assertEqual(make().receive(fits + b"y" * 100), Connected(b"y" * 100))
        request = make()
        self.assertIsNone(request.receive(start.ljust(MAX_HEAD_BYTES, b"x")))
        with self.assertRaises(ProxyFailed):
            request.receive(b"x")
        with self.assertRaises(ProxyFailed):
            make().receive(start.ljust(MAX_HEAD_BYTES, b"x") + b"\r\n\r\n")

    @given(st.lists(st.binary(max_size=60), max_size=10))
    def test_any_bytes_are_an_answer_or_none(self, pieces: list[bytes]) -> None:
        request = make()
        try:
            for piece in pieces:
                if request.receive(piece) is not None:
                    break
        except ProxyFailed as error:
            self.assertEqual(len(str(error).splitlines()), 1)
