"""People watch the charging site, and are let in or not; on its local network."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from tests.browser.site_case import SiteTestCase
from tests.end_to_end.processes import wait_until

PAGES = ("index", "sessions", "users", "settings", "firmware")


class OverviewTests(SiteTestCase):
    def test_values_are_those_that_the_site_sends_each_second(self) -> None:
        site = self.make_charging_site()
        page = self.open_page(http_credentials=site.credentials)
        self.listen_to(page)
        messages: list[str] = []
        page.on(
            "websocket",
            lambda socket: socket.on(
                "framereceived", lambda text: messages.append(text)
            ),
        )
        page.goto(f"{site.url}/")
        self.assertEqual(self.path(page), "/ui/en/index.htm")
        self.expect_live(page)
        first = page.locator(".readout-time").inner_text()
        self.until_time_passes(page, first)
        page.wait_for_timeout(2_000)
        self.assertGreaterEqual(len(messages), 3)
        state = site.ask("/api/site/state")
        shown = page.locator("[data-value=import]").inner_text().replace(",", "")
        self.assertLess(abs(float(shown) - state["meter"]["import_wh"] / 1000), 0.2)
        garage = page.locator("[data-wallbox=E1]")
        self.assertEqual(garage.locator(".chip").inner_text(), "Charging")
        self.assertGreater(float(garage.locator(".big .value").inner_text()), 1)
        self.assertEqual(self.complaints, [])

    def test_charging_is_paused_resumed_and_limited(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site)
        self.expect_live(page)
        garage = "[data-wallbox=E1]"
        page.get_by_role("button", name="Pause charging").first.click()
        self.expect(page, f"{garage} .chip", "Paused")
        self.expect(page, f"{garage} .big .value", "0.00")
        self.assertFalse(site.wallbox("E1")["enabled"])
        page.get_by_role("button", name="Resume charging").click()
        self.expect(page, f"{garage} .chip", "Charging")

        slide = page.get_by_role("slider", name="Current limit of Garage")
        slide.focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        wait_until(lambda: site.wallbox("E1")["current_limit_a"] == 13, "13 A")
        number = page.locator("#limit-E1")
        self.assertEqual(number.input_value(), "13")
        number.fill("99")
        number.press("Tab")
        self.expect(
            page, f"{garage} .problem", "The wallbox can't keep this current limit."
        )
        number.fill("7")
        number.press("Enter")
        wait_until(lambda: site.wallbox("E1")["current_limit_a"] == 7, "7 A")
        self.assertEqual(slide.input_value(), "7")
        self.assertEqual(self.complaints, [])

    def test_a_site_that_falls_silent_is_said_to_be_lost_until_it_is_back(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site)
        self.expect_live(page)
        site.freeze()
        self.addCleanup(site.thaw)
        self.expect(page, "#live", re.compile(r"Reconnecting since \d\d:\d\d:\d\d"))
        self.expect(page, "#stale", re.compile(r"Values as of \d\d:\d\d:\d\d"))
        page.set_viewport_size({"width": 360, "height": 800})
        self.take_pictures(page, "lost")
        site.thaw()
        self.expect_live(page)
        self.assertFalse(page.locator("#stale").is_visible())

    def test_where_websockets_do_not_get_through_the_page_asks(self) -> None:
        site = self.make_charging_site()
        page = self.open_page(http_credentials=site.credentials)
        page.route_web_socket(
            re.compile("/api/site/live"), lambda socket: socket.close()
        )
        page.goto(f"{site.url}/ui/en/index.htm")
        self.expect(page, "#live", "Updated every few seconds")
        before = page.locator(".readout-time").inner_text()
        self.until_time_passes(page, before)

    def test_the_plot_is_read_by_pointer_and_by_keys(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site)
        self.expect_live(page)
        plot = page.get_by_role("slider", name=re.compile("Power over time"))
        self.expect(page, ".readout-time", re.compile("Now, "))
        plot.hover()
        self.expect(page, ".readout-time", re.compile(r"^\d\d:\d\d:\d\d$"))
        page.mouse.move(0, 0)
        self.expect(page, ".readout-time", re.compile("Now, "))
        plot.focus()
        page.keyboard.press("PageDown")
        self.expect(page, ".readout-time", re.compile(r"^\d\d:\d\d:\d\d$"))
        spoken = plot.get_attribute("aria-valuetext")
        self.assertRegex(spoken, r"\d: Grid -?[\d.]+ kW, Garage [\d.]+ kW, Driveway")
        page.keyboard.press("Escape")
        self.expect(page, ".readout-time", re.compile("Now, "))

        self.assertGreater(self._span(page), 50)
        page.get_by_label("10 min").check()
        wait_until(lambda: self._span(page) <= 10, "ten minutes are shown")
        page.get_by_label("24 h").check()
        wait_until(lambda: self._span(page) > 20 * 60, "a day is shown")
        self.assertEqual(self.complaints, [])

    def _span(self, page: Any) -> float:
        """Minutes between the first and the last moment of the plot's table."""
        page.locator("#numbers").evaluate("each => { each.open = true }")
        cells = page.locator("#numbers tbody th").all_inner_texts()
        last, first = (
            int(hours) * 60 + int(minutes)
            for hours, minutes in (cells[at].split(":") for at in (0, -1))
        )
        return (last - first) % (24 * 60) or 24 * 60


