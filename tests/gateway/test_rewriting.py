"""What becomes of a head at the server, field by field."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.rewriting import (
    forwarded_lines,
    passes_upgrade,
    request_to_device,
    response_fields,
)
from cfos_cloud.http.message import RequestHead, ResponseHead
from cfos_cloud.http.parser import RequestParser, ResponseParser
from tests.memory import Message, parse_messages

FORWARDED = forwarded_lines("192.0.2.1", True, b"cloud.example.org")


def request(*lines: bytes, start: bytes = b"GET /a?b HTTP/1.1") -> Message:
    """What the device gets of a request with these lines."""
    data = b"\r\n".join((start, b"Host: cloud.example.org", *lines, b"", b""))
    head = RequestParser().feed(data)[0]
    assert isinstance(head, RequestHead), head
    cookies = [value for name, _, value in head.fields if name == b"cookie"]
    [message] = parse_messages(request_to_device(head, cookies, FORWARDED))
    return message


def response(*lines: bytes, status: bytes = b"200") -> list[tuple[bytes, bytes]]:
    """The fields that the browser gets of a response with these lines."""
    parser = ResponseParser()
    parser.expect(b"GET")
    head = parser.feed(b"\r\n".join((b"HTTP/1.1 %b OK" % status, *lines, b"", b"")))[0]
    assert isinstance(head, ResponseHead), head
    [message] = parse_messages(
        b"HTTP/1.1 101 S\r\n" + response_fields(head) + b"\r\n", bodiless=True
    )
    return list(message.fields)


class RequestTests(SynchronousTestCase):
    def test_method_and_target_pass_as_they_came(self) -> None:
        for start in (b"GET /a?b=%20&c", b"PROPFIND //x/../y", b"OPTIONS *"):
            self.assertEqual(
                request(start=start + b" HTTP/1.1").start, start + b" HTTP/1.1"
            )

    def test_a_request_of_http_1_0_goes_on_as_1_1(self) -> None:
        self.assertEqual(request(start=b"GET / HTTP/1.0").start, b"GET / HTTP/1.1")

    def test_host_and_what_is_the_device_s_business_pass_in_their_order(self) -> None:
        lines = [
            b"Accept: text/html, */*;q=0.5",
            b"Authorization: Bearer of-the-device",
            b"X-Twice: 1",
            b"Origin: https://cloud.example.org",
            b"x-twice: 2",
            b"Referer: https://cloud.example.org/",
            b"Range: bytes=0-",
            b"Expect: 100-continue",
            b"Sec-WebSocket-Key: x",
            b"Sec-Fetch-Site: same-origin",
        ]
        data = (
            b"GET / HTTP/1.1\r\nHost: cloud.example.org\r\n"
            + b"\r\n".join(lines)
            + b"\r\n\r\n"
        )
        head = RequestParser().feed(data)[0]
        assert isinstance(head, RequestHead)
        self.assertEqual(request_to_device(head, [], b""), data)

    def test_what_is_between_two_neighbours_ends_here(self) -> None:
        message = request(
            b"Connection: keep-alive, X-Mine, close",
            b"X-Mine: 1",
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic eDp5",
            b"TE: trailers",
            b"Trailer: X-Sum",
            b"HTTP2-Settings: x",
            b"X-Other: 2",
        )
        names = [name for name, _ in message.fields]
        self.assertEqual(
            names,
            [
                b"host",
                b"x-other",
                b"forwarded",
                b"x-forwarded-for",
                b"x-forwarded-proto",
                b"x-forwarded-host",
            ],
        )

    def test_what_any_connection_field_nominates_ends_here(self) -> None:
        message = request(
            b"Connection: x-one", b"connection: X-TWO ,", b"X-One: 1", b"X-Two: 2"
        )
        self.assertIsNone(message.get(b"x-one"))
        self.assertIsNone(message.get(b"x-two"))

    def test_nobody_can_take_host_or_our_own_fields_out_of_a_request(self) -> None:
        # The parser refuses who tries; this does not depend on it.
        head = RequestParser().feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")[0]
        assert isinstance(head, RequestHead), head
        nominated = frozenset({b"host", b"forwarded", b"x-forwarded-for", b"x"})
        head = head._replace(nominated=nominated)
        [message] = parse_messages(request_to_device(head, [], FORWARDED))
        self.assertEqual(message.get(b"host"), b"a")
        self.assertEqual(message.get(b"x-forwarded-for"), b"192.0.2.1")
        self.assertIsNotNone(message.get(b"forwarded"))
        self.assertIsNone(message.get(b"x"))

    def test_what_only_we_may_say_a_client_can_t(self) -> None:
        message = request(
            b"Forwarded: for=6.6.6.6",
            b"X-Forwarded-For: 6.6.6.6",
            b"X-FORWARDED-PROTO: gopher",
            b"X-Forwarded-Host: evil",
            b"X-Forwarded-Port: 1",
            b"X-Forwarded-Prefix: /evil",
            b"X-Real-IP: 6.6.6.6",
            b"Via: 1.1 evil",
            b"Cfos-User: admin",
            b"CFOS-Role: admin",
            b"Cfos-Cloud: https://evil/",
            # What a target behind CGI could not tell from those.
            b"X_Forwarded_For: 6.6.6.6",
            b"X-Forwarded_Proto: gopher",
            b"X_Real_IP: 6.6.6.6",
            b"X.Forwarded!For: 6.6.6.6",
            # CGI programs would take it for a proxy of theirs.
            b"Proxy: http://evil/",
        )
        self.assertEqual(
            message.fields,
            (
                (b"host", b"cloud.example.org"),
                (
                    b"forwarded",
                    b'for=192.0.2.1;proto=https;host="cloud.example.org"',
                ),
                (b"x-forwarded-for", b"192.0.2.1"),
                (b"x-forwarded-proto", b"https"),
                (b"x-forwarded-host", b"cloud.example.org"),
            ),
        )

    def test_our_cookies_end_here_and_the_device_s_pass(self) -> None:
        for cookies, left in (
            ((b"a=1; __Host-cfos=x; b=2",), [b"a=1; b=2"]),
            ((b"cfos=x",), []),
            ((b"cfos-csrf=x; CFOS=y; __host-CFOS-known=z; a=1",), [b"a=1"]),
            ((b"a=1", b"cfos=x", b"b=2"), [b"a=1", b"b=2"]),
            ((b"a=cfos",), [b"a=cfos"]),
        ):
            message = request(*(b"Cookie: " + each for each in cookies))
            self.assertEqual(message.all(b"cookie"), left)

    def test_bodies_are_framed_anew(self) -> None:
        for start, lines, length, coding in (
            (b"GET", (), None, None),
            (b"GET", (b"Content-Length: 0",), None, None),
            (b"GET", (b"Content-Length: 3",), b"3", None),
            (b"POST", (), b"0", None),
            (b"PUT", (b"Content-Length: 0",), b"0", None),
            (b"POST", (b"Content-Length: 003",), b"3", None),
            (b"POST", (b"Transfer-Encoding: Chunked",), None, b"chunked"),
            (b"DELETE", (), None, None),
        ):
            data = request_head(start, *lines)
            cut = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            [message] = parse_messages(cut, bodiless=True)
            self.assertEqual(message.get(b"content-length"), length, (start, lines))
            self.assertEqual(message.get(b"transfer-encoding"), coding)

    def test_an_upgrade_passes_with_its_connection(self) -> None:
        message = request(
            b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"X: y"
        )
        self.assertEqual(message.get(b"connection"), b"Upgrade")
        self.assertEqual(message.get(b"upgrade"), b"websocket")
        self.assertIsNone(message.get(b"content-length"))

    def test_an_upgrade_that_is_none_does_not_pass(self) -> None:
        for lines in (
            (b"Upgrade: websocket",),
            (b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"),
            (b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c"),
            (b"Connection: Upgrade",),
        ):
            message = request(*lines)
            self.assertIsNone(message.get(b"upgrade"), lines)
            self.assertIsNone(message.get(b"connection"), lines)


def request_head(method: bytes, *lines: bytes) -> bytes:
    data = b"\r\n".join((method + b" / HTTP/1.1", b"Host: x", *lines, b"", b""))
    head = RequestParser().feed(data)[0]
    assert isinstance(head, RequestHead), head
    return request_to_device(head, [], b"")


class UpgradeTests(SynchronousTestCase):
    def test_these_pass(self) -> None:
        for upgrade in (
            b"websocket",
            b"WebSocket",
            b"mqtt/5",
            b"xmpp, irc",
            b"",
            b"https",
        ):
            self.assertTrue(passes_upgrade(upgrade), upgrade)

    def test_these_do_not_alone_or_in_a_list(self) -> None:
        for protocol in (
            b"h2c",
            b"H2C",
            b"HTTP/2.0",
            b"http/3",
            b"TLS/1.0",
            b"tls/1.3",
            b"cfos-tunnel",
            b"cfos-tunnel/1",
            b"CFOS-Tunnel/2",
        ):
            for upgrade in (
                protocol,
                b"websocket, " + protocol,
                protocol + b",websocket",
                b"websocket,\t" + protocol + b" ",
                b", ," + protocol,
            ):
                self.assertFalse(passes_upgrade(upgrade), upgrade)


class ForwardedTests(SynchronousTestCase):
    def test_an_ipv6_client_is_quoted_where_that_is_needed(self) -> None:
        lines = forwarded_lines("2001:db8::7", False, b"[::1]:4443")
        self.assertEqual(
            lines,
            b'Forwarded: for="[2001:db8::7]";proto=http;host="[::1]:4443"\r\n'
            b"X-Forwarded-For: 2001:db8::7\r\n"
            b"X-Forwarded-Proto: http\r\n"
            b"X-Forwarded-Host: [::1]:4443\r\n",
        )

    def test_what_is_no_address_is_unknown(self) -> None:
        for client in (
            "",
            "somebody",
            "fe80::1%0",
            "192.0.2.1\r\nEvil: 1",
            "192.0.2.1\n",
        ):
            lines = forwarded_lines(client, True, b"a")
            self.assertIn(b"Forwarded: for=unknown;", lines)
            self.assertIn(b"X-Forwarded-For: unknown\r\n", lines)


class ResponseTests(SynchronousTestCase):
    def test_what_is_the_device_s_business_passes(self) -> None:
        lines = [
            (b"content-type", b"text/html"),
            (b"location", b"/a"),
            (b"cache-control", b"max-age=5"),
            (b"etag", b'"x"'),
            (b"content-security-policy", b"default-src 'self'"),
            (b"x-frame-options", b"DENY"),
            (b"www-authenticate", b'Basic realm="device"'),
            (b"www-authenticate", b"Digest x"),
            (b"server", b"esp"),
            (b"content-encoding", b"gzip"),
            (b"content-range", b"bytes 0-1/5"),
        ]
        sent = (b"%b: %b" % pair for pair in lines)
        self.assertEqual(response(*sent, b"Content-Length: 0"), lines)

    def test_framing_and_what_is_between_two_neighbours_end_here(self) -> None:
        self.assertEqual(
            response(
                b"Connection: close, X-Mine",
                b"X-Mine: 1",
                b"Keep-Alive: timeout=5",
                b"Transfer-Encoding: chunked",
                b"Trailer: X-Sum",
                b"Proxy-Authenticate: Basic",
                b"Proxy-Authentication-Info: x",
                b"Proxy-Connection: close",
                b"TE: x",
                b"Upgrade: h2c",
                b"X-Other: 2",
            ),
            [(b"x-other", b"2")],
        )
        self.assertEqual(response(b"Content-Length: 5", b"A: b"), [(b"a", b"b")])

    def test_what_would_bind_the_whole_origin_ends_here(self) -> None:
        self.assertEqual(
            response(
                b"Strict-Transport-Security: max-age=31536000",
                b"Public-Key-Pins: x",
                b"Alt-Svc: h3=evil:443",
                b"Cross-Origin-Opener-Policy: same-origin",
                b"Service-Worker-Allowed: /",
            ),
            [],
        )

    def test_a_device_may_clear_what_is_its_own_but_not_our_session(self) -> None:
        for value, kept in (
            (b'"cookies"', None),
            (b'"*"', None),
            (b'"cache"', b'"cache"'),
            (b'"storage"', b'"storage"'),
            (b'"cache", "cookies", "storage"', b'"cache", "storage"'),
            (b'"cookies","cache"', b'"cache"'),
            (b'"*" , "executionContexts"', b'"executionContexts"'),
            (b'"storage:inbox"', b'"storage:inbox"'),
            # What some browser might read as one of those.
            (b'"Cookies"', None),
            (b'"cookies" "cache"', None),
            (b'"cook\\ies"', None),
            (b"cookies", None),
            (b'"cache", , "x', b'"cache"'),
            (b"", None),
        ):
            self.assertEqual(
                response(b"Clear-Site-Data: " + value, b"A: b"),
                [*([] if kept is None else [(b"clear-site-data", kept)]), (b"a", b"b")],
                value,
            )

    def test_nor_by_several_fields(self) -> None:
        fields = response(b'clear-site-data: "cookies"', b'Clear-Site-Data: "cache"')
        self.assertEqual(fields, [(b"clear-site-data", b'"cache"')])

    def test_what_would_report_the_whole_origin_ends_here(self) -> None:
        # Kept by the browser for all that this origin serves, other systems too.
        self.assertEqual(
            response(
                b'Report-To: {"max_age":9,"endpoints":[{"url":"https://evil/"}]}',
                b'NEL: {"report_to":"default","max_age":9}',
            ),
            [],
        )

    def test_the_device_end_s_own_fields_end_here(self) -> None:
        self.assertEqual(response(b"Cfos-Error: busy", b"CFOS-Other: x"), [])

    def test_a_device_sets_its_own_cookies_and_none_of_ours(self) -> None:
        for value, passes in (
            (b"sid=1; Path=/; HttpOnly", True),
            (b"x-cfos=1", True),
            (b"cfos=evil", False),
            (b"CFOS=evil", False),
            (b"cfos-csrf=evil; Path=/", False),
            (b"__Host-cfos=evil; Secure; Path=/", False),
            (b"__HOST-cfos-known=evil", False),
            (b" cfos=evil", False),
            (b"=cfos=evil", False),
        ):
            got = response(b"Set-Cookie: " + value, b"Set-Cookie: other=1")
            left = [(b"set-cookie", value)] if passes else []
            self.assertEqual(got, [*left, (b"set-cookie", b"other=1")])

    def test_only_cookies_can_have_a_cookie_s_name(self) -> None:
        lines = [(b"x-note", b"cfos=1"), (b"content-language", b"cfos")]
        sent = (b"%b: %b" % pair for pair in lines)
        self.assertEqual(response(*sent), lines)

    def test_a_101_says_what_it_switches_to(self) -> None:
        self.assertEqual(
            response(
                b"Connection: keep-alive, Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Accept: x",
                status=b"101",
            ),
            [
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-accept", b"x"),
            ],
        )
