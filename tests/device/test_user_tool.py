"""``cfos-cloud device-user``."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device import user_tool
from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.user_tool import UsersFile
from cfos_cloud.device.users import Users


class UserToolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.path = self.directory / "users"

    def run_tool(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        user_tool.add_parsers(parser.add_subparsers())
        arguments = parser.parse_args(
            ["device-user", *words, "--users-file", str(self.path)]
        )
        output, errors = io.StringIO(), io.StringIO()
        self.patch(sys, "stdin", io.StringIO(stdin))
        with redirect_stdout(output), redirect_stderr(errors):
            status = user_tool.run(arguments)
        return status, output.getvalue(), errors.getvalue()

    def id_file(self, user_id: str) -> str:
        path = self.directory / "id"
        path.write_text(user_id)
        return str(path)

    def test_a_new_id_is_shown_once_and_logs_in(self) -> None:
        status, output, _ = self.run_tool("add", "anna")
        self.assertEqual(status, 0)
        user_id = output.split()[-1]
        self.assertRegex(user_id, r"\A[0-9]{12}\Z")
        self.assertEqual(Users.load(self.path).match(user_id), "anna")
        self.assertNotIn(user_id, self.path.read_text())

    def test_all_users_share_a_salt(self) -> None:
        for name in ("anna", "ben"):
            self.run_tool("add", name)
        hashes = Users.load(self.path).hashes.values()
        self.assertEqual(len({hash_.recipe for hash_ in hashes}), 1)
        (recipe,) = {hash_.recipe for hash_ in hashes}
        self.assertEqual(
            (recipe.memory_kib, recipe.passes, recipe.lanes), (19 * 1024, 2, 1)
        )

    def test_an_id_from_a_file_is_not_shown(self) -> None:
        result = self.run_tool("add", "anna", "--id-file", self.id_file("1234567890\n"))
        self.assertEqual(result, (0, "", ""))
        self.assertEqual(Users.load(self.path).match("1234567890"), "anna")

    def test_json_is_one_object(self) -> None:
        _, output, _ = self.run_tool("add", "anna", "--json")
        added = json.loads(output)
        self.assertEqual(added["name"], "anna")
        self.assertEqual(Users.load(self.path).match(added["user_id"]), "anna")
        _, output, _ = self.run_tool("list", "--json")
        self.assertEqual(json.loads(output), {"items": [{"name": "anna"}]})
        _, output, _ = self.run_tool("remove", "anna", "--json")
        self.assertEqual(json.loads(output), {"removed": "anna"})

    def test_removing_leaves_the_others_and_the_comments(self) -> None:
        self.run_tool("add", "anna")
        self.path.write_text("# mine\n" + self.path.read_text())
        self.run_tool("add", "ben")
        self.assertEqual(self.run_tool("remove", "anna"), (0, "", ""))
        self.assertEqual(self.run_tool("list")[1], "ben\n")
        self.assertTrue(self.path.read_text().startswith("# mine\n"))
        self.assertEqual(self.path.read_text().count("\n"), 5)

    def test_further_devices_are_given_changed_and_taken_back(self) -> None:
        _, output, _ = self.run_tool("add", "anna", "--devices", "meter, b2")
        user_id = output.split()[-1]
        self.run_tool("add", "ben")
        self.assertEqual(self.run_tool("list")[1], "anna\tb2,meter\nben\n")
        self.assertEqual(
            json.loads(self.run_tool("list", "--json")[1])["items"],
            [{"name": "anna", "devices": ["b2", "meter"]}, {"name": "ben"}],
        )
        before = self.path.read_text()
        self.assertEqual(self.run_tool("allow", "anna", "--devices", "pv"), (0, "", ""))
        self.assertEqual(self.path.read_text(), before.replace("b2,meter", "pv"))
        self.assertEqual(Users.load(self.path).match(user_id), "anna")
        self.run_tool("allow", "anna", "--devices", "")
        self.assertEqual(self.path.read_text(), before.replace(":b2,meter", ""))
        self.run_tool("allow", "ben", "--devices", "meter")
        self.assertEqual(Users.load(self.path).devices, {"ben": frozenset({"meter"})})

    def test_a_device_s_name_is_checked_and_a_user_must_be_there(self) -> None:
        self.run_tool("add", "anna")
        before = self.path.read_text()
        for words, status, line in (
            (("add", "ben", "--devices", "a b"), 2, "--devices: a device's name is"),
            (("allow", "anna", "--devices", "meter,"), 2, "--devices: a device's"),
            (("allow", "ben", "--devices", "meter"), 1, "there is no user ben"),
        ):
            found, _, errors = self.run_tool(*words)
            self.assertEqual((found, line in errors), (status, True), errors)
        self.assertEqual(self.path.read_text(), before)

    def test_the_file_is_its_owners_only(self) -> None:
        self.run_tool("add", "anna")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_a_link_stays_a_link(self) -> None:
        real = self.directory / "real"
        self.path.symlink_to(real)
        self.run_tool("add", "anna")
        self.assertTrue(self.path.is_symlink())
        self.assertEqual(list(Users.load(real).hashes), ["anna"])

    def test_root_leaves_the_file_to_who_owned_it(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.run_tool("add", "anna")
        os.chown(self.path, 12345, 12345)
        self.run_tool("add", "ben")
        self.assertEqual(
            (self.path.stat().st_uid, self.path.stat().st_gid), (12345,) * 2
        )

    def test_what_can_not_be_done_is_one_line(self) -> None:
        self.run_tool("add", "anna", "--id-file", self.id_file("1234567890"))
        before = self.path.read_bytes()
        for words, status, why in (
            (("add", "Anna"), 1, "there is a user Anna already"),
            (("add", "b b"), 2, "a user's name is"),
            (("add", "admin"), 2, "'admin' can't name a user"),
            (("add", "ben", "--id-file", "/nowhere/id"), 1, "can't read /nowhere/id"),
            (("add", "ben", "--id-file", self.id_file("1234567890")), 1, "is in use"),
            (("add", "ben", "--ask"), 2, "no terminal"),
            (("remove", "ben"), 1, "there is no user ben"),
        ):
            with self.subTest(words):
                got, output, errors = self.run_tool(*words)
                self.assertEqual((got, output), (status, ""))
                self.assertEqual(errors.count("\n"), 1)
                self.assertIn(why, errors)
                self.assertEqual(self.path.read_bytes(), before)

    def test_a_bad_id_is_not_repeated(self) -> None:
        status, _, errors = self.run_tool(
            "add", "ben", "--id-file", self.id_file("123")
        )
        self.assertEqual(status, 2)
        self.assertNotIn("123", errors)

    def test_a_broken_file_is_left_alone(self) -> None:
        self.path.write_text("nonsense\n")
        for words in (("add", "anna"), ("remove", "anna"), ("list",)):
            status, _, errors = self.run_tool(*words)
            self.assertEqual(status, 1)
            self.assertIn(f"{self.path}, line 1", errors)
        self.assertEqual(self.path.read_text(), "nonsense\n")

    def test_a_list_of_no_file_is_an_error(self) -> None:
        status, _, errors = self.run_tool("list")
        self.assertEqual((status, errors.count("\n")), (1, 1))

    def test_a_directory_that_is_not_there_is_an_error(self) -> None:
        self.path = self.directory / "nowhere" / "users"
        status, _, errors = self.run_tool("add", "anna")
        self.assertEqual((status, errors.count("\n")), (1, 1))

    def test_a_full_file_is_refused(self) -> None:
        hash_ = Recipe(b"salt of 16 bytes", 8, 1).hash("1111111111")
        self.path.write_text("".join(f"user{n}:{hash_}\n" for n in range(620)))
        before = self.path.read_bytes()
        for n in range(200):
            status, _, errors = self.run_tool("add", f"new{n}")
            if status:
                break
            before = self.path.read_bytes()
        self.assertIn("too large", errors)
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_lock_that_is_never_let_go_is_an_error(self) -> None:
        self.patch(user_tool, "LOCK_PATIENCE", 0)
        with UsersFile(self.path)._locked():
            status, _, errors = self.run_tool("add", "anna")
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn("locked", errors)

    def test_two_at_a_time_lose_nobody(self) -> None:
        hash_ = Recipe(b"salt of 16 bytes", 8, 1).hash("1111111111")
        self.path.write_text(f"first:{hash_}\n")

        def add(letter: str) -> None:
            for number in range(20):
                UsersFile(self.path).add(f"{letter}{number}")

        threads = [threading.Thread(target=add, args=[letter]) for letter in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(Users.load(self.path).hashes), 41)
