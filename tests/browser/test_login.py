"""People log in with a real browser, and use their device's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.browser.browser import BrowserTestCase
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID
from tests.end_to_end.target import Request

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Wallbox</title>
<link rel="stylesheet" href="/device.css"></head>
<body><h1>Wallbox</h1>
<p id="who">%s</p>
<p id="event">-</p><p id="socket">-</p><p id="posted">-</p>
<p><a href="/ui/en/cloud-login.htm">Cloud</a></p>
<script>
const show = (id, text) => { document.getElementById(id).textContent = text }
new EventSource("/events").onmessage = event => show("event", event.data)
const scheme = location.protocol === "https:" ? "wss" : "ws"
const socket = new WebSocket(`${scheme}://${location.host}/websocket`)
socket.onopen = () => socket.send("through the tunnel")
socket.onmessage = event => show("socket", event.data)
fetch("/hash", {method: "POST", body: "x".repeat(100000)})
    .then(answer => answer.json()).then(answer => show("posted", answer.length))
</script></body></html>
"""


def home(request: Request) -> None:
    who = f"{request.field('Cfos-User')} ({request.field('Cfos-Role')})"
    request.respond(
        "200 OK",
        "Content-Type: text/html; charset=utf-8",
        "Set-Cookie: device=1; Path=/",
        body=(PAGE % who).encode(),
    )


def style(request: Request) -> None:
    request.respond("200 OK", "Content-Type: text/css", body=b"h1 { color: green }")


def events(request: Request) -> None:
    request.begin("200 OK", "Content-Type: text/event-stream")
    request.send(b"data: 11 kW\n\n")
    request.wait_for_close()


