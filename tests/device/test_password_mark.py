"""The mark that tells an admin password from another one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import Argon2Hash, Recipe
from cfos_cloud.device.password_mark import MARK_BYTES, bears_mark, make_mark

RANDOM = bytes(range(MARK_BYTES))
CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)
PLAIN = AdminPassword(plain="correct horse")
HASHED = AdminPassword(hash=CHEAP.hash("correct horse"))


class MarkTests(SynchronousTestCase):
    def test_a_password_bears_its_own_mark_and_no_other(self) -> None:
        others = (
            AdminPassword(plain="correct horse "),
            AdminPassword(hash=CHEAP.hash("another")),
            AdminPassword(),
        )
        for admin in (PLAIN, HASHED):
            mark = make_mark(admin, RANDOM)
            self.assertTrue(bears_mark(admin, mark))
            for other in (*others, HASHED if admin is PLAIN else PLAIN):
                self.assertFalse(bears_mark(other, mark), other)

    def test_the_mark_of_a_plain_password_is_as_slow_as_a_stored_one(self) -> None:
        mark = make_mark(PLAIN, RANDOM)
        self.assertNotIn("correct horse", mark)
        self.assertEqual(Argon2Hash.parse(mark).recipe, Recipe(RANDOM))

    def test_the_mark_of_a_hash_does_not_have_the_hash(self) -> None:
        assert HASHED.hash is not None
        mark = make_mark(HASHED, RANDOM)
        stored = str(HASHED.hash)
        for part in stored.split("$")[4:]:
            self.assertNotIn(part, mark)
        self.assertNotIn(HASHED.hash.digest.hex(), mark)

    def test_no_two_marks_are_alike(self) -> None:
        for admin in (PLAIN, HASHED):
            marks = {make_mark(admin, random) for random in (RANDOM, RANDOM[::-1])}
            self.assertEqual(len(marks), 2)

    def test_what_is_no_mark_fits_nobody(self) -> None:
        keyed = ("hmac-sha256$", "hmac-sha256$zz$00", "hmac-sha256$00$00")
        for mark in ("", "x", "$argon2id$", "\ud800", *keyed):
            for admin in (PLAIN, HASHED, AdminPassword()):
                self.assertFalse(bears_mark(admin, mark), mark)
