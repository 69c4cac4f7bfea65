"""The door of a site in Chromium: its devices, each on a host of its own."""

from __future__ import annotations

from tests.browser.hosts import HostsTestCase
from tests.browser.people import furnish


class SiteDoorTests(HostsTestCase):
    domain = "localhost"

    def test_from_the_overview_to_a_further_device_and_out_again(self) -> None:
        meter = self.make_target()
        furnish(meter)
        site = self.make_site(
            "--end-to-end",
            f"--also=meter={meter.url}",
            server=self.own,
            cloud_id="Carport",
        )
        furnish(site.target)
        main, further = self.url(site), self.url(site).replace("//", "//meter--")
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
