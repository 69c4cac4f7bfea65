"""Where the tool has its passwords from."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.passwords import (
    VARIABLE,
    admin_password,
    new_admin_password,
    secret_from,
)
from tests.operator_tool.support import Terminal
from tests.registry.support import temporary_directory


class PasswordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = temporary_directory(self) / "password"
        self.patch(sys, "stdin", io.StringIO())

    def ask(self, prompt: str) -> str:
        return "from the prompt"

    def test_the_file_comes_first_then_the_variable_then_the_prompt(self) -> None:
        self.file.write_text("from the file\n")
        variable = {VARIABLE: "from the variable"}
        found = admin_password(self.file, variable, self.ask)
        self.assertEqual(found, "from the file")
        found = admin_password(None, variable, self.ask)
        self.assertEqual(found, "from the variable")
        self.patch(sys, "stdin", Terminal())
        self.assertEqual(admin_password(None, {}, self.ask), "from the prompt")

    def test_where_nobody_can_be_asked_it_is_bad_usage(self) -> None:
        error = self.assertRaises(BadUsage, admin_password, None, {}, self.ask)
        self.assertEqual(error.status, 2)
        self.assertIn("--admin-password-file", str(error))

    def test_an_empty_file_or_answer_is_bad_usage(self) -> None:
        self.file.write_text("\n")
        self.assertRaises(BadUsage, admin_password, self.file, {}, self.ask)
        self.assertRaises(BadUsage, secret_from, self.file / "none")
        self.patch(sys, "stdin", Terminal())
        self.assertRaises(BadUsage, admin_password, None, {}, lambda _: "")


class NewPasswordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(sys, "stdin", Terminal())

    def asked(self, *answers: str) -> str:
        given = list(answers)
        return new_admin_password(None, lambda _: given.pop(0))

    def test_it_is_asked_for_twice(self) -> None:
        self.assertEqual(
            self.asked("a new password", "a new password"), "a new password"
        )
        error = self.assertRaises(BadUsage, self.asked, "a new password", "another")
        self.assertIn("nothing has changed", str(error))
        self.assertRaises(BadUsage, self.asked, "")

    def test_it_may_come_from_a_file(self) -> None:
        file = temporary_directory(self) / "new"
        file.write_text("from the file\n")
        self.assertEqual(new_admin_password(file), "from the file")

    def test_where_nobody_can_be_asked_it_is_bad_usage(self) -> None:
        self.patch(sys, "stdin", io.StringIO())
        error = self.assertRaises(BadUsage, new_admin_password, None)
        self.assertIn("--new-password-file", str(error))
