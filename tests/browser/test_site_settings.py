"""The charging site's settings and its firmware, on its local network."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from tests.browser.site_case import SiteTestCase

MIB = 1024 * 1024


class SettingsTests(SiteTestCase):
    def test_the_site_has_a_name_and_a_limit(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "settings")
        page.locator("#name").fill("Sun Street 7")
        page.locator("#limit_w").fill("1")
        page.locator("#site button").click()
        self.expect(
            page, "#limit_w-problem", "The site's limit is outside of what is possible."
        )
        self.assertEqual(page.locator("#limit_w").get_attribute("aria-invalid"), "true")
        page.locator("#limit_w").fill("9000")
        page.locator("#site button").click()
        self.expect(page, "#site .outcome", "Saved.")
        page.goto(f"{site.url}/ui/en/index.htm")
        self.expect(page, ".who strong", "Sun Street 7")
        self.expect(page, "[data-value=site-limit]", "9.00")

    def test_the_admin_password_is_changed_and_what_an_empty_one_means_is_said(
        self,
    ) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "settings")
        page.locator("#new").fill("short")
        page.locator("#old").fill(site.admin_password)
        page.locator("#admin-password button").click()
        self.expect(
            page, "#new-problem", "The new password needs at least 8 characters."
        )
        page.locator("#new").fill("long enough")
        page.locator("#old").fill("wrong")
        page.locator("#admin-password button").click()
        self.expect(page, "#old-problem", "That is not the current admin password.")
        page.locator("#new").fill("")
        page.locator("#old").fill(site.admin_password)
        page.locator("#admin-password button").click()
        self.inspect(page, "settings-empty-password")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        self.assertTrue(site.ask("/api/site/cloud")["admin_password_set"])
        page.locator("#admin-password button").click()
        page.get_by_role("button", name="Remove password").click()
        self.expect(page, "#admin-password .outcome", re.compile("no admin password"))
        # From now on nobody is asked, and everybody who comes is told.
        new = self.open_page()
        new.goto(f"{site.url}/ui/en/settings.htm")
        self.expect(
            new, "#no-admin-password", re.compile("every log-in through the cloud")
        )
        self.inspect(new, "settings-no-password")

    def test_the_cloud_id_is_asked_for_once_a_server_is_entered(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "settings")
        serial = site.ask("/api/site/state")["site"]["serial"]
        self.expect(page, "#serial", serial)
        self.assertFalse(page.locator("#cloud_id").is_visible())
        page.locator("#enabled").check()
        page.locator("#cloud button").click()
        self.expect(page, "#server-problem", re.compile("manufacturer's own cloud"))
        page.locator("#server").fill("https://localhost:1")
        self.assertTrue(page.locator("#cloud_id").is_visible())
        self.assertFalse(page.locator("#serial").is_visible())
        page.locator("#cloud button").click()
        self.expect(page, "#cloud_id-problem", re.compile("a Cloud ID is needed"))
        self.inspect(page, "settings-errors")

    def test_a_server_that_is_not_there_is_said_with_the_next_try(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "settings", language="de")
        page.locator("#enabled").check()
        page.locator("#server").fill("https://127.0.0.1:1")
        page.locator("#cloud_id").fill("Nobody")
        page.locator("#password").fill("a password of my own")
        page.locator("#cloud button").click()
        self.expect(page, "#cloud-state .chip", "Keine Verbindung")
        self.expect(
            page, "[data-value=cause]", re.compile("Der Server ist nicht erreichbar")
        )
        self.expect(page, "[data-value=retry]", re.compile(r"Nächster Versuch um \d"))
        self.assertEqual(page.locator("#password").input_value(), "")
        self.assertNotIn("a password of my own", page.content())
        self.inspect(page, "settings-waiting")
        page.reload()
        self.assertNotIn("a password of my own", page.content())
        self.expect(page, "#password-hint", re.compile("Es ist eines gespeichert"))

    def test_a_site_that_falls_silent_is_not_said_to_be_connected(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "settings")
        self.expect(page, "#cloud-state .chip", "Switched off")
        site.freeze()
        self.addCleanup(site.thaw)
        self.expect(
            page,
            "#cloud-state .chip",
            re.compile(r"No word from the site since \d\d:\d\d:\d\d"),
        )
        site.thaw()
        self.expect(page, "#cloud-state .chip", "Switched off")


class FirmwareTests(SiteTestCase):
    def make_file(self, size: int) -> tuple[Path, str]:
        """A file of random bytes, and its SHA-256."""
        path = self.directory / "firmware.bin"
        data = os.urandom(size)
        path.write_bytes(data)
        return path, hashlib.sha256(data).hexdigest()

    def test_an_upload_shows_how_far_it_is_and_ends_with_the_checksum(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "firmware")
        page.locator("#send").click()
        self.expect(page, "#file-problem", "Please choose a file first.")
        path, digest = self.make_file(6 * MIB)
        self.slow_down(page, 2 * MIB)
        page.locator("#file").set_input_files(path)
        page.locator("#send").click()
        self.expect(page, "#stage", "Uploading firmware.bin")
        self.until(page, "() => bar.value > 0.1 && bar.value < 0.9")
        self.assertRegex(
            page.locator("#amount").inner_text(),
            r"\A[\d.]+ [KM]iB of 6\.0 MiB · \d\d?% · [\d.]+ \w+/s\Z",
        )
        self.take_picture(page, "site-upload")
        self.expect(page, "#result-sum", digest)
        self.expect(page, "#result-size", re.compile(r"6\.0 MiB"))
        self.assertFalse(page.locator("#progress").is_visible())
        self.inspect(page, "firmware-result")
        version = page.locator("#result-version").inner_text()
        page.get_by_role("button", name="Restart now").click()
        self.expect(page, "#restart-outcome", re.compile("restarts"))
        self.expect(page, "#restart-outcome", f"It is back, with version {version}.")
        self.expect(page, "#version", version)

    def test_an_upload_can_be_cancelled_and_begun_again(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "firmware")
        path, digest = self.make_file(4 * MIB)
        self.slow_down(page, MIB // 2)
        page.locator("#file").set_input_files(path)
        page.locator("#send").click()
        self.until(page, "() => bar.value > 0")
        page.get_by_role("button", name="Cancel").click()
        self.expect(page, "#outcome", "The upload was cancelled. Nothing was changed.")
        self.slow_down(page, -1)
        page.locator("#send").click()
        self.expect(page, "#result-sum", digest)
        self.assertEqual(self.complaints, [])

    def test_a_connection_that_breaks_is_said(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "firmware")
        path, _ = self.make_file(4 * MIB)
        self.slow_down(page, MIB // 2)
        page.locator("#file").set_input_files(path)
        page.locator("#send").click()
        self.until(page, "() => bar.value > 0")
        site.close()
        self.expect(page, "#outcome", re.compile(r"The connection broke at \d+%\."))
        self.inspect(page, "firmware-broken")
