"""Chromium's own password manager knows the log-in form."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.browser import PATIENCE
from tests.browser.people import PeopleTestCase
from tests.end_to_end.daemons import ADMIN_SECRET

#: Where it tells what it sees and does.
DIARY = "chrome://password-manager-internals/"


class PasswordManagerTests(PeopleTestCase):
    def setUp(self) -> None:
        super().setUp()
        # It keeps out of pages with certificate errors, and of private windows.
        self.origin = self.origin.replace("https", "http")
        self.context = self._browser.browser_type.launch_persistent_context(
            str(self.directory / "profile"),
            executable_path=self.chromium,
            args=[*self.flags, "--password-store=basic"],
        )
        self.addCleanup(self.context.close)
        self.context.set_default_timeout(PATIENCE)

    def wait_for(self, diary: Any, pattern: str) -> None:
        diary.wait_for_function(
            "pattern => new RegExp(pattern).test(document.body.innerText)", arg=pattern
        )

    def test_it_finds_both_fields_and_offers_to_store_them(self) -> None:
        diary = self.context.new_page()
        diary.goto(DIARY)
        page = self.context.new_page()
        advice: list[str] = []
        page.on("console", lambda said: advice.append(said.text))
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.expect(page, "#who", "admin (admin)")
        self.wait_for(diary, r"Username element :\s+cloud_id ,")
        self.wait_for(diary, r"Password element :\s+cloud_user_id ,")
        # It asks whether to store what was sent.
        self.wait_for(diary, r"state of the UI:\s+PENDING_PASSWORD_STATE")
        # Of its advice to authors (autocomplete and the like) there is none.
        self.assertEqual([a for a in advice if re.search("autocomplete|DOM", a)], [])
