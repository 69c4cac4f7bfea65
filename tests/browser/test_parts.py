"""The parts of which our pages are made, all on one page that a device serves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from cfos_cloud.pages import Pages
from cfos_cloud.ui import ui_directory
from tests.browser.people import PeopleTestCase
from tests.end_to_end.daemons import USER_ID
from tests.end_to_end.target import Request

TEMPLATE = Path(__file__).with_name("parts.html")


class PartsTests(PeopleTestCase):
    def setUp(self) -> None:
        super().setUp()
        ui = self.directory / "ui"
        shutil.copytree(ui_directory(), ui)
        shutil.copy(TEMPLATE, ui / "templates")
        body = Pages(ui).render("parts.html", "en", {})

        def parts(request: Request) -> None:
            request.respond("200 OK", "Content-Type: text/html", body=body)

        self.target.routes["/parts"] = parts

    def open_parts(self, **options: Any) -> Any:
        page = self.open_page(**options)
        self.log_in(page, USER_ID, as_admin=False)
        page.goto(f"{self.origin}/parts")
        return page

    def test_they_are_for_all_eyes_fingers_and_screens(self) -> None:
        page = self.open_parts()
        self.expect(page, "h1", "Parts")
        self.inspect(page, "parts")
        page.get_by_role("link", name="Remove …").click()
        self.inspect(page, "parts-dialog")

    def test_a_table_stays_one_on_a_narrow_screen_too(self) -> None:
        page = self.open_parts(viewport={"width": 360, "height": 740})
        table = page.get_by_role("table", name="Systems")
        self.assertEqual(table.get_by_role("row").count(), 5)
        self.assertEqual(table.get_by_role("rowheader").count(), 4)
        cell = page.get_by_role("cell", name="1,234.5 MB").first
        label = cell.evaluate("each => getComputedStyle(each, '::before').content")
        self.assertEqual(label, '"Received"')
        self.assertIn("Harbour <b>", table.inner_text())

    def test_a_dialog_is_modal_and_gives_the_focus_back(self) -> None:
        page = self.open_parts()
        opener = page.get_by_role("link", name="Remove …")
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Remove Carport Nord?")
        self.assertTrue(dialog.is_visible())
        self.assertTrue(dialog.evaluate("each => each.matches(':modal')"))
        page.keyboard.press("Escape")
        self.assertFalse(dialog.is_visible())
        focused = "document.activeElement.textContent"
        self.assertEqual(page.evaluate(focused), "Remove …")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Keep it").click()
        self.assertFalse(dialog.is_visible())

    def test_without_javascript_it_opens_and_closes_by_its_address(self) -> None:
        page = self.open_parts(java_script_enabled=False)
        page.get_by_role("link", name="Remove …").click()
        dialog = page.locator("#remove")
        self.assertTrue(dialog.is_visible())
        self.take_pictures(page, "parts-dialog-no-script")
        page.get_by_role("link", name="Keep it").click()
        self.assertFalse(dialog.is_visible())

    def test_what_is_wrong_with_a_field_is_read_out_with_it(self) -> None:
        page = self.open_parts()
        field = page.get_by_label("Cloud ID", exact=True)
        self.assertEqual(field.get_attribute("aria-describedby"), "cloud_id-problem")
        self.expect(page, "#cloud_id-problem", "That can't be a Cloud ID.")
        name = page.get_by_label("Name", exact=True)
        self.assertEqual(name.get_attribute("aria-describedby"), "name-hint")
        self.assertEqual(name.input_value(), '"Depot"')
        self.assertFalse(page.locator("#name-problem").is_visible())
