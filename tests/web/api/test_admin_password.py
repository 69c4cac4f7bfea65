"""``password`` of the operator API: that of the operator."""

from __future__ import annotations

from cfos_cloud.registry import settings
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from tests.web.api.resource_case import ResourceCase
from tests.web.operator_support import PASSWORD, Reply, basic

NEW = "another passwörd"


class AdminPasswordTests(ResourceCase):
    def more(self) -> tuple[object, ...]:
        self.changes = 0

        def changed() -> None:
            self.changes += 1

        self.operator.when_changed(changed)
        return (AdminPasswordResource(self.operator, self.password),)

    def change(self, *, by: str = PASSWORD, **document: object) -> Reply:
        return self.ask("POST", "/password", headers=basic(by), json=document)

    def is_password(self, password: str) -> bool:
        reply = self.ask("GET", "/systems", headers=basic(password))
        return reply.status == 200

    def test_the_new_one_counts_at_once_and_the_old_one_no_more(self) -> None:
        # A success is remembered for a minute, and must be forgotten here.
        self.assertTrue(self.is_password(PASSWORD))
        reply = self.change(new=NEW)
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertTrue(self.is_password(NEW))
        self.assertFalse(self.is_password(PASSWORD))

    def test_it_is_there_after_a_restart(self) -> None:
        self.change(new=NEW)
        self.restart()
        self.operator.prepare(self.data_dir)
        self.make_api()
        self.assertTrue(self.is_password(NEW))

    def test_the_old_one_is_checked_where_it_is_given(self) -> None:
        reply = self.change(old="not it at all", new=NEW)
        self.assert_problem(reply, 422, "this is not the present password", "old")
        self.assertTrue(self.is_password(PASSWORD))
        self.assertEqual(self.change(old=PASSWORD, new=NEW).status, 204)

    def test_guesses_at_the_old_one_are_throttled(self) -> None:
        statuses = [
            self.change(old=f"guess {number}", new=NEW).status for number in range(20)
        ]
        self.assertIn(429, statuses)
        self.assertFalse(set(statuses) - {422, 429})
        self.assertEqual(self.changes, 0)

    def test_what_can_t_be_is_422_and_names_the_member(self) -> None:
        for document, field in (
            ({}, "new"),
            ({"new": None}, "new"),
            ({"new": 12345678}, "new"),
            ({"new": ""}, "new"),
            ({"new": "seven c"}, "new"),
            ({"new": "x" * 257}, "new"),
            ({"new": "two lines\nof it"}, "new"),
            ({"new": "\ud800" * 12}, "new"),
            ({"old": 7, "new": NEW}, "old"),
        ):
            self.assert_problem(self.change(**document), 422, "", field)
        self.assertEqual(self.changes, 0)
        self.assertTrue(self.is_password(PASSWORD))

    def test_one_that_comes_from_a_file_is_changed_there(self) -> None:
        file = self.data_dir / "password"
        file.write_text("from the file")
        self.operator.prepare(self.data_dir, file)
        for document in ({"new": NEW}, {"new": NEW, "old": "whatever"}):
            reply = self.change(by="from the file", **document)
            self.assert_problem(reply, 409, "--admin-password-file")
        self.assertTrue(self.is_password("from the file"))
        self.assertEqual(self.changes, 0)

    def test_who_lives_by_the_old_one_is_told(self) -> None:
        self.change(new=NEW)
        self.assertEqual(self.changes, 1)

    def test_only_a_hash_is_kept(self) -> None:
        self.change(new=NEW)
        kept = self.database.run_blocking(
            lambda db: settings.read(db, "admin_password")
        )
        assert kept is not None
        self.assertTrue(kept.startswith("$argon2id$"))
        self.assertNotIn(NEW, kept)

    def test_without_credentials_nothing_changes(self) -> None:
        self.assertEqual(self.change(by="wrong", new=NEW, old=PASSWORD).status, 401)
        self.assertTrue(self.is_password(PASSWORD))
