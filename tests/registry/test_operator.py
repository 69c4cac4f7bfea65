"""The operator's admin password."""

from __future__ import annotations

import unicodedata
from unittest.mock import patch

import argon2
from twisted.logger import capturedLogs

from cfos_cloud.registry import (
    AdminPasswordError,
    AdminPasswordFixed,
    Operator,
    settings,
)
from cfos_cloud.registry.operator import _HASHER, MAX_PASSWORD
from cfos_cloud.registry.remembered import LIFETIME
from tests.registry.support import (
    FAST_HASHER,
    InlineWorker,
    ManualWorker,
    RegistryCase,
)


class OperatorCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.initial = self.data_dir / "initial-admin-password"
        self.file = self.data_dir / "given"
        self.file.write_text("from the file\n")
        self.logged = self.enterContext(capturedLogs())

    def verify(self, password: str) -> bool:
        return self.successResultOf(self.operator.verify(password))

    def another(self, worker: InlineWorker | ManualWorker) -> Operator:
        operator = Operator(self.database, worker, self.clock, self.events, FAST_HASHER)
        operator.prepare(self.data_dir)
        return operator


class StartTests(OperatorCase):
    def test_the_first_start_generates_a_password_into_a_file(self) -> None:
        self.operator.prepare(self.data_dir)
        password = self.initial.read_text().rstrip("\n")
        self.assertEqual(self.initial.stat().st_mode & 0o777, 0o600)
        self.assertTrue(self.verify(password))
        self.assertFalse(self.verify(password + "x"))
        self.assertFalse(self.operator.fixed)

    def test_the_log_names_the_file_and_not_the_password(self) -> None:
        self.operator.prepare(self.data_dir)
        text = repr(self.logged)
        self.assertEqual(text.count("first start: an admin password"), 1)
        self.assertIn(str(self.initial), text)
        self.assertNotIn(self.initial.read_text().strip(), text)

    def test_the_next_start_keeps_it(self) -> None:
        self.operator.prepare(self.data_dir)
        password = self.initial.read_text().strip()
        self.restart()
        self.operator.prepare(self.data_dir)
        self.assertTrue(self.verify(password))
        self.assertEqual(repr(self.logged).count("first start"), 1)

    def test_only_an_argon2id_hash_is_stored(self) -> None:
        self.operator.prepare(self.data_dir)
        stored = self.database.run_blocking(
            lambda db: settings.read(db, "admin_password")
        )
        assert stored is not None
        self.assertTrue(stored.startswith("$argon2id$"))
        password = self.initial.read_bytes().strip()
        self.assertNotIn(password, self.databases.contents(self.data_dir))

    def test_the_real_hasher_is_argon2id_within_its_memory(self) -> None:
        parameters = argon2.extract_parameters(_HASHER.hash("x"))
        self.assertEqual(parameters.type, argon2.Type.ID)
        self.assertEqual(parameters.memory_cost, 19 * 1024)
        self.assertGreaterEqual(parameters.time_cost, 2)

    def test_a_file_is_the_authority_at_each_start(self) -> None:
        self.operator.prepare(self.data_dir)
        generated = self.initial.read_text().strip()
        self.restart()
        self.operator.prepare(self.data_dir, self.file)
        self.assertTrue(self.operator.fixed)
        self.assertTrue(self.verify("from the file"))
        self.assertFalse(self.verify(generated))
        self.assertFalse(self.initial.exists())

        self.file.write_text("another one")
        self.restart()
        self.operator.prepare(self.data_dir, self.file)
        self.assertTrue(self.verify("another one"))
        self.assertFalse(self.verify("from the file"))

    def test_the_last_file_s_password_stays_without_it(self) -> None:
        self.operator.prepare(self.data_dir, self.file)
        self.restart()
        self.operator.prepare(self.data_dir)
        self.assertTrue(self.verify("from the file"))
        self.assertFalse(self.initial.exists())

    def test_an_empty_or_missing_file_is_one_clear_line(self) -> None:
        for content, words in ((b"\n", "is empty"), (b"\xff", "not UTF-8")):
            self.file.write_bytes(content)
            error = self.assertRaises(
                AdminPasswordError, self.operator.prepare, self.data_dir, self.file
            )
            self.assertIn(words, str(error))
            self.assertIn(str(self.file), str(error))
        self.assertRaises(
            AdminPasswordError,
            self.operator.prepare,
            self.data_dir,
            self.data_dir / "none",
        )

    def test_a_directory_that_can_t_be_written_is_one_clear_line(self) -> None:
        error = self.assertRaises(
            AdminPasswordError, self.operator.prepare, self.data_dir / "missing"
        )
        self.assertIn("No such file", str(error))


