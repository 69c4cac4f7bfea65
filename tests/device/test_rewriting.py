"""What becomes of a head at the device end, field by field."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.rewriting import Mapping, request_to_target, response_fields
from cfos_cloud.http.message import RequestHead, ResponseHead
from cfos_cloud.http.parser import RequestParser, ResponseParser
from tests.memory import Message, parse_messages

PUBLIC = b"https://cloud.example.org:4443"
TARGET = b"http://192.168.1.20"
MAPPING = Mapping(PUBLIC, TARGET)


def request(
    *lines: bytes,
    start: bytes = b"GET /a?b HTTP/1.1",
    mapping: Mapping = MAPPING,
    user: str = "admin",
) -> Message:
    """What the target gets of a request with these lines."""
    data = b"\r\n".join((start, b"Host: cloud.example.org:4443", *lines, b"", b""))
    head = RequestParser().feed(data)[0]
    assert isinstance(head, RequestHead), head
    [message] = parse_messages(
        request_to_target(head, mapping, user, "admin"), bodiless=True
    )
    return message


def response(
    *lines: bytes, status: int = 200, mapping: Mapping = MAPPING
) -> list[tuple[bytes, bytes]]:
    """The fields that the server gets of a response with these lines."""
    parser = ResponseParser()
    parser.expect(b"GET")
    head = parser.feed(b"\r\n".join((b"HTTP/1.1 %d OK" % status, *lines, b"", b"")))[0]
    assert isinstance(head, ResponseHead), head
    written = b"HTTP/1.1 200 S\r\n" + response_fields(head, mapping) + b"\r\n"
    [message] = parse_messages(written, bodiless=True)
    return list(message.fields)


def mapped(name: bytes, value: bytes, mapping: Mapping = MAPPING) -> bytes:
    """What becomes of one field of a response."""
    [(_, new)] = response(name + b": " + value, mapping=mapping)
    return new


class RequestTests(SynchronousTestCase):
    def test_the_target_sees_its_own_host(self) -> None:
        message = request()
        self.assertEqual(message.start, b"GET /a?b HTTP/1.1")
        self.assertEqual(message.get(b"host"), b"192.168.1.20")
        other = Mapping(PUBLIC, b"http://device.local:8080")
        self.assertEqual(request(mapping=other).get(b"host"), b"device.local:8080")

    def test_it_learns_who_asks_and_where_the_log_in_is(self) -> None:
        message = request()
        self.assertEqual(message.get(b"cfos-user"), b"admin")
        self.assertEqual(message.get(b"cfos-role"), b"admin")
        self.assertEqual(message.get(b"cfos-cloud"), PUBLIC + b"/ui/en/cloud-login.htm")

    def test_the_log_in_is_in_the_browser_s_language(self) -> None:
        for line, language in (
            (b"Accept-Language: de-CH, en;q=0.5", b"de"),
            (b"Accept-Language: pt-BR", b"pt"),
            (b"Accept-Language: \xff", b"en"),
        ):
            self.assertEqual(
                request(line).get(b"cfos-cloud"),
                PUBLIC + b"/ui/%b/cloud-login.htm" % language,
            )

    def test_a_user_s_name_is_visible_ascii_whatever_it_is(self) -> None:
        for user, value in (
            ("", b""),
            ("a b", b"a%20b"),
            ("100%", b"100%25"),
            ("Jürgen", b"J%C3%BCrgen"),
            ("a\r\nCfos-Role: admin", b"a%0D%0ACfos-Role:%20admin"),
        ):
            self.assertEqual(request(user=user).get(b"cfos-user"), value)

    def test_nobody_else_can_say_so(self) -> None:
        message = request(
            b"Cfos-User: evil",
            b"CFOS-ROLE: evil",
            b"cfos-cloud: evil",
            b"Cfos-Error: evil",
        )
        self.assertEqual(message.all(b"cfos-user"), [b"admin"])
        self.assertEqual(message.all(b"cfos-role"), [b"admin"])
        self.assertEqual(len(message.all(b"cfos-cloud")), 1)
        self.assertIsNone(message.get(b"cfos-error"))

    def test_the_public_origin_becomes_the_target_s(self) -> None:
        for name, value, new in (
            (b"Origin", PUBLIC, TARGET),
            (b"Origin", PUBLIC.upper().replace(b"HTTPS", b"https"), TARGET),
            (b"Referer", PUBLIC, TARGET),
            (b"Referer", PUBLIC + b"/a?b#c", TARGET + b"/a?b#c"),
            (b"Referer", PUBLIC + b"?b", TARGET + b"?b"),
        ):
            message = request(name + b": " + value)
            self.assertEqual(message.get(name.lower()), new)

    def test_any_other_origin_stays(self) -> None:
        for value in (
            b"null",
            b"https://evil.example.org",
            b"http://cloud.example.org:4443",
            b"https://cloud.example.org",
            b"https://cloud.example.org:44433",
            b"https://cloud.example.org:4443.evil.example.org",
            b"https://cloud.example.org:4443@evil.example.org/",
        ):
            for name in (b"Origin", b"Referer"):
                message = request(name + b": " + value)
                self.assertEqual(message.get(name.lower()), value)

    def test_no_other_field_is_mapped(self) -> None:
        for name in (b"Destination", b"X-Forwarded-Host", b"Cookie", b"Authorization"):
            message = request(name + b": " + PUBLIC)
            self.assertEqual(message.get(name.lower()), PUBLIC)

    def test_what_is_between_two_neighbours_ends_here(self) -> None:
        message = request(
            b"Connection: close, X-Mine",
            b"X-Mine: 1",
            b"Keep-Alive: x",
            b"TE: trailers",
        )
        for name in (b"connection", b"x-mine", b"keep-alive", b"te"):
            self.assertIsNone(message.get(name))

    def test_bodies_are_framed_anew(self) -> None:
        for start, line, length, coding in (
            (b"GET / HTTP/1.1", b"A: b", None, None),
            (b"POST / HTTP/1.1", b"A: b", b"0", None),
            (b"POST / HTTP/1.1", b"Content-Length: 7", b"7", None),
            (b"PUT / HTTP/1.1", b"Transfer-Encoding: chunked", None, b"chunked"),
        ):
            message = request(line, start=start)
            self.assertEqual(message.get(b"content-length"), length)
            self.assertEqual(message.get(b"transfer-encoding"), coding)

    def test_an_upgrade_goes_on(self) -> None:
        message = request(b"Connection: Upgrade", b"Upgrade: websocket")
        self.assertEqual(message.get(b"connection"), b"Upgrade")
        self.assertEqual(message.get(b"upgrade"), b"websocket")


class ResponseTests(SynchronousTestCase):
    def test_the_target_s_origin_becomes_the_public_one(self) -> None:
        for name in (b"Location", b"Content-Location"):
            for value, new in (
                (TARGET, PUBLIC),
                (TARGET + b"/a?b#c", PUBLIC + b"/a?b#c"),
                (TARGET + b"?b", PUBLIC + b"?b"),
                (b"HTTP://192.168.1.20/a", PUBLIC + b"/a"),
                (b"//192.168.1.20/a", b"//cloud.example.org:4443/a"),
            ):
                self.assertEqual(mapped(name, value), new)

    def test_what_is_relative_or_elsewhere_stays(self) -> None:
        for value in (
            b"/a",
            b"a",
            b"?b",
            b"",
            b"http://192.168.1.200/a",
            b"http://192.168.1.20:8080/a",
            b"http://192.168.1.20.evil/a",
            b"http://192.168.1.20@evil/a",
            b"https://192.168.1.20/a",
            b"//192.168.1.21/a",
            b"https://example.org/?u=http://192.168.1.20/",
        ):
            self.assertEqual(mapped(b"Location", value), value)

    def test_a_port_that_is_the_usual_one_makes_no_other_origin(self) -> None:
        self.assertEqual(
            mapped(b"Location", b"http://192.168.1.20:80/a"), PUBLIC + b"/a"
        )

    def test_a_target_with_a_port_is_mapped_with_it(self) -> None:
        mapping = Mapping(PUBLIC, b"http://device.local:8080")
        for value, new in (
            (b"http://device.local:8080/a", PUBLIC + b"/a"),
            (b"http://Device.Local:8080", PUBLIC),
            (b"//device.local:8080/a", b"//cloud.example.org:4443/a"),
            (b"http://device.local/a", b"http://device.local/a"),
        ):
            self.assertEqual(mapped(b"Location", value, mapping), new)

    def test_a_refresh_leads_to_the_public_origin(self) -> None:
        url = TARGET + b"/a"
        new = PUBLIC + b"/a"
        for value, result in (
            (b"5", b"5"),
            (b"5; url=" + url, b"5; url=" + new),
            (b"0;URL=" + url, b"0;URL=" + new),
            (b"5; url = " + url, b"5; url =" + new),
            (b"5; url='%b'" % url, b"5; url='%b'" % new),
            (b'5; url="%b"' % url, b'5; url="%b"' % new),
            (b"5; url='%b" % url, b"5; url='%b" % new),
            (b"5; url=/a", b"5; url=/a"),
            (b"5; url=%b?a=b" % url, b"5; url=%b?a=b" % new),
            (b"5; url=http://elsewhere/a", b"5; url=http://elsewhere/a"),
            (b"5; other=" + url, b"5; other=" + url),
        ):
            self.assertEqual(mapped(b"Refresh", value), result)

    def test_a_cookie_is_bound_to_no_domain(self) -> None:
        for value, result in (
            (b"a=1", b"a=1"),
            (b"a=1; Domain=192.168.1.20", b"a=1"),
            (b"a=1; Domain=device.local; Path=/", b"a=1; Path=/"),
            (b"a=1;DOMAIN = x;HttpOnly", b"a=1;HttpOnly"),
            (b"a=1; domain", b"a=1"),
            (b"domain=1; Path=/", b"domain=1; Path=/"),
            (b"a=domain; Secure", b"a=domain; Secure"),
            (b"a=1; X-Domain=x", b"a=1; X-Domain=x"),
        ):
            self.assertEqual(mapped(b"Set-Cookie", value), result)

    def test_each_cookie_by_itself(self) -> None:
        self.assertEqual(
            response(b"Set-Cookie: a=1; Domain=x", b"Set-Cookie: b=2"),
            [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
        )

    def test_a_target_can_t_speak_for_the_device_end(self) -> None:
        self.assertEqual(
            response(b"Cfos-Error: busy", b"CFOS-USER: x", b"X: y"), [(b"x", b"y")]
        )

    def test_framing_and_what_is_between_two_neighbours_end_here(self) -> None:
        self.assertEqual(
            response(
                b"Connection: keep-alive, X-Mine",
                b"X-Mine: 1",
                b"Keep-Alive: timeout=5",
                b"Transfer-Encoding: chunked",
                b"Upgrade: websocket",
                b"ETag: x",
            ),
            [(b"etag", b"x")],
        )

    def test_a_101_says_what_it_switches_to(self) -> None:
        self.assertEqual(
            response(
                b"Connection: Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Accept: x",
                status=101,
            ),
            [
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-accept", b"x"),
            ],
        )

    def test_all_else_passes(self) -> None:
        lines = [
            (b"www-authenticate", b'Basic realm="http://192.168.1.20"'),
            (b"link", b"<http://192.168.1.20/a>; rel=next"),
            (b"server", b"esp"),
        ]
        self.assertEqual(response(*(b"%b: %b" % pair for pair in lines)), lines)
