"""``cfos-cloud key`` as people mistype it."""

from __future__ import annotations

from pathlib import Path

from tests.test_cli import CommandLineCase


class KeyUsageTests(CommandLineCase):
    def test_what_makes_no_sense_is_one_line_and_2(self) -> None:
        nothing = str(Path(self.mktemp()).resolve())
        rows = (
            ("key",),
            ("key", "explode"),
            ("key", "create"),
            ("key", "create", "monitoring"),
            ("key", "create", "monitoring", "--role", "root"),
            ("key", "create", "monitoring", "--role", "api"),
            ("key", "authorize"),
            ("key", "authorize", "monitoring"),
            ("key", "revoke", "monitoring"),
            ("key", "drop-signing", "kid"),
            ("key", "list", "--key-file", nothing),
            ("key", "list", "--key-file", __file__),
            ("key", "signing", "--admin-password-file", nothing),
        )
        for done in self.call_all("main", rows):
            self.assert_one_line(done, 2)

    def test_help_lists_the_actions(self) -> None:
        done = self.call("main", "key", "--help")
        self.assertEqual(done.returncode, 0)
        for action in (
            *("create", "list", "authorize", "revoke"),
            *("signing", "rotate-signing", "drop-signing"),
        ):
            self.assertRegex(done.stdout, rf"(?m)^ {{4}}{action}\b")
