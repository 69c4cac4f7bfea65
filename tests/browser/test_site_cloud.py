"""People use the charging site's pages through the cloud that it is connected to."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any

from tests.browser.site_case import SiteTestCase
from tests.end_to_end.processes import wait_until

MIB = 1024 * 1024


class ThroughCloudTests(SiteTestCase):
    def test_the_admin_sees_it_live_and_goes_back_by_cloud_login(self) -> None:
        site, cloud_id = self.make_connected_site()
        local = self.open_site(site)
        self.assertNotIn("Cloud Login", self.tabs(local))
        self.expect(local, "#way", "local network")

        page = self.log_in_through_cloud(cloud_id, site.admin_password, as_admin=True)
        self.assertEqual(
            self.tabs(page),
            [
                *("Overview", "Sessions", "Users", "Settings", "Firmware"),
                *("Access keys", "Cloud Login"),
            ],
        )
        self.expect(page, "#who", "admin")
        self.expect(page, "#way", "through the cloud")
        self.expect_live(page)
        before = page.locator(".readout-time").inner_text()
        self.until_time_passes(page, before)
        page.get_by_role("button", name="Pause charging").first.click()
        self.expect(page, "[data-wallbox=E1] .chip", "Paused")
        self.assertFalse(site.wallbox("E1")["enabled"])
        # What one does through the cloud shows at the site, too.
        self.expect(local, "[data-wallbox=E1] .chip", "Paused")
        self.inspect(page, "cloud-index")
        page.get_by_role("link", name="Cloud Login").click()
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")
        page.get_by_role("link", name="Back to").click()
        self.expect_live(page)
        self.assertEqual(self.complaints, [])

    def test_a_user_sees_only_their_own_wallbox(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(cloud_id, site.user_id, as_admin=False)
        self.assertEqual(self.tabs(page), ["Overview", "Sessions", "Cloud Login"])
        self.expect_live(page)
        self.assertEqual(page.locator("[data-wallbox]").count(), 1)
        page.goto(f"{self.server.url}/ui/en/sessions.htm")
        self.assertEqual(
            set(page.locator("#sessions tbody td:nth-child(3)").all_inner_texts()),
            {"Garage"},
        )
        self.assertEqual(self.complaints, [])
        answer = page.goto(f"{self.server.url}/ui/en/users.htm")
        self.assertEqual(answer.status, 403)

    def test_a_silent_site_is_said_to_be_lost_until_it_is_back(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(cloud_id, site.admin_password, as_admin=True)
        self.expect_live(page)
        site.freeze()
        self.addCleanup(site.thaw)
        self.expect(page, "#live", re.compile(r"Reconnecting since \d\d:\d\d:\d\d"))
        site.thaw()
        self.expect_live(page)

    def test_it_is_live_again_by_itself_after_the_tunnel_was_cut(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(cloud_id, site.admin_password, as_admin=True)
        self.expect_live(page)
        # The time without a tunnel may be shorter than that between two looks.
        page.evaluate(
            """() => {
              window.said = []
              new MutationObserver(() => window.said.push(live.dataset.kind))
                .observe(live, {attributes: true})
            }"""
        )
        self.server.ask("POST", f"/systems/{cloud_id}/disconnect")
        self.until(page, "() => window.said[0] === 'lost'")
        self.until(page, "() => window.said.at(-1) === 'live'")

    def test_a_file_is_uploaded_with_progress_and_a_list_downloaded(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(cloud_id, site.admin_password, as_admin=True)
        page.get_by_role("link", name="Firmware").click()
        data = os.urandom(24 * MIB)
        path = self.directory / "firmware.bin"
        path.write_bytes(data)
        page.locator("#file").set_input_files(path)
        # What the bar was at, each time that it changed.
        page.evaluate(
            """() => {
              window.seen = []
              new MutationObserver(() => window.seen.push(bar.value))
                .observe(bar, {attributes: true})
            }"""
        )
        self.slow_down(page, 8 * MIB)
        page.locator("#send").click()
        self.expect(page, "#result-sum", hashlib.sha256(data).hexdigest())
        seen = page.evaluate("window.seen")
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len([at for at in seen if 0 < at < 1]), 2)

        page.get_by_role("link", name="Sessions").click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download as CSV").click()
        self.assertEqual(waiting.value.suggested_filename, "charging-sessions.csv")
        self.assertEqual(self.complaints, [])

    def test_it_works_in_other_languages_and_without_javascript(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(
            cloud_id,
            site.admin_password,
            as_admin=True,
            java_script_enabled=False,
            locale="de-DE",
        )
        self.assertEqual(self.path(page), "/ui/de/index.htm")
        self.assertEqual(self.tabs(page)[-1], "Cloud-Login")
        page.get_by_role("button", name="Laden pausieren").first.click()
        self.expect(page, "#done", "Die Wallbox ist eingestellt.")
        self.assertFalse(site.wallbox("E1")["enabled"])
        page.get_by_role("link", name="Português").click()
        self.expect(page, "h1", "Visão geral")


class CloudServiceTests(SiteTestCase):
    """The settings drive the real device end, and say what it really does."""

    def fill(self, page: Any, server: str, cloud_id: str, password: str) -> None:
        page.locator("#server").fill(server)
        page.locator("#cloud_id").fill(cloud_id)
        page.locator("#password").fill(password)
        page.locator("#cloud button").click()

    def test_it_is_connected_seen_so_and_disconnected(self) -> None:
        site = self.make_charging_site()
        cloud_id, password = self.new_system()
        page = self.open_site(site, "settings")
        self.expect(page, "#cloud-state .chip", "Switched off")
        page.locator("#enabled").check()
        self.fill(page, self.server.url, cloud_id, password)
        self.expect(page, "#cloud .outcome", re.compile("have been saved"))
        self.expect(page, "#cloud-state .chip", "Connected")
        self.expect(page, "[data-value=since]", re.compile(r"Since .*\d\d:\d\d"))
        self.expect(page, "[data-value=server]", self.server.url)
        self.assertTrue(self.server.is_online(cloud_id))
        link = page.locator("[data-value=login-url]").get_attribute("href")
        self.assertEqual(link, self.server.url)
        self.assertEqual(page.locator("#password").input_value(), "")
        self.expect(page, "#password-hint", re.compile("One is stored"))
        self.inspect(page, "settings-connected")

        self.server.ask("PATCH", f"/systems/{cloud_id}", {"enabled": False})
        self.expect(page, "#cloud-state .chip", "Refused by the server")
        self.expect(page, "[data-value=cause]", re.compile("operator has disabled"))
        self.inspect(page, "settings-refused")
        self.server.ask("PATCH", f"/systems/{cloud_id}", {"enabled": True})

        page.locator("#enabled").uncheck()
        page.locator("#cloud button").click()
        self.expect(page, "#cloud-state .chip", "Switched off")
        page.locator("#enabled").check()
        page.locator("#cloud button").click()
        self.expect(page, "#cloud-state .chip", "Connected")
        page.locator("#enabled").uncheck()
        page.locator("#cloud button").click()
        self.expect(page, "#cloud-state .chip", "Switched off")
        wait_until(lambda: not self.server.is_online(cloud_id), "it is offline")
        self.assertEqual(self.complaints, [])

    def test_a_wrong_password_is_said_in_plain_words(self) -> None:
        site = self.make_charging_site()
        cloud_id, _ = self.new_system()
        page = self.open_site(site, "settings")
        page.locator("#enabled").check()
        self.fill(page, self.server.url, cloud_id, "not the right password")
        self.expect(page, "#cloud-state .chip", "Refused by the server")
        self.expect(
            page,
            "[data-value=cause]",
            "The server does not know this Cloud ID with this system password. "
            "Please check both.",
        )
        self.expect(page, "[data-value=retry]", re.compile(r"Next try at \d\d:\d\d"))

    def test_who_would_cut_their_own_connection_is_warned_and_told(self) -> None:
        site, cloud_id = self.make_connected_site()
        page = self.log_in_through_cloud(cloud_id, site.admin_password, as_admin=True)
        page.get_by_role("link", name="Settings").click()
        self.expect(page, "#cloud-state .chip", "Connected")
        self.expect(page, "#through-cloud", re.compile("through this cloud right now"))
        # The script of the page asks; without it, there is no question.
        page.wait_for_load_state()
        page.locator("#enabled").uncheck()
        page.locator("#cloud button").click()
        self.expect(page, "#cut-title", "Cut your own connection?")
        self.inspect(page, "settings-cut")
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_timeout(500)
        self.assertTrue(self.server.is_online(cloud_id))
        page.locator("#cloud button").click()
        page.get_by_role("button", name="Change it anyway").click()
        self.expect(page, "#cloud .outcome", re.compile("your own connection with it"))
        wait_until(lambda: not self.server.is_online(cloud_id), "it is offline")
        self.assertEqual(site.ask("/api/site/cloud")["state"], "off")
        local = self.open_site(site, "settings")
        self.expect(local, "#cloud-state .chip", "Switched off")
        self.assertFalse(local.locator("#enabled").is_checked())
