"""The admin password and its file."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.admin_password import AdminPassword, AdminPasswordError
from cfos_cloud.device.argon2_hash import Recipe


class AdminPasswordTests(SynchronousTestCase):
    def load(self, content: str | bytes) -> AdminPassword:
        self.path = Path(self.mktemp())
        data = content.encode() if isinstance(content, str) else content
        self.path.write_bytes(data)
        return AdminPassword.load(self.path)

    def test_a_trailing_newline_does_no_harm(self) -> None:
        for end in ("", "\n", "\r\n"):
            password = self.load(f"pässword {end}")
            self.assertTrue(password.is_set)
            self.assertTrue(password.matches("pässword "))
            self.assertFalse(password.matches("pässword"))
            self.assertFalse(password.matches(""))

    def test_a_hash_matches_its_password_only(self) -> None:
        hash_ = Recipe(b"0123456789abcdef", memory_kib=8, passes=1).hash("secret")
        password = self.load(f"{hash_}\n")
        self.assertTrue(password.is_set)
        self.assertIsNone(password.plain)
        self.assertTrue(password.matches("secret"))
        self.assertFalse(password.matches(str(hash_)))

    def test_nothing_means_none_is_set_and_nothing_matches(self) -> None:
        missing = AdminPassword.load(Path(self.mktemp()))
        for password in (
            AdminPassword.load(None),
            missing,
            self.load(""),
            self.load("\n"),
            self.load(" \r\n\n"),
        ):
            self.assertFalse(password.is_set)
            self.assertFalse(password.matches(""))
            self.assertFalse(password.matches("\n"))

    def test_what_can_not_be_a_password_is_an_error_that_does_not_show_it(self) -> None:
        for content in (
            "topsecret\nsecond",
            "topsecret\x00",
            "topsecret" * 200,
            "$argon2id$topsecret",
            b"topsecret\xff",
        ):
            with self.subTest(content):
                error = self.assertRaises(AdminPasswordError, self.load, content)
                self.assertIn(str(self.path), str(error))
                self.assertNotIn("topsecret", str(error))

    def test_the_password_does_not_show_in_a_representation(self) -> None:
        self.assertNotIn("topsecret", repr(self.load("topsecret")))
