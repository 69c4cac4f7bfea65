"""The credentials files, followed as they change."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.credentials import (
    POLL_SECONDS,
    Credentials,
    CredentialsError,
    CredentialsWatch,
)
from cfos_cloud.device.grants import Grant, Grants

CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)
ANNA = f"anna:{CHEAP.hash('1111111111')}\n"
BEN = f"ben:{CHEAP.hash('2222222222')}\n"


class CredentialsTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.admin_file = directory / "admin"
        self.users_file = directory / "users"
        self.admin_file.write_text("admin's\n")
        self.users_file.write_text(ANNA + BEN)
        self.clock = Clock()
        self.revoked: list[Grant] = []
        self.grants = Grants(self.clock.seconds, os.urandom, self.revoked.append)
        self.credentials = Credentials(
            self.admin_file,
            self.users_file,
            lambda change: self.grants.revoke_where(change.drops),
        )
        self.credentials.load()
        self.admin = self.grants.issue("admin", "admin", 1000)
        self.anna = self.grants.issue("user", "anna", 1000)
        self.ben = self.grants.issue("user", "ben", 1000)
        self.watch = CredentialsWatch(self.credentials, self.grants, self.clock)
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    def look(self) -> None:
        """Let half a second pass: a change takes effect within it."""
        self.clock.advance(POLL_SECONDS)

    def test_other_devices_end_the_log_ins_of_that_user(self) -> None:
        self.users_file.write_text(ANNA.rstrip() + ":meter\n" + BEN)
        self.look()
        self.assertEqual(self.revoked, [self.anna])
        self.users_file.write_text(ANNA + BEN)
        again = self.grants.issue("user", "anna", 1000, devices=["meter"])
        self.look()
        self.assertEqual(self.revoked, [self.anna, again])

    def test_files_that_do_not_change_drop_nothing(self) -> None:
        self.look()
        self.look()
        self.assertEqual(self.revoked, [])
        self.assertTrue(self.credentials.admin.matches("admin's"))

    def test_a_removed_user_loses_the_grant(self) -> None:
        self.users_file.write_text(BEN)
        self.look()
        self.assertEqual(self.revoked, [self.anna])
        self.assertIsNone(self.credentials.users.match("1111111111"))

    def test_a_user_with_another_id_loses_the_grant(self) -> None:
        self.users_file.write_text(f"anna:{CHEAP.hash('3333333333')}\n{BEN}")
        self.look()
        self.assertEqual(self.revoked, [self.anna])
        self.assertEqual(self.credentials.users.match("3333333333"), "anna")

    def test_another_user_drops_nobody(self) -> None:
        self.users_file.write_text(f"{ANNA}{BEN}carl:{CHEAP.hash('3333333333')}\n")
        self.look()
        self.assertEqual(self.revoked, [])
        self.assertEqual(self.credentials.users.match("3333333333"), "carl")

    def test_a_users_file_that_is_gone_drops_all_users(self) -> None:
        self.users_file.unlink()
        self.look()
        self.assertEqual(self.revoked, [self.anna, self.ben])

    def test_another_admin_password_drops_the_admins_only(self) -> None:
        self.admin_file.write_text("another\n")
        self.look()
        self.assertEqual(self.revoked, [self.admin])
        self.assertTrue(self.credentials.admin.matches("another"))

    def test_an_empty_or_missing_admin_password_drops_everybody(self) -> None:
        for empty in (
            lambda: self.admin_file.write_text("\n"),
            lambda: self.admin_file.unlink(),
        ):
            self.setUp()
            empty()
            self.look()
            self.assertEqual(self.revoked, [self.admin, self.anna, self.ben])
            self.assertFalse(self.credentials.admin.is_set)

    def test_a_file_replaced_by_a_rename_is_noticed(self) -> None:
        new = self.admin_file.with_name("new")
        new.write_text("nimda's\n")
        os.utime(new, ns=(0, self.admin_file.stat().st_mtime_ns))
        new.rename(self.admin_file)
        self.look()
        self.assertEqual(self.revoked, [self.admin])

    def test_a_file_becomes_known_when_it_is_made(self) -> None:
        self.admin_file.unlink()
        self.look()
        self.admin_file.write_text("again\n")
        self.look()
        self.assertTrue(self.credentials.admin.matches("again"))

    def test_a_second_change_that_looks_the_same_is_noticed(self) -> None:
        self.admin_file.write_text("one")
        status = self.admin_file.stat()
        self.patch(Path, "stat", lambda path, **kw: status)
        self.look()
        self.admin_file.write_text("two")
        self.look()
        self.assertTrue(self.credentials.admin.matches("two"))

    def test_a_broken_file_refuses_and_is_complained_of_once(self) -> None:
        with capturedLogs() as events:
            self.users_file.write_text(f"{ANNA}{BEN[:30]}")
            self.admin_file.write_text("$argon2id$v=19$m=")
            for _ in range(3):
                self.look()
        self.assertIsNone(self.credentials.users.match("1111111111"))
        self.assertFalse(self.credentials.admin.is_set)
        self.assertEqual(
            [str(self.admin_file) in e["why"] for e in events if "why" in e],
            [True, False],
        )

    def test_what_a_broken_file_decides_is_known_when_it_is_mended(self) -> None:
        self.users_file.write_text(f"{ANNA}{BEN[:30]}")
        self.look()
        self.look()
        self.assertEqual(self.revoked, [])
        self.users_file.write_text(ANNA)
        self.look()
        self.assertEqual(self.revoked, [self.ben])
        self.assertEqual(self.credentials.users.match("1111111111"), "anna")

    def test_a_broken_file_does_not_start(self) -> None:
        self.users_file.write_text("nonsense\n")
        credentials = Credentials(self.admin_file, self.users_file)
        error = self.assertRaises(CredentialsError, credentials.load)
        self.assertIn(f"{self.users_file}, line 1", str(error))

    def test_without_files_nobody_logs_in(self) -> None:
        credentials = Credentials(None, None)
        credentials.load()
        credentials.poll()
        self.assertEqual(credentials.admin, AdminPassword())
        self.assertIsNone(credentials.users.match("1111111111"))

    def test_grants_end_in_time_without_being_asked_for(self) -> None:
        grant = self.grants.issue("user", "anna", 2)
        for _ in range(5):
            self.look()
        self.assertEqual(self.revoked, [grant])

    def test_the_watch_goes_on_after_an_error(self) -> None:
        def fail() -> None:
            raise RuntimeError("unforeseen")

        with self.subTest("an error"):
            self.patch(self.credentials, "poll", fail)
            self.look()
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
            del self.credentials.poll
        self.admin_file.write_text("another\n")
        self.look()
        self.assertEqual(self.revoked, [self.admin])
