"""Devices with hosts of their own: side by side, bookmarked, and strangers."""

from __future__ import annotations

from tests.browser.hosts import HostsTestCase


class PeopleTests(HostsTestCase):
    def test_two_systems_are_open_in_two_tabs_and_end_one_by_one(self) -> None:
        first, second = self.make_furnished("Carport"), self.make_furnished("Depot")
        page = self.open_page()
        other = page.context.new_page()
        self.log_in(page, first)
        self.log_in(other, second)
        for tab, site in ((page, first), (other, second), (page, first)):
            tab.goto(f"{self.url(site)}/")
            self.expect(tab, "#who", "admin (admin)")
            self.expect(tab, "#event", "11 kW")
            self.expect(tab, "#socket", "through the tunnel")
        page.get_by_text("Cloud", exact=True).click()
        self.expect(page, "#session-title", "You are logged in to Site Carport")
        self.inspect(page, "hosts-session")
        page.get_by_role("button", name="Log out").click()
        self.expect_url(page, f"{self.home}/ui/en/cloud-login.htm")
        self.assertEqual(page.locator("#cloud_id").input_value(), "")
        page.goto(f"{self.url(first)}/")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        other.reload()
        self.expect(other, "#who", "admin (admin)")

    def test_a_bookmark_leads_to_its_page_with_its_query(self) -> None:
        site = self.make_furnished("Carport")
        target = "/headers?wallbox=2&from=%C3%A4"
        page = self.open_page()
        page.goto(f"{self.url(site)}{target}")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        self.assertEqual(page.locator("#cloud_id").input_value(), "carport")
        self.inspect(page, "hosts-bookmark")
        self.fill_in(page, None, "wrong")
        page.locator("[data-problem]").wait_for()
        self.fill_in(page, None)
        self.expect_url(page, f"{self.url(site)}{target}")
        [asked] = [each for each in site.target.requests if each.path == "/headers"]
        self.assertEqual(asked.target, target)
        self.assertEqual(asked.field("Sec-Fetch-Site"), "same-origin")

    def test_all_of_it_works_without_javascript(self) -> None:
        site = self.make_furnished("Carport")
        page = self.open_page(java_script_enabled=False)
        page.goto(f"{self.url(site)}/headers?a=b")
        self.fill_in(page, None)
        self.expect_url(page, f"{self.url(site)}/headers?a=b")
        page.goto(f"{self.url(site)}/ui/en/cloud-login.htm")
        page.get_by_role("button", name="Log out").click()
        self.expect_url(page, f"{self.home}/ui/en/cloud-login.htm#logged_out")
        page.goto(f"{self.url(site)}/")
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")

    def test_a_code_that_was_used_says_so_kindly(self) -> None:
        site = self.make_furnished("Carport")
        page = self.open_page()
        page.goto(f"{self.url(site)}/cloud/enter/used")
        self.expect(page, "h1", "Please log in once more")
        self.inspect(page, "hosts-expired")
        page.get_by_role("link", name="To the log-in").click()
        self.assertEqual(page.locator("#cloud_id").input_value(), "carport")

    def test_the_page_of_access_keys_logs_everybody_out_of_its_system(self) -> None:
        first, second = self.make_furnished("Carport"), self.make_furnished("Depot")
        page = self.open_page()
        self.log_in(page, first)
        self.log_in(page, second)
        page.goto(f"{self.url(first)}/ui/en/cloud-keys.htm?ask=end-sessions")
        page.locator("main form button[type=submit]").last.click()
        self.expect_url(page, f"{self.home}/ui/en/cloud-login.htm")
        page.goto(f"{self.url(second)}/")
        self.expect(page, "#who", "admin (admin)")


class LocalhostTests(HostsTestCase):
    domain = "localhost"

    def test_hosts_below_localhost_need_no_dns(self) -> None:
        site = self.make_furnished("Carport")
        page = self.open_page()
        page.goto(f"{self.url(site)}/headers?a=b")
        self.fill_in(page, None)
        self.expect_url(page, f"{self.url(site)}/headers?a=b")
        self.assertIn("/headers?a=b", [each.target for each in site.target.requests])
