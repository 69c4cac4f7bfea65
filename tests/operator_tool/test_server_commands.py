"""``cfos-cloud status``, ``password`` and ``loglevel``."""

from __future__ import annotations

import io

from twisted.internet.defer import Deferred, fail

from cfos_cloud.registry import DatabaseError
from cfos_cloud.tunnel.exchange import Presence
from tests.operator_tool.support import CommandCase
from tests.registry.support import temporary_directory


class StatusTests(CommandCase):
    def test_it_says_how_all_of_it_stands(self) -> None:
        for name in ("A", "B", "C"):
            self.output("system", "add", name)
        self.output("system", "disable", "c")
        self.tunnels.online["b"] = Presence(True)
        self.clock.advance(3 * 86_400 + 4 * 3600)
        lines = self.output("status").splitlines()
        self.assertIn("https://cloud.example:4443, version ", lines[0])
        for line in (
            "              up 3 days 4 hours",
            "Systems:      3, 1 online, 1 disabled",
            "Sessions:     0",
            "Database:     ok",
            "Certificate:  localhost",
            "              self-signed by the server, EC P-256",
            "Log level:    3 (information)",
        ):
            self.assertIn(line, lines)

    def test_json_has_the_same(self) -> None:
        self.output("system", "add", "A")
        document = self.document("status")
        self.assertEqual(document["database"], {"ok": True})
        self.assertEqual(document["systems"], {"total": 1, "online": 0, "enabled": 1})
        self.assertEqual(document["certificate"], self.document("cert"))
        self.assertEqual(document["loglevel"], 3)

    def test_a_server_that_is_not_well_is_status_1(self) -> None:
        def no_answer() -> Deferred[None]:
            return fail(DatabaseError("away"))

        self.patch(self.database, "check", no_answer)
        self.clock.pump([1.0] * 30)
        for words, told in (
            (("status",), "Database:     does not answer"),
            (("status", "--json"), '"database": {"ok": false}'),
        ):
            file = io.StringIO()
            status = self.successResultOf(self.deferred(*words, file=file))
            self.assertEqual(status, 1)
            self.assertIn(told, file.getvalue())

    def test_a_wrong_password_is_said(self) -> None:
        self.assertIn(
            "refuses the admin password", self.refusal("status", password="wrong")
        )


class LogLevelTests(CommandCase):
    def test_it_is_shown_and_changed(self) -> None:
        self.assertEqual(self.output("loglevel"), "3 (information)\n")
        self.assertEqual(self.output("loglevel", "4"), "4 (data)\n")
        self.assertEqual(self.document("loglevel"), {"loglevel": 4})
        self.assertEqual(self.level.level, 4)


class PasswordTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = temporary_directory(self) / "new"

    def change(self, new: str, *more: str) -> tuple[str, ...]:
        self.file.write_text(new + "\n")
        return ("password", "--new-password-file", str(self.file), *more)

    def test_the_new_one_counts_from_then_on(self) -> None:
        self.assertEqual(
            self.output(*self.change("another password")),
            "The admin password is changed.\n",
        )
        self.assertIn("refuses", self.refusal("status"))
        file = io.StringIO()
        deferred = self.deferred("status", password="another password", file=file)
        self.assertIsNone(self.successResultOf(deferred))

    def test_json_says_so_too_and_never_the_password(self) -> None:
        self.assertEqual(
            self.document(*self.change("another password")), {"changed": True}
        )

    def test_one_that_is_too_short_is_said(self) -> None:
        self.assertEqual(
            self.refusal(*self.change("short")),
            "new: an admin password has at least 8 characters",
        )

    def test_where_a_file_is_the_authority_it_is_said(self) -> None:
        of_server = self.data_dir / "password"
        of_server.write_text("from the file")
        self.operator.prepare(self.data_dir, of_server)
        line = self.refusal(*self.change("another one"), password="from the file")
        self.assertIn("--admin-password-file", line)
