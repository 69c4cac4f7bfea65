"""Somebody with a browser, and a small device page that they can reach."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from tests.browser.browser import PATIENCE, BrowserTestCase
from tests.end_to_end.case import Site
from tests.end_to_end.target import Request, Target

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Wallbox</title>
<link rel="stylesheet" href="/device.css"></head>
<body><h1>Wallbox</h1>
<p id="who">%s</p>
<p id="event">-</p><p id="socket">-</p><p id="posted">-</p>
<p><a href="/ui/en/cloud-login.htm">Cloud</a></p>
<form method="post" action="/settings"><button>Save</button></form>
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


def furnish(target: Target) -> None:
    """Give the device its page."""
    target.routes.update({"/": home, "/device.css": style, "/events": events})


def stop_time(page: Any) -> None:
    """From now on, the page's time passes by its ``clock`` only."""
    now = datetime.now(UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))


class PeopleTestCase(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        # The target is shared with other tests, which expect its own pages.
        before = dict(self.target.routes)

        def put_back() -> None:
            self.target.routes.clear()
            self.target.routes.update(before)

        self.addCleanup(put_back)
        furnish(self.target)
        self.origin = self.server.url

    def furnished_site(self, *options: str, **more: Any) -> Site:
        """A site of the test's own that has the page."""
        site = self.make_site(*options, **more)
        furnish(site.target)
        return site

    def log_in(
        self, page: Any, secret: str, *, as_admin: bool, cloud_id: str | None = None
    ) -> None:
        """From the address that somebody has typed, to the answer."""
        page.goto(f"{self.origin}/")
        page.locator("#cloud_id").fill(cloud_id or self.cloud_id)
        page.locator("#admin").set_checked(as_admin)
        page.locator("#cloud_user_id").fill(secret)
        page.locator(".login-form button[type=submit]").click()

    def path(self, page: Any) -> str:
        return urlsplit(str(page.url)).path

    def expect_path(self, page: Any, path: str) -> None:
        """Wait until the page is there."""
        page.wait_for_url(lambda url: urlsplit(url).path == path, timeout=PATIENCE)

    def expect(self, page: Any, selector: str, text: str | re.Pattern[str]) -> None:
        """Wait until the one element that ``selector`` finds has the text."""
        from playwright.sync_api import expect

        expect(page.locator(selector)).to_have_text(text, timeout=PATIENCE)

    def complaints(self, page: Any) -> list[str]:
        """What the page's scripts and the browser complain of, as it comes."""
        found: list[str] = []
        page.on(
            "console",
            lambda said: (
                found.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: found.append(str(error)))
        return found
