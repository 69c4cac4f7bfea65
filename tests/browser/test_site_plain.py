"""The charging site without JavaScript, and by the keyboard alone."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.site_case import SiteTestCase


class WithoutScriptTests(SiteTestCase):
    """No JavaScript: everything is shown, and forms that can work do."""

    def open_plain(self, site: Any, name: str = "index", **options: Any) -> Any:
        return self.open_site(site, name, java_script_enabled=False, **options)

    def test_the_overview_has_values_and_its_forms_work(self) -> None:
        site = self.make_charging_site()
        page = self.open_plain(site)
        garage = page.locator("[data-wallbox=E1]")
        self.assertEqual(garage.locator(".chip").inner_text(), "Charging")
        self.assertRegex(garage.locator(".big .value").inner_text(), r"\A\d+\.\d\d\Z")
        page.locator("#numbers summary").click()
        self.assertGreater(page.locator("#numbers tbody tr").count(), 8)
        self.inspect_plain(page, "plain-index")
        garage.get_by_role("button", name="Pause charging").click()
        self.assertEqual(self.path(page), "/ui/en/index.htm")
        self.expect(page, "#done", "The wallbox has been set.")
        self.expect(page, "[data-wallbox=E1] .chip", "Paused")
        page.locator("#limit-E1").fill("8")
        garage.get_by_role("button", name="Set").click()
        self.assertEqual(site.wallbox("E1")["current_limit_a"], 8)

    def inspect_plain(self, page: Any, name: str) -> None:
        """Pictures; axe itself is a script."""
        self.take_pictures(page, name)

    def test_a_user_is_added_and_removed(self) -> None:
        site = self.make_charging_site()
        page = self.open_plain(site, "users", language="de")
        page.locator("#name").fill("Clara")
        page.locator("#add button").click()
        user_id = page.locator("#created-id").inner_text()
        self.assertRegex(user_id, r"\A\d{10,12}\Z")
        self.inspect_plain(page, "plain-users")
        site.ask("/api/site/state", user_id=user_id)
        page.locator("#name").fill("Clara")
        page.locator("#add button").click()
        self.expect(page, "#problem", "Einen Benutzer mit diesem Namen gibt es schon.")
        page.get_by_role("button", name="Clara entfernen").click()
        self.expect(page, "#done", re.compile("Der Benutzer ist entfernt"))
        site.ask("/api/site/state", user_id=user_id, expect=401)

    def test_settings_are_saved_and_refused_with_a_word(self) -> None:
        site = self.make_charging_site()
        page = self.open_plain(site, "settings")
        page.locator("#name").fill("Sun Street 7")
        page.locator("#site button").click()
        self.expect(page, "#done", "Saved.")
        self.expect(page, ".who strong", "Sun Street 7")
        page.locator("#old").fill("wrong")
        page.locator("#new").fill("long enough")
        page.locator("#admin-password button").click()
        self.expect(page, "#problem", "That is not the current admin password.")
        page.locator("#enabled").check()
        page.locator("#cloud button").click()
        self.expect(page, "#problem", re.compile("manufacturer's own cloud"))
        self.inspect_plain(page, "plain-settings")

    def test_the_upload_says_how_it_is_done_without(self) -> None:
        site = self.make_charging_site()
        page = self.open_plain(site, "firmware")
        self.assertFalse(page.locator("#send").is_visible())
        self.assertIn("curl", page.locator("main").inner_text())


class KeyboardTests(SiteTestCase):
    def test_everything_on_the_overview_is_reached_and_shows_that_it_is(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site)
        self.expect_live(page)
        page.keyboard.press("Tab")
        self.assertEqual(self.focused(page), "Skip to the content")
        self.assertTrue(
            page.locator(".skip").evaluate(
                "each => each.getBoundingClientRect().top >= 0"
            )
        )
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            reached.append(self.focused(page))
            self.assertTrue(self.is_marked(page), reached[-1])
        for wanted in (
            "Overview",
            "Settings",
            "Deutsch",
            "Current limit of Garage",
            "Pause charging",
            "1 h",
            "Power over time",
            "The same as a table",
        ):
            self.assertTrue(
                any(wanted in each for each in reached), f"{wanted}: {reached}"
            )

    def test_a_wallbox_is_set_and_a_dialog_is_left_by_keys_alone(self) -> None:
        site = self.make_charging_site()
        page = self.open_site(site)
        self.expect_live(page)
        self.tab_to(page, "Pause charging")
        page.keyboard.press("Space")
        self.expect(page, "[data-wallbox=E1] .chip", "Paused")
        self.tab_to(page, "1 h")
        page.keyboard.press("ArrowRight")
        self.assertTrue(page.locator("#range-1440").is_checked())

        page.goto(f"{site.url}/ui/en/users.htm")
        self.tab_to(page, "Remove guest")
        page.keyboard.press("Enter")
        self.assertEqual(self.focused(page), "Cancel")
        page.keyboard.press("Escape")
        self.assertFalse(page.locator("#remove-dialog").is_visible())
        self.assertEqual(self.focused(page), "Remove guest")
        self.assertEqual(page.locator("#users li").count(), 1)

    def tab_to(self, page: Any, name: str) -> None:
        """Press Tab until this has the focus."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in self.focused(page):
                return
        raise AssertionError(f"{name} was not reached")

    def focused(self, page: Any) -> str:
        """What a person would call the element with the focus."""
        text: str = page.evaluate(
            """(() => {
              const each = document.activeElement
              return each.getAttribute("aria-label") ?? each.labels?.[0]?.innerText
                ?? each.innerText.trim()
            })()"""
        )
        return text

    def is_marked(self, page: Any) -> bool:
        """Whether the focus is seen: on the element, or on its label."""
        marked: bool = page.evaluate(
            """(() => {
              const each = document.activeElement
              return [each, each.labels?.[0]].some((one) => one
                && getComputedStyle(one).outlineStyle === "solid"
                && parseFloat(getComputedStyle(one).outlineWidth) >= 2)
            })()"""
        )
        return marked
