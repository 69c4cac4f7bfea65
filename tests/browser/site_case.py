"""What the tests of the charging site's pages have in common."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any
from urllib.parse import urlsplit

from tests.browser.browser import PATIENCE, BrowserTestCase
from tests.browser.charging_site import ADMIN_PASSWORD, ChargingSite

_numbers = itertools.count(1)


class SiteTestCase(BrowserTestCase):
    """Each test has a site of its own; those that need a cloud share the server."""

    def setUp(self) -> None:
        super().setUp()
        self.complaints: list[str] = []

    def make_charging_site(self, admin_password: str = ADMIN_PASSWORD) -> ChargingSite:
        site = ChargingSite(self.directory, admin_password)
        self.addCleanup(site.close)
        return site

    def make_connected_site(self) -> tuple[ChargingSite, str]:
        """A site, and the Cloud ID by which it is connected to the shared server."""
        site = self.make_charging_site()
        cloud_id, password = self.new_system()
        site.connect(self.server.url, cloud_id, password)
        return site, cloud_id

    def new_system(self) -> tuple[str, str]:
        """Cloud ID and Cloud password of a system that the server has just got."""
        cloud_id = f"Charging-{next(_numbers)}"
        return cloud_id, self.server.add_system(cloud_id)

    # people

    def open_site(
        self,
        site: ChargingSite,
        name: str = "index",
        *,
        language: str = "en",
        user_id: str | None = None,
        **options: Any,
    ) -> Any:
        """A page of the site on its local network, for the admin or for a user."""
        credentials = site.credentials
        if user_id is not None:
            credentials = site.credentials_of(user_id)
        page = self.open_page(http_credentials=credentials, **options)
        self.listen_to(page)
        page.goto(f"{site.url}/ui/{language}/{name}.htm")
        return page

    def log_in_through_cloud(
        self, cloud_id: str, secret: str, *, as_admin: bool, **options: Any
    ) -> Any:
        """The first page of the site, through the cloud."""
        page = self.open_page(**options)
        page.goto(f"{self.server.url}/")
        page.locator("#cloud_id").fill(cloud_id)
        page.locator("#admin").set_checked(as_admin)
        page.locator("#cloud_user_id").fill(secret)
        page.locator(".login-form button[type=submit]").click()
        page.wait_for_url(re.compile(r"/ui/[a-z]+/index\.htm$"), timeout=PATIENCE)
        self.listen_to(page)
        return page

    def listen_to(self, page: Any) -> None:
        """Collect what the browser and the page's scripts complain of."""

        def heard(said: Any) -> None:
            if said.type in ("error", "warning"):
                self.complaints.append(said.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def slow_down(self, page: Any, bytes_a_second: int) -> None:
        """How fast the page can send."""
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": 0,
                "downloadThroughput": -1,
                "uploadThroughput": bytes_a_second,
            },
        )

    # what they see

    def expect(self, page: Any, selector: str, text: str | re.Pattern[str]) -> None:
        """Wait until the one visible element that ``selector`` finds has the text."""
        from playwright.sync_api import expect

        found = page.locator(selector).locator("visible=true")
        expect(found).to_have_text(text, timeout=PATIENCE, use_inner_text=True)

    def until(self, page: Any, script: str, argument: object = None) -> None:
        """Wait until it is true; the pages' policy lets no page wait for a script."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not page.evaluate(script, argument):
            if time.monotonic() > deadline:
                raise AssertionError(f"not true within {PATIENCE} ms: {script}")
            page.wait_for_timeout(50)

    def until_time_passes(self, page: Any, before: str) -> None:
        """Wait until the plot's values are of another moment."""
        self.until(
            page,
            "(before) => document.querySelector('.readout-time').innerText !== before",
            before,
        )

    def expect_live(self, page: Any) -> None:
        self.expect(page, "#live", "Live")

    def path(self, page: Any) -> str:
        return urlsplit(str(page.url)).path

    def tabs(self, page: Any) -> list[str]:
        """What the menu has."""
        texts: list[str] = page.locator(".menu a").all_inner_texts()
        return [text.strip() for text in texts]

    def take_picture(self, page: Any, name: str) -> None:
        # As high as the page: bars that stick to an edge would cover its middle.
        size = page.viewport_size
        high = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({**size, "height": max(high, size["height"])})
        super().take_picture(page, f"site-{name}")
        page.set_viewport_size(size)
