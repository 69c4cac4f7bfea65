"""What becomes of headers on the way to the device, and on the way back."""

from __future__ import annotations

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Answer, Client
from tests.end_to_end.target import Request


class TowardsTheDeviceTests(EndToEndTestCase):
    def lines(self, client: Client, *fields: tuple[str, str]) -> list[str]:
        """The head's lines as the device gets them, without the last two."""
        answer = client.get("/headers", *fields)
        self.assertEqual(answer.status, 200)
        head = answer.body.decode("latin-1")
        self.assertTrue(head.endswith("\r\n\r\n"))
        return head.removesuffix("\r\n\r\n").split("\r\n")

    def test_a_browsers_request_arrives_as_from_the_devices_own_address(self) -> None:
        client = self.server.client(source="127.0.0.9", authority="my.cloud:4443")
        client.cookies = {**self.admin.cookies, "device": "kept"}
        public, own = "https://my.cloud:4443", self.target.url
        lines = self.lines(
            client,
            ("User-Agent", "Mozilla/5.0 (X11)"),
            ("Accept", "text/html"),
            ("Accept-Language", "de-DE,de;q=0.9"),
            ("Accept-Encoding", "gzip"),
            ("Origin", public),
            ("Referer", f"{public}/ui/de/sim.htm?x=1"),
            ("Cache-Control", "no-cache"),
            ("Connection", "keep-alive"),
        )
        self.assertEqual(
            lines,
            [
                "GET /headers HTTP/1.1",
                f"Host: {self.target.authority}",
                "User-Agent: Mozilla/5.0 (X11)",
                "Accept: text/html",
                "Accept-Language: de-DE,de;q=0.9",
                "Accept-Encoding: gzip",
                f"Origin: {own}",
                f"Referer: {own}/ui/de/sim.htm?x=1",
                "Cache-Control: no-cache",
                "Cookie: device=kept",
                'Forwarded: for=127.0.0.9;proto=https;host="my.cloud:4443"',
                "X-Forwarded-For: 127.0.0.9",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: my.cloud:4443",
                f"Cfos-Cloud: {public}/ui/de/cloud-login.htm",
                "Cfos-User: admin",
                "Cfos-Role: admin",
            ],
        )

    def test_on_plain_http_it_says_so(self) -> None:
        client = self.site.device.user_client(tls=False)
        self.assertEqual(
            self.lines(client),
            [
                "GET /headers HTTP/1.1",
                f"Host: {self.target.authority}",
                f'Forwarded: for=127.0.0.1;proto=http;host="{client.authority}"',
                "X-Forwarded-For: 127.0.0.1",
                "X-Forwarded-Proto: http",
                f"X-Forwarded-Host: {client.authority}",
                f"Cfos-Cloud: http://{client.authority}/ui/en/cloud-login.htm",
                "Cfos-User: guest",
                "Cfos-Role: user",
            ],
        )

    def test_whatever_a_client_makes_up_is_taken_out(self) -> None:
        honest = self.lines(self.admin)
        made_up = [
            ("Forwarded", "for=10.9.9.9;host=evil"),
            ("X-Forwarded-For", "10.9.9.9"),
            ("x-forwarded-proto", "http"),
            ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-Port", "1"),
            ("X-Forwarded-User", "root"),
            ("X-Real-IP", "10.9.9.9"),
            ("Via", "1.1 evil"),
            ("Cfos-User", "root"),
            ("cFOS-rOLE", "admin"),
            ("Cfos-Cloud", "https://evil"),
            ("Cfos-Error", "refused"),
            ("Cfos-Anything", "1"),
            ("Connection", "X-Secret, close, Keep-Alive"),
            ("X-Secret", "for this hop alone"),
            ("Keep-Alive", "timeout=5"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Proxy-Authorization", "Basic eA=="),
            ("Proxy-Connection", "keep-alive"),
            ("Upgrade", "websocket"),
            ("HTTP2-Settings", "AAMAAABk"),
        ]
        self.assertEqual(self.lines(self.admin, *made_up), honest)
        for field in made_up:
            if field[0] != "X-Secret":
                self.assertEqual(self.lines(self.admin, field), honest, field)

    def test_names_in_disguise_are_refused(self) -> None:
        for name in ("Cfos_User", "Content_Length", "Transfer_Encoding"):
            answer = self.admin.get("/headers", (name, "1"))
            self.assertEqual(answer.status, 400, name)

    def test_other_origins_and_pages_are_passed_on_as_they_are(self) -> None:
        public = self.admin.origin
        for name, value in (
            ("Referer", f"{public}0/x"),
            ("Referer", public.replace("https", "http") + "/x"),
            ("Referer", f"https://elsewhere/?u={public}/"),
            ("X-Url", f"{public}/x"),
        ):
            self.assertIn(f"{name}: {value}", self.lines(self.admin, (name, value)))

    def test_only_the_devices_cookies_get_there(self) -> None:
        client = self.server.client()
        token = self.admin.cookies["__Host-cfos"]
        client.cookies = {
            "a": "1",
            "__Host-cfos": token,
            "__Host-cfos-known": "x",
            "b": "2=3",
            "cfos": "y",
            "CFOS-more": "z",
            "my_cfos": "4",
        }
        lines = self.lines(client)
        self.assertEqual(
            [line for line in lines if line.lower().startswith("cookie")],
            ["Cookie: a=1; b=2=3; my_cfos=4"],
        )
        self.assertNotIn(token, "\n".join(lines))

    def test_without_cookies_of_the_device_there_is_no_such_header(self) -> None:
        self.assertNotIn("\ncookie", "\n".join(self.lines(self.admin)).lower())

    def test_what_comes_several_times_stays_so(self) -> None:
        lines = self.lines(self.admin, ("X-Many", "1"), ("x-many", "2, 3"))
        self.assertEqual(
            [line for line in lines if "many" in line.lower()],
            ["X-Many: 1", "x-many: 2, 3"],
        )

    def test_an_empty_post_says_that_it_is_empty(self) -> None:
        answer = self.admin.request("POST", "/headers")
        self.assertIn(b"\r\nContent-Length: 0\r\n", answer.body)
        self.assertNotIn(b"Content-Length", self.admin.get("/headers").body)


class FromTheDeviceTests(EndToEndTestCase):
    def answer_with(self, *lines: str, body: bytes = b"") -> Answer:
        """The browser's view of a response with these lines."""

        def route(request: Request) -> None:
            request.respond("200 Fine", *lines, body=body)

        return self.admin.get(self.route(route))

    def test_the_devices_own_addresses_become_public_ones(self) -> None:
        own, public = self.target.url, self.admin.origin
        authority = self.target.authority
        for name in ("Location", "Content-Location"):
            for before, after in (
                (f"{own}/x?y=1", f"{public}/x?y=1"),
                (own, public),
                (f"//{authority}/x", f"//{self.admin.authority}/x"),
                ("/x", "/x"),
                ("x?u=" + own, "x?u=" + own),
                (f"{own}0/x", f"{own}0/x"),
                (f"https://{authority}/x", f"https://{authority}/x"),
                ("https://elsewhere.example/", "https://elsewhere.example/"),
            ):
                answer = self.answer_with(f"{name}: {before}")
                self.assertEqual(answer.field(name), after)

    def test_so_they_do_in_a_refresh(self) -> None:
        own, public = self.target.url, self.admin.origin
        for before, after in (
            (f"5; url={own}/x", f"5; url={public}/x"),
            (f"0;URL='{own}/x'", f"0;URL='{public}/x'"),
            ("3", "3"),
            ("0; url=/x", "0; url=/x"),
            ("0; url=http://elsewhere/", "0; url=http://elsewhere/"),
        ):
            answer = self.answer_with(f"Refresh: {before}")
            self.assertEqual(answer.field("Refresh"), after)

    def test_cookies_lose_their_domain_and_never_have_a_name_of_ours(self) -> None:
        answer = self.answer_with(
            "Set-Cookie: a=1; Domain=10.0.0.1; Path=/ui; HttpOnly",
            "Set-Cookie: b=domain; path=/; DOMAIN=.local",
            "Set-Cookie: c=3",
            "Set-Cookie: cfos=stolen; Path=/",
            "Set-Cookie: __Host-cfos=stolen; Path=/; Secure",
            "Set-Cookie: __host-CFOS-csrf=stolen",
            "Set-Cookie: =cfos=stolen",
            "set-cookie: d=4",
        )
        self.assertEqual(
            answer.all("Set-Cookie"),
            ["a=1; Path=/ui; HttpOnly", "b=domain; path=/", "c=3", "d=4"],
        )

    def test_what_would_bind_the_whole_origin_or_this_hop_is_taken_out(self) -> None:
        lines = (
            "Strict-Transport-Security: max-age=1",
            'Alt-Svc: h3=":443"',
            "Service-Worker-Allowed: /",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "Trailer: X",
            "Upgrade: h2c",
            "Cfos-User: root",
        )
        answer = self.answer_with(*lines, "X-Kept: 1")
        self.assertEqual(answer.fields, [("X-Kept", "1"), ("Content-Length", "0")])

    def test_everything_else_passes_status_reason_and_body_included(self) -> None:
        body = f'<a href="{self.target.url}/x">'.encode()
        lines = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("ETag", 'W/"1"'),
            ("Vary", "Accept"),
            ("X-Many", "1"),
            ("X-Many", "2"),
            ("WWW-Authenticate", 'Basic realm="device"'),
            ("Server", "cFos HTTP"),
            ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("X-Url", f"{self.target.url}/x"),
        ]
        answer = self.answer_with(*(f"{n}: {v}" for n, v in lines), body=body)
        self.assertEqual((answer.status, answer.reason), (200, "Fine"))
        self.assertEqual(answer.body, body)
        self.assertEqual(answer.fields, [*lines, ("Content-Length", str(len(body)))])

    def test_the_devices_own_errors_pass(self) -> None:
        for status in ("401 Unauthorized", "404 Gone Fishing", "500 Oops", "503 Busy"):

            def route(request: Request, status: str = status) -> None:
                request.respond(status, body=b"the device's own words")

            answer = self.admin.get(self.route(route))
            self.assertEqual(f"{answer.status} {answer.reason}", status)
            self.assertEqual(answer.body, b"the device's own words")
