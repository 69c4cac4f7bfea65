"""What each address answers, with a session and without."""

from __future__ import annotations

import json

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN

HTML = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
JSON = ("Accept", "application/json")


class WithoutSessionTests(EndToEndTestCase):
    def test_the_root_leads_to_the_log_in_in_the_browsers_language(self) -> None:
        client = self.server.client()
        for wanted, language in (
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("pt-BR", "pt"),
            ("en-GB,de;q=0.5", "en"),
            ("fr", "en"),
            (None, "en"),
        ):
            fields = [HTML] if wanted is None else [HTML, ("Accept-Language", wanted)]
            answer = client.get("/", *fields)
            self.assertEqual(answer.status, 303)
            location = f"/ui/{language}/cloud-login.htm"
            self.assertEqual(answer.field("Location"), location)
            page = client.get(location)
            self.assertEqual(page.status, 200)
            self.assertIn(f'<html lang="{language}">'.encode(), page.body)

    def test_pages_lead_to_the_log_in_and_anything_else_is_refused(self) -> None:
        client = self.server.client()
        before = len(self.target.requests)
        for method, path, accept, status in (
            ("GET", "/ui/en/sim.htm", HTML, 303),
            ("HEAD", "/ui/en/sim.htm", HTML, 303),
            ("GET", "/cnf?cmd=get_dev_info", HTML, 303),
            ("GET", "/cnf?cmd=get_dev_info", JSON, 401),
            ("GET", "/x.png", ("Accept", "image/*"), 401),
            ("POST", "/ui/en/sim.htm", HTML, 401),
            ("DELETE", "/x", HTML, 401),
            ("GET", "/ui/english/cloud-login.htm", JSON, 401),
        ):
            with_path = (method, path, accept)
            answer = client.request(method, path, fields=[accept])
            self.assertEqual(answer.status, status, with_path)
            self.assertEqual(answer.all("WWW-Authenticate"), [], with_path)
            if status == 303:
                self.assertEqual(answer.field("Location"), LOGIN, with_path)
        self.assertEqual(len(self.target.requests), before)

    def test_the_json_interface_is_refused_without_a_body(self) -> None:
        client = self.server.client()
        for fields in ([HTML], [JSON], [("Authorization", "Bearer a.b.c")]):
            answer = client.get("/api/json/systems", *fields)
            self.assertEqual((answer.status, answer.body), (401, b""))

    def test_a_token_that_is_no_session_is_none(self) -> None:
        client = self.server.client()
        client.cookies = {"__Host-cfos": "A" * 43}
        self.assertEqual(client.get("/", HTML).status, 303)

    def test_nothing_is_to_be_indexed(self) -> None:
        answer = self.server.client().get("/robots.txt")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"Disallow: /", answer.body)

    def test_the_health_is_told_to_everybody(self) -> None:
        answer = self.server.client(tls=False).get("/cloud/health")
        self.assertEqual(answer.status, 200)
        self.assertEqual(json.loads(answer.body)["status"], "ok")

    def test_devices_are_offered_both_ways_to_prove_themselves(self) -> None:
        fields = [("Connection", "Upgrade"), ("Upgrade", "cfos-tunnel/1")]
        answer = self.server.client().get("/cloud/tunnel", *fields)
        self.assertEqual(answer.status, 401)
        offered = [v.split(" ")[0] for v in answer.all("WWW-Authenticate")]
        self.assertEqual(offered, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])

    def test_the_operator_api_asks_no_browser_for_a_password(self) -> None:
        client = self.server.client()
        answer = client.get("/cloud/api/v1/systems")
        self.assertEqual(answer.status, 401)
        self.assertFalse([v for v in answer.all("WWW-Authenticate") if "Basic" in v])
        self.assertEqual(answer.field("Content-Type"), "application/problem+json")

    def test_our_pages_bring_what_they_need_and_nothing_from_elsewhere(self) -> None:
        client = self.server.client()
        page = client.get(LOGIN)
        policy = page.field("Content-Security-Policy") or ""
        self.assertIn("frame-ancestors 'none'", policy)
        for part in page.body.split(b'"'):
            if part.startswith(b"/cloud/assets/"):
                self.assertEqual(client.get(part.decode()).status, 200, part)
        self.assertIn(b'"/cloud/assets/', page.body)
        self.assertNotRegex(page.body, rb"https?://")


class WithSessionTests(EndToEndTestCase):
    def test_everything_that_is_not_ours_is_the_devices(self) -> None:
        for path in (
            "/",
            "/robots.txt",
            "/favicon.ico",
            "/ui/en/sim.htm",
            "/ui/en/cloud-loginx.htm",
            "/ui/eng/cloud-login.htm",
            "/api/json/devices",
            "/cloud",
            "/cloudy/health",
            "/cnf?cmd=get_dev_info&x=%2F..%2F",
            "/a/../b//c?x=[1]|{2}",
        ):
            answer = self.admin.get(path)
            self.assertEqual(answer.status, 200, path)
            line = f"GET {path} HTTP/1.1\r\n".encode()
            self.assertTrue(answer.body.startswith(line), answer.body)

    def test_what_is_ours_stays_ours(self) -> None:
        before = len(self.target.requests)
        for path, status in (
            ("/cloud/health", 200),
            ("/cloud/nothing", 404),
            (LOGIN, 200),
            ("/ui/en/cloud-login.htm?x=/", 200),
        ):
            self.assertEqual(self.admin.get(path).status, status, path)
        self.assertEqual(len(self.target.requests), before)

    def test_every_method_reaches_the_device_but_those_that_would_open_more(
        self,
    ) -> None:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
            answer = self.admin.request(method, "/method")
            self.assertEqual(answer.status, 200, method)
            self.assertTrue(answer.body.startswith(f"{method} /method ".encode()))
        for method in ("TRACE", "CONNECT", "BREW"):
            answer = self.admin.request(method, "/method")
            self.assertIn(answer.status, (400, 405, 501), method)

    def test_a_devices_own_log_in_keeps_its_authorization(self) -> None:
        for value in ("Bearer a.b.c", "Basic YWRtaW46eA=="):
            answer = self.admin.get("/", ("Authorization", value))
            self.assertIn(f"\r\nAuthorization: {value}\r\n".encode(), answer.body)