class PeopleTests(SiteTestCase):
    def test_nobody_sees_anything_without_a_password(self) -> None:
        site = self.make_charging_site()
        page = self.open_page()
        for name in PAGES:
            answer = page.request.get(f"{site.url}/ui/en/{name}.htm")
            self.assertEqual(answer.status, 401)
            self.assertNotIn("Garage", answer.text())
        self.assertEqual(
            page.request.get(f"{site.url}/ui/assets/style.css").status, 200
        )

    def test_a_user_is_added_sees_their_own_wallbox_and_is_removed(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "users")
        page.locator("#add button").click()
        self.expect(page, "#name-problem", "Please enter a name.")
        self.assertEqual(page.evaluate("document.activeElement.id"), "name")
        page.locator("#name").fill("Clara")
        page.locator("#wallbox").select_option("E2")
        page.locator("#add button").click()
        self.expect(page, "#created-id", re.compile(r"^\d{10,12}$"))
        user_id = page.locator("#created-id").inner_text()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("[data-copy=created-id]").click()
        self.expect(page, "[data-copy=created-id]", "Copied")
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), user_id)
        self.inspect(page, "users-added")
        self.complaints.clear()  # the empty name's 422, which the console tells
        page.reload()
        self.assertFalse(page.locator("#created").is_visible())
        self.assertNotIn(user_id, page.content())

        theirs = self.open_site(site, user_id=user_id)
        self.expect_live(theirs)
        self.assertEqual(self.tabs(theirs), ["Overview", "Sessions"])
        self.assertEqual(theirs.locator("#who").inner_text(), "Clara")
        self.assertEqual(theirs.locator("[data-wallbox]").count(), 1)
        self.assertEqual(theirs.locator("[data-wallbox=E2]").count(), 1)
        self.assertEqual(theirs.locator(".meter").count(), 0)
        self.inspect(theirs, "user")
        self.assertEqual(self.complaints, [])
        answer = theirs.goto(f"{site.url}/ui/en/settings.htm")
        self.assertEqual(answer.status, 403)
        self.expect(theirs, "h1", "Not for you")
        self.inspect(theirs, "forbidden")

        page.get_by_role("combobox", name="Wallbox of Clara").select_option("E1")
        self.expect(page, "#list-outcome", "Saved.")
        state = site.ask("/api/site/state", user_id=user_id)
        self.assertEqual([box["id"] for box in state["wallboxes"]], ["E1"])
        page.get_by_role("button", name="Remove Clara").click()
        self.inspect(page, "users-remove")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Remove Clara").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        self.expect(page, "#list-outcome", re.compile("has been removed"))
        site.ask("/api/site/state", user_id=user_id, expect=401)

    def test_sessions_are_listed_and_downloaded(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site, "sessions")
        rows = page.locator("#sessions tbody tr")
        self.assertEqual(rows.count(), len(site.ask("/api/site/sessions")["items"]))
        self.assertIn("in progress", rows.first.inner_text())
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download as CSV").click()
        download = waiting.value
        self.assertEqual(download.suggested_filename, "charging-sessions.csv")
        text = Path(download.path()).read_text("utf-8")
        lines = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(len(lines), rows.count())
        self.assertLessEqual({"wallbox", "user", "energy_wh"}, set(lines[0]))
        self.assertEqual(self.complaints, [])

    def test_languages_are_a_link_away_on_every_page(self) -> None:
        site = self.make_charging_site()
        page = self.open_page(http_credentials=site.credentials, locale="de-DE")
        self.listen_to(page)
        page.goto(f"{site.url}/")
        self.assertEqual(self.path(page), "/ui/de/index.htm")
        self.expect(page, "h1", "Übersicht")
        for name in PAGES:
            page.goto(f"{site.url}/ui/de/{name}.htm")
            page.get_by_role("link", name="Português").click()
            self.assertEqual(self.path(page), f"/ui/pt/{name}.htm")
            self.assertEqual(page.locator("html").get_attribute("lang"), "pt")
            page.get_by_role("link", name="English").click()
            self.assertEqual(self.path(page), f"/ui/en/{name}.htm")
        page.goto(f"{site.url}/ui/pt/index.htm")
        self.expect(page, "#live", "Em direto")
        self.expect(page, "[data-wallbox=E1] .chip", "A carregar")
        self.assertEqual(self.complaints, [])

    def test_every_page_is_fit_for_people_of_all_kinds(self) -> None:
        site = self.make_charging_site()
        for language in ("en", "de", "pt"):
            for name in PAGES:
                page = self.open_site(site, name, language=language)
                if name == "index":
                    page.locator("#live[data-kind=live]").wait_for()
                    page.locator(".plot path").first.wait_for(state="attached")
                # The same page in other words: only the room that they need differs.
                look = self.inspect if language == "en" else self.take_pictures
                look(page, f"{name}-{language}")
                page.context.close()
        self.assertEqual(self.complaints, [])