class LoginTests(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        # The target is shared with other tests, which expect its own pages.
        before = dict(self.target.routes)

        def put_back() -> None:
            self.target.routes.clear()
            self.target.routes.update(before)

        self.addCleanup(put_back)
        self.target.routes.update({"/": home, "/device.css": style, "/events": events})
        self.origin = self.server.url

    def log_in(
        self, page: Any, secret: str, *, as_admin: bool, cloud_id: str | None = None
    ) -> None:
        """From the address that somebody has typed, to the answer."""
        page.goto(f"{self.origin}/")
        page.locator("#cloud_id").fill(cloud_id or self.cloud_id)
        page.locator("#admin").set_checked(as_admin)
        page.locator("#cloud_user_id").fill(secret)
        page.locator("form.fields button").click()

    def path(self, page: Any) -> str:
        return urlsplit(str(page.url)).path

    def expect(self, page: Any, selector: str, text: str) -> None:
        from playwright.sync_api import expect

        expect(page.locator(selector)).to_have_text(text, timeout=30_000)

    def test_the_admin_sees_a_living_page_and_logs_out(self) -> None:
        page = self.open_page()
        problems: list[str] = []
        page.on(
            "console",
            lambda said: problems.extend([said.text] if said.type == "error" else []),
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        self.take_pictures(page, "login")
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.assertEqual(self.path(page), "/")
        self.expect(page, "#who", "admin (admin)")
        self.expect(page, "#event", "11 kW")
        self.expect(page, "#socket", "through the tunnel")
        self.expect(page, "#posted", "100000")
        color = page.locator("h1").evaluate("h1 => getComputedStyle(h1).color")
        self.assertEqual(color, "rgb(0, 128, 0)")

        page.get_by_text("Cloud").click()
        self.expect(
            page, "#session-title", f"You are logged in to Site {self.cloud_id}"
        )
        self.take_pictures(page, "session")
        page.get_by_role("link", name="Back to").click()
        self.expect(page, "#who", "admin (admin)")
        page.go_back()
        names = {cookie["name"] for cookie in page.context.cookies()}
        self.assertLessEqual({"__Host-cfos", "device"}, names)
        page.get_by_role("button", name="Log out").click()
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        self.assertEqual(page.locator("#session-title").count(), 0)
        names = {cookie["name"] for cookie in page.context.cookies()}
        self.assertFalse({"__Host-cfos", "device"} & names)
        page.goto(f"{self.origin}/anything")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        self.assertEqual(problems, [])

    def test_a_user_does_so_in_german_and_over_plain_http(self) -> None:
        self.origin = self.origin.replace("https", "http")
        page = self.open_page(locale="de-DE")
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), "/ui/de/cloud-login.htm")
        self.take_pictures(page, "login-de")
        self.log_in(page, USER_ID, as_admin=False)
        self.expect(page, "#who", "guest (user)")
        self.expect(page, "#event", "11 kW")
        self.expect(page, "#socket", "through the tunnel")
        self.expect(page, "#posted", "100000")

    def test_a_wrong_secret_is_said_and_then_the_right_one_works(self) -> None:
        site = self.make_site()
        site.target.routes["/"] = home
        page = self.open_page()
        cloud_id = site.device.cloud_id
        self.log_in(page, "0000000000", as_admin=False, cloud_id=cloud_id)
        page.locator("#problem").wait_for()
        alert = page.get_by_role("alert")
        self.assertIn("That log-in did not work", alert.inner_text())
        self.take_pictures(page, "login-failed")
        self.log_in(page, ADMIN_SECRET, as_admin=True, cloud_id=cloud_id)
        self.expect(page, "#who", "admin (admin)")

    def test_all_of_it_works_without_javascript(self) -> None:
        page = self.open_page(java_script_enabled=False)
        self.log_in(page, USER_ID, as_admin=False)
        self.expect(page, "#who", "guest (user)")
        self.expect(page, "#event", "-")
        page.get_by_text("Cloud").click()
        page.get_by_role("button", name="Log out").click()
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")

    def test_a_link_of_another_site_opens_the_device_but_changes_nothing(self) -> None:
        def elsewhere(request: Request) -> None:
            links = (
                f'<a id="plain" href="{self.origin}/">plain</a>'
                f'<a id="query" href="{self.origin}/cnf?cmd=reset">query</a>'
                f'<form method="post" action="{self.origin}/cnf"><button>go</button>'
                "</form>"
            )
            request.respond("200 OK", "Content-Type: text/html", body=links.encode())

        # Another name is another site, which another port is not.
        foreign = self.make_target()
        foreign.routes["/"] = elsewhere
        url = f"http://localhost:{foreign.port}/"
        page = self.open_page()
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.expect(page, "#who", "admin (admin)")

        before = len(self.target.requests)
        page.goto(url)
        page.locator("#plain").click()
        self.expect(page, "#who", "admin (admin)")
        page.goto(url)
        page.locator("#query").click()
        self.assertIn("Another website", page.locator("main").inner_text())
        self.take_pictures(page, "cross-site")
        page.get_by_role("link", name="To your device").click()
        self.expect(page, "#who", "admin (admin)")
        page.goto(url)
        page.get_by_role("button").click()
        self.assertEqual(page.locator("#who").count(), 0)
        self.assertNotIn("/cnf", self.target.paths()[before:])

    def test_who_comes_while_the_device_is_away_sees_since_when(self) -> None:
        site = self.make_site()
        site.target.routes.update({"/": home, "/device.css": style, "/events": events})
        page = self.open_page()
        cloud_id = site.device.cloud_id
        self.log_in(page, USER_ID, as_admin=False, cloud_id=cloud_id)
        self.expect(page, "#event", "11 kW")
        site.target.close()
        page.reload()
        self.expect(page, "h1", "The device does not answer")
        self.take_pictures(page, "target-down")
        site.device.process.kill()
        page.reload()
        self.expect(page, "h1", "The device is offline")
        self.assertIn("Since", page.locator(".since").inner_text())
        self.take_pictures(page, "offline")
        page.get_by_role("link", name="Try again").click()
        self.expect(page, "h1", "The device is offline")
