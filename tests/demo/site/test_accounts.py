"""Who may use the site."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site import accounts
from cfos_cloud.demo.site.accounts import (
    REMEMBER_SECONDS,
    Account,
    Accounts,
    password_problem,
    write_admin_password,
)
from cfos_cloud.device.argon2_hash import SALT_BYTES, Recipe
from tests.registry.support import InlineWorker

_CHEAP = Recipe(bytes(SALT_BYTES), memory_kib=8, passes=1)


class CountingWorker(InlineWorker):
    count = 0

    def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.count += 1
        return super().run(function, *args, **kwargs)


class AccountsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.worker = CountingWorker()
        self.accounts = Accounts(self.directory, self.worker, self.clock.seconds)
        self.set_admin("adminsecret")
        self.set_user("guest", "1234567890")

    def set_admin(self, password: str) -> None:
        write_admin_password(self.accounts.admin_file, password, _CHEAP)

    def set_user(self, name: str, user_id: str) -> None:
        self.accounts.users_file.write_text(f"{name}:{_CHEAP.hash(user_id)}\n")

    def prove(self, user: str, secret: str) -> Account | None:
        proof: Deferred[Account | None] = ensureDeferred(
            self.accounts.prove(user, secret)
        )
        return self.successResultOf(proof)

    def test_the_admin_proves_by_the_password_and_a_user_by_the_id(self) -> None:
        self.assertEqual(self.prove("admin", "adminsecret"), Account("admin", True))
        self.assertEqual(self.prove("user", "1234567890"), Account("guest", False))
        self.assertEqual(self.prove("guest", " 1234567890 "), Account("guest", False))
        for user, secret in (
            ("admin", "1234567890"),
            ("admin", ""),
            ("user", "adminsecret"),
            ("user", ""),
            ("admin", "x" * 5000),
        ):
            self.assertIsNone(self.prove(user, secret))

    def test_a_proof_is_remembered_for_a_while(self) -> None:
        for _ in range(5):
            self.prove("admin", "adminsecret")
            self.prove("user", "1234567890")
        self.assertEqual(self.worker.count, 2)
        self.clock.advance(REMEMBER_SECONDS)
        self.prove("admin", "adminsecret")
        self.assertEqual(self.worker.count, 3)

    def test_a_wrong_one_is_not_and_the_secret_neither(self) -> None:
        self.prove("admin", "wrong-canary")
        self.prove("admin", "adminsecret")
        self.assertEqual(len(self.accounts._proofs), 1)
        self.assertNotIn("adminsecret", repr(self.accounts._proofs))

    def test_what_is_remembered_has_an_end(self) -> None:
        self.patch(accounts, "MAX_REMEMBERED", 3)
        self.accounts.users_file.write_text(
            "".join(f"u{n}:{_CHEAP.hash(f'{n:010}')}\n" for n in range(5))
        )
        for number in range(5):
            self.assertIsNotNone(self.prove("user", f"{number:010}"))
        self.assertEqual(len(self.accounts._proofs), 3)

    def test_a_change_of_the_files_counts_at_once(self) -> None:
        self.assertIsNotNone(self.prove("admin", "adminsecret"))
        self.assertIsNotNone(self.prove("user", "1234567890"))
        self.set_admin("another one")
        self.set_user("guest", "5555555555")
        self.assertIsNone(self.prove("admin", "adminsecret"))
        self.assertIsNone(self.prove("user", "1234567890"))
        self.assertIsNotNone(self.prove("admin", "another one"))

    def test_without_a_password_the_empty_one_is_right(self) -> None:
        self.set_admin("")
        self.assertFalse(self.accounts.admin_password_set)
        self.assertIsNotNone(self.prove("admin", ""))
        self.assertIsNone(self.prove("admin", "adminsecret"))

    def test_a_broken_file_lets_nobody_in(self) -> None:
        self.accounts.admin_file.write_text("two\nlines\n")
        self.accounts.users_file.write_text("broken\n")
        self.assertTrue(self.accounts.admin_password_set)
        for secret in ("", "two\nlines", "two"):
            self.assertIsNone(self.prove("admin", secret))
        self.assertIsNone(self.prove("user", "1234567890"))
        self.assertEqual(self.accounts.user_names, [])

    def test_a_password_is_kept_as_a_hash_or_not_at_all(self) -> None:
        changed = ensureDeferred(
            self.accounts.change_admin_password("adminsecret", "canary secret")
        )
        self.assertTrue(self.successResultOf(changed))
        self.assertNotIn("canary", self.accounts.admin_file.read_text())
        self.assertEqual(self.accounts.generation, 1)
        wrong = ensureDeferred(self.accounts.change_admin_password("no", "whatever"))
        self.assertFalse(self.successResultOf(wrong))
        self.assertEqual(self.accounts.generation, 1)
        removed = ensureDeferred(
            self.accounts.change_admin_password("canary secret", "")
        )
        self.assertTrue(self.successResultOf(removed))
        self.assertFalse(self.accounts.admin_password_set)

    def test_a_password_is_8_printable_characters_or_none(self) -> None:
        for password, problem in (
            ("", None),
            ("12345678", None),
            ("pässwört", None),
            ("1234567", "too-short"),
            ("x" * 1025, "too-long"),
            ("tab\tulator", "invalid"),
            ("        ", "invalid"),
            ("$argon2id$v=19$", "invalid"),
        ):
            self.assertEqual(password_problem(password), problem, password)