class VerifyTests(OperatorCase):
    def setUp(self) -> None:
        super().setUp()
        self.operator.prepare(self.data_dir, self.file)

    def test_accents_count_however_they_are_typed(self) -> None:
        self.file.write_text("Se\N{COMBINING ACUTE ACCENT}same")
        self.operator.prepare(self.data_dir, self.file)
        self.assertTrue(self.verify("S\N{LATIN SMALL LETTER E WITH ACUTE}same"))

    def test_one_that_is_too_long_is_wrong_before_it_costs_anything(
        self,
    ) -> None:
        # Bringing this into one form takes seconds.
        slow = "\u0300" * 16_000 + "\u0316" * 16_000
        worker = ManualWorker()
        operator = self.another(worker)
        with patch.object(unicodedata, "normalize", side_effect=AssertionError):
            self.assertIs(self.successResultOf(operator.verify(slow)), False)
        refused = operator.set_password("x" * (MAX_PASSWORD + 1))
        self.failureResultOf(refused, AdminPasswordError)

    def test_a_file_with_one_that_is_too_long_is_one_clear_line(self) -> None:
        self.file.write_text("x" * (MAX_PASSWORD + 1))
        with self.assertRaises(AdminPasswordError) as raised:
            self.operator.prepare(self.data_dir, self.file)
        self.assertIn("more than 1000 characters", str(raised.exception))

    def test_an_empty_password_is_never_right(self) -> None:
        self.assertFalse(self.verify(""))

    def test_a_stored_value_that_is_no_hash_fits_no_password(self) -> None:
        self.database.run_blocking(
            lambda db: settings.write(db, "admin_password", "spoilt")
        )
        operator = self.another(InlineWorker())
        self.assertFalse(self.successResultOf(operator.verify("spoilt")))

    def test_a_success_is_remembered_for_a_minute(self) -> None:
        worker = ManualWorker()
        operator = self.another(worker)
        first = operator.verify("from the file")
        self.assertNoResult(first)
        worker.run_all()
        self.assertTrue(self.successResultOf(first))

        self.clock.advance(LIFETIME - 1)
        self.assertTrue(self.successResultOf(operator.verify("from the file")))
        self.assertNoResult(wrong := operator.verify("wrong"))
        self.clock.advance(1)
        self.assertNoResult(late := operator.verify("from the file"))
        worker.run_all()
        self.assertFalse(self.successResultOf(wrong))
        self.assertTrue(self.successResultOf(late))

    def test_a_failure_is_not_remembered(self) -> None:
        worker = ManualWorker()
        operator = self.another(worker)
        for _ in range(2):
            self.assertNoResult(answer := operator.verify("wrong"))
            worker.run_all()
            self.assertFalse(self.successResultOf(answer))

    def test_the_memory_holds_no_password(self) -> None:
        self.verify("from the file")
        kept = vars(self.operator._remembered)
        self.assertNotIn("from the file", repr(kept))
        self.assertNotIn(b"from the file", list(kept.values()))


class ChangeTests(OperatorCase):
    def setUp(self) -> None:
        super().setUp()
        self.operator.prepare(self.data_dir)
        self.first = self.initial.read_text().strip()

    def test_a_change_forgets_the_old_one_at_once_and_for_good(self) -> None:
        self.assertTrue(self.verify(self.first))
        self.successResultOf(self.operator.set_password("the new one"))
        self.assertFalse(self.verify(self.first))
        self.assertTrue(self.verify("the new one"))
        self.assertFalse(self.initial.exists())
        self.restart()
        self.operator.prepare(self.data_dir)
        self.assertTrue(self.verify("the new one"))

    def test_a_check_under_way_does_not_bring_the_old_one_back(self) -> None:
        worker = ManualWorker()
        operator = self.another(worker)
        changed = operator.set_password("the new one")
        checked = operator.verify(self.first)
        worker.run_all()
        self.successResultOf(changed)
        self.assertFalse(self.successResultOf(checked))
        self.assertNoResult(again := operator.verify(self.first))
        worker.run_all()
        self.assertFalse(self.successResultOf(again))

    def test_an_empty_one_is_refused(self) -> None:
        self.failureResultOf(self.operator.set_password(""), AdminPasswordError)
        self.assertTrue(self.verify(self.first))

    def test_one_from_a_file_can_t_be_changed(self) -> None:
        self.operator.prepare(self.data_dir, self.file)
        self.failureResultOf(
            self.operator.set_password("the new one"), AdminPasswordFixed
        )
        self.assertTrue(self.verify("from the file"))
