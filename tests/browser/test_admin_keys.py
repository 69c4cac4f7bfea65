"""Access keys on the operator's page, in a real browser."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.test_admin import OperatorTestCase
from tests.end_to_end.daemons import OPERATOR_PASSWORD

SYSTEMS = "/api/json/systems"


class AdminKeysTests(OperatorTestCase):
    def status(self, token: str) -> int:
        """Of what the key is for."""
        field = ("Authorization", f"Bearer {token}")
        return self.own.client().request("GET", SYSTEMS, b"", [field]).status

    def keys_page(self, language: str = "en", **options: Any) -> Any:
        page = self.operator_page(language=language, **options)
        page.locator("nav.views a[href$='page=keys']").click()
        page.wait_for_url("**?page=keys")
        return page

    def make_key(self, page: Any, name: str, role: str = "api") -> str:
        """The key that is shown."""
        page.locator("input#name").fill(name)
        page.locator(f"#role-{role}").check()
        page.locator("button[value=key-add]").click()
        page.locator("#new-token").wait_for()
        token: str = page.locator("#new-token").inner_text()
        return token

    def row(self, page: Any, name: str) -> Any:
        return page.get_by_role("row", name=re.compile(f"^{name}"))

    def test_a_key_is_made_and_authorised_where_it_is_shown(self) -> None:
        page = self.keys_page()
        problems = self.complaints(page)
        self.inspect(page, "admin-keys-empty")
        token = self.make_key(page, "Prometheus")
        self.expect(page, "#new-key-title", "The key “Prometheus” is made")
        self.assertIn(token, page.inner_text("#new-command"))
        self.assertEqual(self.status(token), 401)
        self.inspect(page, "admin-keys-new")

        page.locator("#new-proof").fill("not this one")
        self.press(page, "Authorise")
        self.expect(page, "#new-proof-problem", "This is not the admin password.")
        page.locator("#new-proof").fill(OPERATOR_PASSWORD)
        self.press(page, "Authorise")
        page.locator("[data-done]").wait_for()
        self.expect(page, "[data-key-row] .badge", "Active")
        self.assertEqual(page.locator("#new-token").inner_text(), token)
        self.assertEqual(self.status(token), 200)
        self.assertEqual([p for p in problems if "422" not in p], [])

        page.reload()
        self.assertNotIn(token, page.content())
        self.expect(page, "[data-key-row] .badge", "Active")

    def test_its_life_from_the_list(self) -> None:
        page = self.keys_page()
        token = self.make_key(page, "Backup", "admin")
        self.make_key(page, "Prometheus")
        page.reload()
        self.row(page, "Backup").get_by_role("link", name="Authorise …").click()
        dialog = page.get_by_role("dialog", name="Authorise “Backup”?")
        dialog.wait_for()
        self.assertIn("all that you can do here", dialog.inner_text())
        self.inspect(page, "admin-keys-authorise")
        dialog.get_by_label("Admin password").fill("not this one")
        dialog.get_by_role("button", name="Authorise").click()
        self.expect(page, "h1", "Authorise “Backup”?")
        self.inspect(page, "admin-keys-wrong")
        page.get_by_label("Admin password").fill(OPERATOR_PASSWORD)
        self.press(page, "Authorise")
        self.expect(page, ".done", "“Backup” is authorised, and works now.")
        self.assertEqual(self.status(token), 200)

        page.reload()
        self.row(page, "Backup").get_by_text("127.0.0.1").wait_for()
        self.inspect(page, "admin-keys-list")
        self.row(page, "Backup").get_by_role("link", name="Revoke …").click()
        dialog = page.get_by_role("dialog", name="Revoke “Backup”?")
        dialog.get_by_role("button", name="Revoke").click()
        self.expect(page, ".done", "The key is revoked. It no longer works.")
        self.assertEqual(self.status(token), 401)
        page.get_by_text("1 key that no longer works").click()
        self.inspect(page, "admin-keys-over")

    def test_signing_keys_are_folded_at_the_end(self) -> None:
        page = self.keys_page()
        token = self.make_key(page, "Prometheus")
        page.locator("summary", has_text="Signing keys").click()
        self.press(page, "New signing key")
        self.expect(
            page,
            ".done",
            "New access keys are signed with the new signing key from now on.",
        )
        page.locator("summary", has_text="Signing keys").click()
        self.inspect(page, "admin-keys-signing")
        page.get_by_role("link", name="Drop …").last.click()
        dialog = page.get_by_role("dialog", name="Drop the signing key")
        self.assertIn("1 access key under it ends", dialog.inner_text())
        self.inspect(page, "admin-keys-drop")
        dialog.get_by_role("button", name="Drop it").click()
        self.expect(page, ".done", re.compile("The signing key is dropped"))
        self.assertEqual(self.status(token), 401)

    def test_it_works_without_javascript_in_three_languages(self) -> None:
        for language, authorise in (
            ("en", "Authorise"),
            ("de", "Freigeben"),
            ("pt", "Autorizar"),
        ):
            page = self.keys_page(language, java_script_enabled=False)
            token = self.make_key(page, f"Key {language}")
            row = self.row(page, f"Key {language}")
            row.get_by_role("link", name=f"{authorise} …").click()
            page.locator("input[name=operator_password]").fill(OPERATOR_PASSWORD)
            self.press(page, authorise)
            page.locator(".done").wait_for()
            self.assertEqual(self.status(token), 200)
            self.take_pictures(page, f"admin-keys-{language}")
