"""Consents in memory and on the disk, and what ends them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import (
    FILE_NAME,
    MAX_FILE_BYTES,
    ConsentFile,
    ConsentFileError,
)
from cfos_cloud.device.consents import MAX_CONSENTS, Consents, TooManyConsents
from cfos_cloud.device.password_mark import make_mark
from cfos_cloud.keys.key import Role

CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)
ADMIN = AdminPassword(hash=CHEAP.hash("admin's"))
OTHER = AdminPassword(hash=CHEAP.hash("another"))
MARK = make_mark(ADMIN, bytes(16))


def consent(number: int = 0, **more: object) -> Consent:
    values = {"name": f"key {number}", "role": "api", "expires": None} | more
    return Consent.check(f"{number:043}", **values)


class ConsentsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / FILE_NAME
        self.seconds = 1000.0
        self.consents = self.started()

    def now(self) -> float:
        return self.seconds

    def started(self, admin: AdminPassword = ADMIN) -> Consents:
        """What a device end has that starts now."""
        consents = Consents(ConsentFile(self.directory), self.now)
        consents.load(admin)
        return consents

    def add(self, *new: Consent) -> None:
        for one in new:
            self.consents.add(one, ADMIN, MARK)


class KeepingTests(ConsentsCase):
    def test_what_was_added_is_there_after_a_restart(self) -> None:
        kept = [
            consent(1),
            consent(2, role="admin", name="Küche\u00a0家".replace("\u00a0", " ")),
            consent(3, expires="2027-01-01T00:00:00Z"),
            consent(4, expires=2000.25),
        ]
        self.add(*kept)
        for consents in (self.consents, self.started()):
            self.assertEqual([consents.get(one.key) for one in kept], kept)
        self.assertIsNone(self.consents.get("x" * 43))

    def test_the_file_is_for_its_owner_only(self) -> None:
        self.add(consent())
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual([p.name for p in self.directory.iterdir()], [FILE_NAME])

    def test_the_mark_is_known_to_be_of_this_password(self) -> None:
        self.assertIsNone(self.consents.mark_of(ADMIN))
        self.add(consent())
        for consents in (self.consents, self.started()):
            self.assertEqual(consents.mark_of(ADMIN), MARK)
            self.assertIsNone(consents.mark_of(OTHER))

    def test_a_later_consent_to_a_key_takes_the_place_of_the_earlier(self) -> None:
        later = consent(1, role="admin")
        self.add(consent(1), later)
        self.assertEqual(self.started().get(later.key), later)
        self.assertEqual(len(self.consents), 1)

    def test_without_anything_to_keep_there_is_no_file(self) -> None:
        self.consents.clear()
        self.consents.remove(["x"])
        self.consents.flush()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_consent_that_can_not_be_written_does_not_count(self) -> None:
        self.add(consent(1))
        shutil.rmtree(self.directory)
        self.assertRaises(OSError, self.add, consent(2))
        self.assertRaises(OSError, self.add, consent(1, role="admin"))
        self.assertIsNone(self.consents.get(consent(2).key))
        self.assertEqual(self.consents.get(consent(1).key), consent(1))
        self.directory.mkdir()
        self.consents.flush()
        self.assertEqual(self.started().get(consent(1).key), consent(1))


class EndingTests(ConsentsCase):
    def test_an_expired_one_is_none(self) -> None:
        self.add(consent(1, expires=1010))
        self.assertIsNotNone(self.consents.get(consent(1).key))
        self.seconds = 1010.0
        self.assertIsNone(self.consents.get(consent(1).key))
        self.assertIsNone(self.started().get(consent(1).key))

    def test_a_clock_set_right_brings_it_back(self) -> None:
        self.add(consent(1, expires=1010))
        self.seconds = 5000.0
        self.add(consent(2))
        self.seconds = 1000.0
        self.assertIsNotNone(self.started().get(consent(1).key))

    def test_what_is_removed_is_gone_after_a_restart_too(self) -> None:
        self.add(consent(1), consent(2))
        self.consents.remove([consent(1).key, "never heard of"])
        for consents in (self.consents, self.started()):
            self.assertIsNone(consents.get(consent(1).key))
            self.assertIsNotNone(consents.get(consent(2).key))

    def test_cleared_they_are_gone_after_a_restart_too(self) -> None:
        self.add(consent(1), consent(2))
        self.consents.clear()
        self.assertIsNone(self.consents.mark_of(ADMIN))
        self.assertEqual((len(self.consents), len(self.started())), (0, 0))
        self.assertNotIn("key 1", self.path.read_text())

    def test_a_password_that_changed_meanwhile_drops_them_for_good(self) -> None:
        for other in (OTHER, AdminPassword(plain="admin's"), AdminPassword()):
            self.add(consent(1))
            self.assertEqual(len(self.started(other)), 0)
            self.assertEqual(len(self.started(ADMIN)), 0, "they are back")
            self.consents = self.started()

    def test_consents_without_a_mark_are_nobodys(self) -> None:
        self.add(consent(1))
        data = json.loads(self.path.read_text())
        self.path.write_text(json.dumps(data | {"admin": None}))
        self.assertEqual(len(self.started()), 0)

    def test_those_of_another_password_do_not_mix_with_new_ones(self) -> None:
        self.add(consent(1))
        self.consents.add(consent(2), OTHER, make_mark(OTHER, bytes(16)))
        self.assertIsNone(self.consents.get(consent(1).key))
        self.assertEqual(len(self.started(OTHER)), 1)

    def test_what_could_not_be_removed_from_the_disk_is_tried_again(self) -> None:
        self.add(consent(1), consent(2))
        aside = self.directory.with_name("aside")
        self.directory.rename(aside)
        with capturedLogs() as events:
            self.consents.remove([consent(1).key])
            self.consents.flush()
            self.consents.flush()
        self.assertIsNone(self.consents.get(consent(1).key))
        self.assertEqual(len([e for e in events if e["log_level"].name == "error"]), 1)
        aside.rename(self.directory)
        self.consents.flush()
        self.assertEqual(len(self.started()), 1)


class RoomTests(ConsentsCase):
    def fill(self, **more: object) -> None:
        every = [consent(n, **more) for n in range(MAX_CONSENTS)]
        self.add(every[-1])
        # Each on its own would be 200 times fsync.
        self.consents._consents |= {one.key: one for one in every}

    def test_one_more_is_refused(self) -> None:
        self.fill()
        self.assertRaises(TooManyConsents, self.add, consent(999))
        self.assertEqual(len(self.consents), MAX_CONSENTS)

    def test_one_that_is_there_may_be_given_again(self) -> None:
        self.fill()
        self.add(consent(5, role="admin"))
        found = self.consents.get(consent(5).key)
        assert found is not None
        self.assertIs(found.role, Role.ADMIN)
        self.assertEqual(len(self.started()), MAX_CONSENTS)

    def test_the_one_that_expired_first_makes_room(self) -> None:
        self.fill()
        for number, expires in ((7, 990.0), (8, 980.0), (9, 1500.0)):
            one = consent(number, expires=expires)
            self.consents._consents[one.key] = one
        self.add(consent(999))
        self.seconds = 0.0
        there = [self.consents.get(consent(n).key) is not None for n in (7, 8, 9, 999)]
        self.assertEqual(there, [True, False, True, True])

    def test_the_longest_that_can_be_kept_fits_into_the_file(self) -> None:
        self.fill(name="家" * 64, role="admin", expires="9999-01-01T00:00:00.000001Z")
        self.add(consent(0))
        self.assertLess(self.path.stat().st_size, MAX_FILE_BYTES)
        self.assertEqual(len(self.started()), MAX_CONSENTS)


class DamageTests(ConsentsCase):
    def test_a_damaged_file_is_put_aside_and_said(self) -> None:
        good = {"version": 1, "admin": MARK, "keys": []}
        key = {"key": "9" * 43, "name": "x", "role": "api", "expires": None}
        for text in (
            "",
            "{",
            "[" * 100_000,
            "[]",
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
            json.dumps(good | {"version": 2}),
            json.dumps(good | {"admin": 7}),
            json.dumps(good | {"keys": 7}),
            json.dumps(good | {"keys": [7]}),
            json.dumps(good | {"keys": [key | {"role": "user"}]}),
            json.dumps(good | {"keys": [{"key": "9" * 43}]}),
            " " * (MAX_FILE_BYTES + 1),
        ):
            self.path.write_text(text)
            with capturedLogs() as events:
                self.assertEqual(len(self.started()), 0)
            (event,) = (e for e in events if e["log_level"].name == "error")
            self.assertEqual(event["path"], str(self.path))
            self.assertFalse(self.path.exists())
            aside = self.path.with_name(f"{FILE_NAME}.damaged")
            self.assertEqual(aside.read_text(), text)

    def test_one_that_can_not_be_read_is_an_error_of_one_line(self) -> None:
        self.path.mkdir()
        error = self.assertRaises(ConsentFileError, self.started)
        self.assertIn(f"can't read {self.path}", str(error))
        self.assertNotIn("\n", str(error))
