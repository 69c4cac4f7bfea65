from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.plain_answer import MAX_HEAD_BYTES, PlainRequest, answer


def location(response: bytes) -> bytes | None:
    head = response.partition(b"\r\n\r\n")[0].split(b"\r\n")
    found = [line[10:] for line in head if line.startswith(b"Location: ")]
    return found[0] if found else None


def ask(request: bytes) -> bytes | None:
    return PlainRequest().receive_data(request)


def get(host: bytes, target: bytes = b"/") -> bytes:
    response = ask(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert response is not None
    return response


class RedirectTests(SynchronousTestCase):
    def test_get_goes_to_the_same_host_port_path_and_query(self) -> None:
        response = get(b"cloud.example.org:4443", b"/ui/en/x.htm?a=b&c=%20|[]")
        self.assertTrue(response.startswith(b"HTTP/1.1 308 Permanent Redirect\r\n"))
        self.assertEqual(
            location(response),
            b"https://cloud.example.org:4443/ui/en/x.htm?a=b&c=%20|[]",
        )
        self.assertIn(b"\r\nCache-Control: no-store\r\n", response)
        self.assertIn(b"\r\nConnection: close\r\n", response)

    def test_a_host_without_a_port_came_to_port_80_and_stays_there(self) -> None:
        self.assertEqual(location(get(b"10.0.0.7")), b"https://10.0.0.7:80/")

    def test_ipv6_addresses_keep_their_brackets(self) -> None:
        self.assertEqual(location(get(b"[::1]:4443")), b"https://[::1]:4443/")
        self.assertEqual(location(get(b"[fd00::a:1]")), b"https://[fd00::a:1]:80/")

    def test_head_has_the_same_head_as_get_and_no_body(self) -> None:
        head = ask(b"HEAD / HTTP/1.1\r\nHost: a:1\r\n\r\n")
        assert head is not None
        self.assertEqual(head, get(b"a:1").partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    def test_the_length_is_that_of_the_body(self) -> None:
        for response in (get(b"a:1"), get(b"a b")):
            head, _, body = response.partition(b"\r\n\r\n")
            self.assertIn(b"\r\nContent-Length: %d\r\n" % len(body), head + b"\r\n")

    def test_a_path_that_looks_like_a_host_stays_a_path(self) -> None:
        self.assertEqual(
            location(get(b"a:1", b"//evil.example/")), b"https://a:1//evil.example/"
        )

    def test_http_1_0_with_a_host_is_redirected_too(self) -> None:
        response = ask(b"GET / HTTP/1.0\r\nHost: a:1\r\n\r\n")
        self.assertEqual(location(response or b""), b"https://a:1/")

    def test_a_request_to_upgrade_is_redirected_like_any_other(self) -> None:
        response = ask(
            b"GET /w HTTP/1.1\r\nHost: a:1\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\n\r\nrest"
        )
        self.assertEqual(location(response or b""), b"https://a:1/w")

    def test_what_follows_the_head_does_not_matter(self) -> None:
        request = b"GET / HTTP/1.1\r\nHost: a:1\r\n\r\n"
        for rest in (
            b"GET /other HTTP/1.1\r\nHost: b:2\r\n\r\n",
            b"rubbish\x00",
            b"x" * 100_000,
        ):
            self.assertEqual(ask(request + rest), ask(request))


class RefusalTests(SynchronousTestCase):
    def refused(self, request: bytes) -> None:
        response = ask(request)
        assert response is not None, request
        self.assertTrue(response.startswith(b"HTTP/1.1 403 Forbidden\r\n"), request)
        self.assertIn(b"\r\nConnection: close\r\n", response)
        self.assertIsNone(location(response))

    def test_every_other_method_is_refused(self) -> None:
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"):
            self.refused(method + b" / HTTP/1.1\r\nHost: a:1\r\n\r\n")
        self.refused(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")

    def test_a_post_is_refused_before_its_body_has_come(self) -> None:
        self.refused(
            b"POST / HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1000000\r\n\r\nabc"
        )

    def test_a_missing_or_second_host_is_refused(self) -> None:
        self.refused(b"GET / HTTP/1.1\r\n\r\n")
        self.refused(b"GET / HTTP/1.0\r\n\r\n")
        self.refused(b"GET / HTTP/1.1\r\nHost: a:1\r\nHost: a:1\r\n\r\n")

    def test_a_host_that_is_none_is_refused(self) -> None:
        for host in (
            b"",
            b"a b",
            b"a/b",
            b"a@b",
            b"a?b",
            b"a#b",
            b"a,b",
            b"a\tb",
            b"<script>",
            b"a\xff",
            b"-a",
            b"a:",
            b"a:0",
            b"a:65536",
            b"a:99999",
            b"a:12x",
            b"a:1:2",
            b"[::1",
            b"[::1%25eth0]",
            b"[12345::]",
            b"[1.2.3.4]",
            b"::1",
            b"x" * 300,
        ):
            self.refused(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")

    def test_a_folded_host_is_refused(self) -> None:
        self.refused(b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n")
        self.refused(b"GET / HTTP/1.1\r\nHost: a:1\r\n X: b\r\n\r\n")

    def test_a_target_that_is_no_path_is_refused(self) -> None:
        for target in (b"http://a:1/", b"*", b"a", b'/"', b"/\xc3\xa4", b"/<", b"/\\"):
            self.refused(b"GET " + target + b" HTTP/1.1\r\nHost: a:1\r\n\r\n")

    def test_what_is_not_http_is_refused(self) -> None:
        for rubbish in (
            b"\x00",
            b"SSH-2.0-OpenSSH_9\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a:1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a:1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a:1\r\nX: \x00\r\n\r\n",
        ):
            self.refused(rubbish)

    def test_a_head_may_have_16_kib_and_no_more(self) -> None:
        start = b"GET / HTTP/1.1\r\nHost: a:1\r\nX: "
        end = b"\r\n\r\n"
        fits = start + b"x" * (MAX_HEAD_BYTES - len(start + end)) + end
        self.assertEqual(location(ask(fits) or b""), b"https://a:1/")
        self.refused(start + b"x" * (MAX_HEAD_BYTES - len(start + end) + 1) + end)
        self.refused(b"GET /" + b"x" * MAX_HEAD_BYTES)

    def test_nothing_is_said_before_the_head_is_complete(self) -> None:
        self.assertIsNone(ask(b"GET / HTTP/1.1\r\nHost: a:1\r\n"))
        self.assertIsNone(ask(b"G"))


class AnyBytesTests(SynchronousTestCase):
    def test_a_head_that_comes_byte_by_byte_is_answered_the_same(self) -> None:
        whole = b"GET /a?b HTTP/1.1\r\nHost: cloud.example.org:4443\r\nA: b\r\n\r\n"
        request = PlainRequest()
        answers = [request.receive_data(bytes([byte])) for byte in whole]
        self.assertEqual(answers[:-1], [None] * (len(whole) - 1))
        self.assertEqual(answers[-1], ask(whole))

    @given(st.binary(max_size=40), st.lists(st.binary(max_size=40), max_size=2))
    def test_nothing_adds_a_line_to_the_head(
        self, target: bytes, hosts: list[bytes]
    ) -> None:
        response = answer(b"GET", target, hosts)
        head = response.partition(b"\r\n\r\n")[0].split(b"\r\n")
        usual = ask(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n") or b""
        lines = usual.partition(b"\r\n\r\n")[0].count(b"\r\n") + 1
        self.assertEqual(len(head), lines + 1 if b" 308 " in head[0] else lines)
        self.assertNotIn(
            b"\n", response.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")
        )

    @given(st.binary(max_size=400))
    def test_any_bytes_are_answered_or_waited_for(self, data: bytes) -> None:
        response = ask(data)
        self.assertTrue(response is None or response.startswith(b"HTTP/1.1 "))
