"""Somebody with a browser at a server whose devices have hosts of their own."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tests.browser.browser import PATIENCE, BrowserTestCase
from tests.browser.people import furnish
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import ADMIN_SECRET, Server

#: All below it is one site, in the words of browsers.
DOMAIN = "cloud.test"


class HostsTestCase(BrowserTestCase):
    flags = (
        *(
            flag
            for flag in BrowserTestCase.flags
            if not flag.startswith("--host-resolver-rules")
        ),
        f"--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1, MAP {DOMAIN} 127.0.0.1, "
        "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
        # Else no service worker is taken from a server with its own certificate.
        "--ignore-certificate-errors",
    )

    domain = DOMAIN

    def setUp(self) -> None:
        super().setUp()
        self.own = self.start()
        self.home = f"https://{self.domain}:{self.own.port}"

    def start(self) -> Server:
        """The server of the test."""
        return self.make_server(f"--domain={self.domain}")

    def make_furnished(self, cloud_id: str) -> Site:
        site = self.make_site(server=self.own, cloud_id=cloud_id)
        furnish(site.target)
        return site

    def url(self, site: Site) -> str:
        """Where the device is."""
        return f"https://{site.device.cloud_id.lower()}.{self.domain}:{self.own.port}"

    def fill_in(self, page: Any, cloud_id: str | None, secret: str = "") -> None:
        """Send the log-in form as admin; the Cloud ID may be in it already."""
        if cloud_id is not None:
            page.locator("#cloud_id").fill(cloud_id)
        page.locator("#admin").set_checked(True)
        page.locator("#cloud_user_id").fill(secret or ADMIN_SECRET)
        page.locator(".login-form button[type=submit]").click()

    def log_in(self, page: Any, site: Site) -> None:
        """To the first page of the device."""
        page.goto(f"{self.home}/")
        self.fill_in(page, site.device.cloud_id)
        self.expect_url(page, f"{self.url(site)}/")

    def expect_url(self, page: Any, url: str) -> None:
        page.wait_for_url(lambda now: now == url, timeout=PATIENCE)

    def expect(self, page: Any, selector: str, text: str | re.Pattern[str]) -> None:
        from playwright.sync_api import expect

        expect(page.locator(selector)).to_have_text(text, timeout=PATIENCE)

    def path(self, page: Any) -> str:
        return urlsplit(str(page.url)).path
