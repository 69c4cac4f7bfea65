"""The users file and its hashes."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.argon2_hash import Argon2Hash, InvalidHash, Recipe
from cfos_cloud.device.users import (
    MAX_RECIPES,
    Users,
    UsersError,
    check_user_id,
    check_user_name,
    parse_line,
)

#: As little work as argon2 allows: these tests are about the file.
CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)


def line(name: str, user_id: str, recipe: Recipe = CHEAP) -> str:
    return f"{name}:{recipe.hash(user_id)}\n"


class Argon2HashTests(SynchronousTestCase):
    def test_a_hash_survives_its_text(self) -> None:
        hash_ = CHEAP.hash("1234567890")
        self.assertEqual(Argon2Hash.parse(str(hash_)), hash_)

    def test_the_text_is_the_one_of_the_reference_implementation(self) -> None:
        # argon2 "somesalt" -id -t 2 -m 16 -p 1 -l 24, password "password"
        hash_ = Argon2Hash.parse(
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ"
            "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        )
        self.assertTrue(hash_.matches("password"))
        self.assertFalse(hash_.matches("Password"))

    def test_what_is_no_argon2id_hash_is_refused(self) -> None:
        good = str(CHEAP.hash("x"))
        for text in (
            "",
            "secret",
            good.replace("argon2id", "argon2i"),
            good.replace("v=19", "v=16"),
            good.replace("m=8", "m=+8"),
            good + "=",
            good + "\n",
            good.replace("$m=8,t=1,p=1", "$t=1,m=8,p=1"),
            good[:-22],
        ):
            with self.subTest(text):
                self.assertRaises(InvalidHash, Argon2Hash.parse, text)

    def test_what_costs_too_much_is_refused(self) -> None:
        good = str(CHEAP.hash("x"))
        for cost in (
            "m=9999999,t=1,p=1",
            "m=8,t=17,p=1",
            "m=80,t=1,p=9",
            "m=8,t=0,p=1",
        ):
            with self.subTest(cost):
                text = good.replace("m=8,t=1,p=1", cost)
                self.assertRaises(InvalidHash, Argon2Hash.parse, text)

    def test_neither_digest_nor_secret_shows_in_a_representation(self) -> None:
        hash_ = CHEAP.hash("1234567890")
        self.assertNotIn(repr(hash_.digest), repr(hash_))


class UsersTests(SynchronousTestCase):
    def test_an_id_finds_its_user(self) -> None:
        text = line("anna", "1111111111") + line("ben", "2222222222")
        users = Users.parse(text, "users")
        self.assertEqual(users.match("1111111111"), "anna")
        self.assertEqual(users.match("2222222222"), "ben")
        self.assertIsNone(users.match("3333333333"))
        self.assertIsNone(users.match(""))

    def test_further_devices_follow_the_hash(self) -> None:
        plain = line("anna", "1111111111").rstrip()
        for more, devices in (
            ("", set()),
            (":", set()),
            (": ", set()),
            (":meter", {"meter"}),
            (": meter , pv2,meter", {"meter", "pv2"}),
        ):
            users = Users.parse(plain + more, "users")
            entry = users.entry("anna")
            assert entry is not None
            self.assertEqual(entry.devices, devices)
            self.assertEqual(parse_line(str(entry)), entry)
            self.assertEqual(users.match("1111111111"), "anna")
        self.assertIsNone(users.entry("ben"))

    def test_a_device_that_can_not_be_one_breaks_the_file(self) -> None:
        for more in (":Meter", ":a-b", ":,", ":meter,", ":meter:pv", ":" + "x" * 21):
            text = line("anna", "1111111111").rstrip() + more
            error = self.assertRaises(UsersError, Users.parse, text, "users")
            self.assertIn("users, line 1: user anna: a device's name", str(error))
            self.assertNotIn("\n", str(error))

    def test_comments_spaces_and_foreign_line_ends_say_nothing(self) -> None:
        text = "# users\r\n\r\n  " + line("anna", "1111111111").replace("\n", "\r\n")
        self.assertEqual(list(Users.parse(text, "users").hashes), ["anna"])

    def test_one_computation_serves_all_of_one_salt(self) -> None:
        other = Recipe(b"another salt here", memory_kib=8, passes=1)
        text = "".join(line(f"user{n}", f"{n:010}") for n in range(20))
        text += line("late", "9999999999", other)
        users = Users.parse(text, "users")
        for user_id, expected in (("9999999999", 2), ("0000000000", 2), ("unknown", 2)):
            self.assertEqual(self._computations(users, user_id), expected)
        self.assertEqual(users.match("9999999999"), "late")

    def test_where_there_are_no_users_as_much_is_computed(self) -> None:
        self.assertEqual(self._computations(Users(), "1111111111"), 1)
        self.assertIsNone(Users().match("1111111111"))

    def _computations(self, users: Users, user_id: str) -> int:
        digest = Recipe.digest
        count = 0

        def counted(recipe: Recipe, secret: str) -> bytes:
            nonlocal count
            count += 1
            return digest(recipe, secret)

        with patch.object(Recipe, "digest", counted):
            users.match(user_id)
        return count

    def test_more_than_eight_salts_are_refused(self) -> None:
        lines = [
            line(f"user{n}", "1111111111", Recipe(bytes([n]) * 16, 8, 1))
            for n in range(MAX_RECIPES + 1)
        ]
        Users.parse("".join(lines[:-1]), "users")
        error = self.assertRaises(UsersError, Users.parse, "".join(lines), "users")
        self.assertIn("users, line 9: more than 8 different salts", str(error))

    def test_an_error_names_file_and_line_and_not_the_hash(self) -> None:
        good = line("anna", "1111111111")
        for bad, why in (
            ("ben", "not NAME:HASH"),
            ("ben:1234567890", "user ben: not an argon2id hash"),
            ("admin:" + good.partition(":")[2], "'admin' can't name a user"),
            ("b/n:" + good.partition(":")[2], "a user's name is"),
            ("ANNA:" + good.partition(":")[2], "user ANNA comes twice"),
        ):
            with self.subTest(bad):
                error = self.assertRaises(
                    UsersError, Users.parse, f"# x\n{good}{bad}", "/etc/users"
                )
                self.assertIn(f"/etc/users, line 3: {why}", str(error))
                self.assertNotIn("1234567890", str(error))
                self.assertNotIn("\n", str(error))

    def test_no_file_means_no_users(self) -> None:
        self.assertEqual(Users.load(None), Users())
        self.assertEqual(Users.load(Path(self.mktemp())), Users())

    def test_a_file_that_is_no_text_is_an_error(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"\xff\xfe")
        error = self.assertRaises(UsersError, Users.load, path)
        self.assertIn(str(path), str(error))

    def test_a_new_user_takes_the_salt_that_is_there(self) -> None:
        users = Users.parse(line("anna", "1111111111"), "users")
        self.assertEqual(users.recipe(), CHEAP)
        self.assertEqual(Users().recipe(lambda size: b"r" * size), Recipe(b"r" * 16))


class NameTests(SynchronousTestCase):
    def test_names_fit_into_a_header(self) -> None:
        for name in ("a", "Anna.B", "anna@example.org", "x" * 64):
            self.assertEqual(check_user_name(name), name)
        for name in ("", "a b", "a\n", "-a", "a.", "x" * 65, "ä", "Admin", "a:b"):
            with self.subTest(name):
                self.assertRaises(ValueError, check_user_name, name)

    def test_ids_have_ten_to_sixty_four_characters(self) -> None:
        for user_id in ("0123456789", "x" * 64):
            self.assertEqual(check_user_id(user_id), user_id)
        for user_id in ("012345678", "x" * 65, "0123 456789", "0123456789\n"):
            with self.subTest(user_id):
                error = self.assertRaises(ValueError, check_user_id, user_id)
                self.assertNotIn(user_id, str(error))
