"""The door of a site in Chromium: its devices, each on a host of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.browser.curl import try_it
from tests.browser.hosts import HostsTestCase
from tests.browser.people import furnish
from tests.browser.test_keys import WORDS
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import ADMIN_SECRET, DeviceEnd, Server
from tests.end_to_end.target import Target

_DOMAIN = "localhost"


class Carport:
    """
    A server, and one site of it with a further device, for all tests here; they end
    with this process.
    """

    @cached_property
    def directory(self) -> Path:
        directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-carport-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return directory

    @cached_property
    def server(self) -> Server:
        server = Server(self.directory, f"--domain={_DOMAIN}")
        atexit.register(server.close)
        return server

    @cached_property
    def meter(self) -> Target:
        return _furnished()

    @cached_property
    def site(self) -> Site:
        target, password = _furnished(), self.server.add_system("Carport")
        device = DeviceEnd(
            self.server,
            "Carport",
            password,
            target.url,
            self.directory,
            "--end-to-end",
            f"--also=meter={self.meter.url}",
        )
        atexit.register(device.close)
        return Site(device, target)


def _furnished() -> Target:
    target = Target()
    atexit.register(target.close)
    furnish(target)
    return target


_carport = Carport()


class DoorCase(HostsTestCase):
    domain = _DOMAIN

    def setUp(self) -> None:
        super().setUp()
        self.site_here, self.meter = _carport.site, _carport.meter
        self._watched += [self.own, self.site_here.device]
        self._targets += [self.site_here.target, self.meter]
        self.main = self.url(self.site_here)

    def start(self) -> Server:
        return _carport.server


class DeviceTests(DoorCase):
    def test_from_the_overview_to_a_further_device_and_out_again(self) -> None:
        main, meter = self.main, self.meter
        further = main.replace("//", "//meter--")
        page = self.open_page()
        # By a bookmark of the further device, with its query.
        page.goto(f"{further}/headers?from=%C3%A4")
        self.expect(page, "h1", "Log in")
        self.assertTrue(page.url.startswith(f"{main}/ui/en/cloud-login.htm"), page.url)
        self.fill_in(page, None)
        self.expect_url(page, f"{further}/headers?from=%C3%A4")
        [asked] = [each for each in meter.requests if each.path == "/headers"]
        self.assertEqual(asked.field("Sec-Fetch-Site"), "same-origin")
        page.goto(f"{main}/cloud/")
        self.expect(page, "h1", "Devices of this site")
        self.assertEqual(page.locator(".device h2").all_inner_texts()[1], "meter")
        self.inspect(page, "door-overview")
        page.get_by_role("link", name="Open").nth(1).click()
        self.expect_url(page, f"{further}/")
        self.expect(page, "#who", "admin (admin)")
        self.expect(page, "#socket", "through the tunnel")
        page.get_by_text("Cloud", exact=True).click()
        self.expect(page, "#session-title", "You are logged in to Carport")
        self.assertEqual(page.locator("main .primary").inner_text(), "Back to meter")
        self.inspect(page, "door-session")
        page.get_by_role("link", name="Devices of this site").click()
        self.expect_url(page, f"{main}/cloud/")
        # A browser that has lost its cookie there is not sent round and round.
        page.context.clear_cookies(domain=f"meter--carport.{self.domain}")
        page.evaluate("url => location.assign(url)", f"{further}/headers?a=b")
        self.expect(page, "#session-title", "You are logged in to Carport")
        page.goto(f"{main}/")
        self.expect(page, "#who", "admin (admin)")
        page.goto(f"{main}/cloud/open/meter")
        self.expect_url(page, f"{further}/")
        page.goto(f"{further}/ui/en/cloud-login.htm")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(lambda url: url.startswith(f"{main}/ui/en/cloud-login.htm"))
        for url in (main, further):
            page.goto(f"{url}/")
            self.expect(page, "h1", "Log in")


class KeyTests(DoorCase):
    """Made, seen once, authorised, used by the line of the page, revoked."""

    def test_a_key_lives_from_the_page_to_curl_and_no_longer(self) -> None:
        words = WORDS["en"]
        page = self.open_page()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{self.main}/")
        self.fill_in(page, None)
        self.expect(page, "#who", "admin (admin)")
        page.goto(f"{self.main}/cloud/")
        page.get_by_role("link", name="Access keys").click()
        self.expect_url(page, f"{self.main}/ui/en/cloud-keys.htm")
        self.expect(page, "h1", words["title"])

        page.fill("#name", "Home Assistant")
        self.send(page, "add")
        token = page.locator("#new-token").inner_text()
        line = self.copied(page, "new-command")
        self.assertEqual(self.copied(page, "new-token"), token)
        self.assertIn(token, line)
        self.assertIn("--pinnedpubkey", line)
        self.expect(page, "#keys .badge", words["pending"])
        self.assertEqual(try_it(line), (401, ""))
        self.inspect(page, "door-keys-new")

        form = page.locator("form[data-authorise]")
        form.locator("input[name=admin_secret]").fill("wrong")
        form.locator("button[type=submit]").click()
        self.expect(page, "#new-admin_secret-problem", words["wrong"])
        form.locator("input[name=admin_secret]").fill(ADMIN_SECRET)
        form.locator("button[type=submit]").click()
        self.expect(page, "[data-done]", words["works"])
        self.expect(page, "#keys .badge", words["active"])
        self.take_pictures(page, "door-keys-authorised")
        status, body = try_it(line)
        self.assertEqual(status, 200)
        self.assertIn("Cfos-Role: api", body)
        self.assertNotIn(token, body)
        stranger = f"sha256//{'A' * 43}="
        self.assertEqual(try_it(line, "--pinnedpubkey", stranger), (0, ""))

        page.reload()
        self.expect(page, "h1", words["title"])
        self.assertNotIn(token, page.content())
        self.assertIn("127.0.0.1", page.locator("#keys tbody").inner_text())
        page.locator("#keys [data-dialog=revoke]").click()
        dialog = page.get_by_role("dialog")
        self.assertIn("Home Assistant", dialog.inner_text())
        with page.expect_navigation():
            dialog.locator("button[value=revoke]").click()
        self.expect(page, "#said", words["revoked"])
        self.expect(page, "#keys summary", words["ended"])
        self.assertEqual(try_it(line), (401, ""))
        self.take_pictures(page, "door-keys-revoked")

    def send(self, page: Any, action: str) -> None:
        with page.expect_navigation():
            page.locator(f"button[value={action}]:visible").first.click()

    def copied(self, page: Any, what: str) -> str:
        """By the button beside it."""
        page.locator(f"[data-copy={what}]").click()
        self.expect(page, f"[data-copy={what}]", "Copied")
        text: str = page.evaluate("navigator.clipboard.readText()")
        return text
