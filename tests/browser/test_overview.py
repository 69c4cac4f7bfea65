"""The overview of a site's devices in Chromium, in every language, wide and narrow."""

from __future__ import annotations

from tests.browser.charging_site import ADMIN_PASSWORD
from tests.browser.site_case import SiteTestCase

TITLES = {
    "en": "Devices of this site",
    "de": "Geräte dieser Anlage",
    "pt": "Dispositivos desta instalação",
}


class OverviewTests(SiteTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.charging_site, self.system = self.make_connected_site()

    def test_it_is_fit_for_people_online_and_offline(self) -> None:
        for language, title in TITLES.items():
            page = self.log_in_through_cloud(
                self.system, ADMIN_PASSWORD, as_admin=True, locale=language
            )
            page.goto(f"{self.server.url}/ui/{language}/cloud-login.htm")
            page.locator('main a[href="/cloud/"]').click()
            self.expect(page, "h1", title)
            self.assertEqual(page.locator(".device").count(), 2)
            self.inspect(page, f"overview-{language}")
        self.charging_site.close()
        page.reload()
        self.expect(page, ".device:first-child .badge", "Offline")
        self.assertEqual(page.locator(".device .button").count(), 0)
        self.inspect(page, "overview-offline")
        self.assertEqual(self.complaints, [])
