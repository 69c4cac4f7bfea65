"""Opening, migrating and using a database."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.registry import Database, DatabaseError, default_url
from cfos_cloud.registry.migrate import MIGRATIONS, schema_revision
from cfos_cloud.registry.schema import metadata, setting
from cfos_cloud.registry.settings import read, write
from tests.registry.support import (
    InlineWorker,
    ManualWorker,
    make_database,
    temporary_directory,
)

SECOND_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("setting", sa.Column("note", sa.Text()))
    {then}
"""


class DatabaseCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.file = self.data_dir / "cfos-cloud.sqlite3"

    def opened(self, migrations: Path = MIGRATIONS) -> Database:
        database = make_database(self.data_dir, migrations=migrations)
        database.open()
        self.addCleanup(database.close)
        return database

    def close(self, database: Database) -> None:
        self.successResultOf(database.close())

    def refusal(self, migrations: Path = MIGRATIONS) -> str:
        database = make_database(self.data_dir, migrations=migrations)
        error = self.assertRaises(DatabaseError, database.open)
        self.close(database)
        self.assertEqual(len(str(error).splitlines()), 1)
        self.assertIn(str(self.file), str(error))
        return str(error)

    def migrations_with_a_second(self, then: str = "") -> Path:
        folder = temporary_directory(self) / "100% migrations"
        shutil.copytree(MIGRATIONS, folder)
        second = folder / "versions" / "r0002_note.py"
        second.write_text(SECOND_REVISION.format(then=then))
        return folder


class OpeningTests(DatabaseCase):
    def test_the_file_is_readable_by_its_owner_only(self) -> None:
        self.opened()
        for file in self.data_dir.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file.name)

    def test_a_file_that_others_could_read_is_closed_to_them(self) -> None:
        self.file.touch(mode=0o644)
        self.opened()
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_the_migrations_make_what_the_schema_says(self) -> None:
        def differences(connection: Connection) -> list[object]:
            context = MigrationContext.configure(connection)
            return list(compare_metadata(context, metadata))

        self.assertEqual(self.opened().run_blocking(differences), [])

    def test_sqlite_is_told_to_be_safe(self) -> None:
        def pragmas(connection: Connection) -> dict[str, object]:
            names = ("synchronous", "foreign_keys", "journal_mode", "busy_timeout")
            return {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in names
            }

        self.assertEqual(
            self.opened().run_blocking(pragmas),
            {
                "synchronous": 2,
                "foreign_keys": 1,
                "journal_mode": "delete",
                "busy_timeout": 5000,
            },
        )

    def test_a_second_server_is_refused_until_the_first_has_closed(self) -> None:
        first = self.opened()
        self.assertIn("another server uses it (process ", self.refusal())
        self.close(first)
        self.opened()

    def test_another_process_is_refused_too(self) -> None:
        self.opened()
        script = textwrap.dedent(
            f"""
            import fcntl
            file = open({str(self.file) + ".lock"!r}, "r+")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            """
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True)
        self.assertIn(b"BlockingIOError", done.stderr)

    def test_a_file_that_is_no_database_is_refused(self) -> None:
        self.file.write_bytes(b"this is no database\n" * 500)
        self.assertIn("not a database", self.refusal())
        self.assertTrue(self.file.read_bytes().startswith(b"this is no database"))

    def test_a_file_that_can_t_be_opened_is_refused(self) -> None:
        self.file.mkdir()
        self.assertIn("Is a directory", self.refusal())

    def test_a_missing_directory_is_refused(self) -> None:
        database = make_database(self.data_dir / "missing")
        error = self.assertRaises(DatabaseError, database.open)
        self.assertIn("No such file or directory", str(error))
        self.close(database)

    def test_a_newer_schema_is_refused_and_left_alone(self) -> None:
        newer = self.migrations_with_a_second()
        self.close(self.opened(newer))
        before = self.file.read_bytes()
        self.assertIn("its schema 0002 is of a newer version", self.refusal())
        self.assertEqual(self.file.read_bytes(), before)

    def test_urls_of_nothing_we_know_are_refused(self) -> None:
        for url in ("", "nonsense", "mysql://localhost/x"):
            self.assertRaises(
                DatabaseError,
                Database,
                url,
                IReactorFromThreads(reactor),
                InlineWorker(),
            )

    def test_a_postgresql_password_is_in_no_message(self) -> None:
        worker = InlineWorker()
        real = IReactorFromThreads(reactor)
        url = "postgresql://user:canary@127.0.0.1:1/none"
        try:
            database = Database(url, real, worker)
        except DatabaseError as error:  # no driver is installed
            message = str(error)
        else:
            message = str(self.assertRaises(DatabaseError, database.open))
        self.assertIn("user:***@127.0.0.1", message)
        self.assertNotIn("canary", message)


class MigratingTests(DatabaseCase):
    def test_an_older_schema_is_copied_and_then_migrated(self) -> None:
        first = self.opened()
        first.run_blocking(lambda db: write(db, "kept", "value"))
        self.close(first)

        second = self.opened(self.migrations_with_a_second())
        self.assertEqual(second.run_blocking(schema_revision), "0002")
        self.assertEqual(second.run_blocking(lambda db: read(db, "kept")), "value")

        copy = self.data_dir / "cfos-cloud.sqlite3.before-0001"
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        rows = sqlite3.connect(copy).execute("SELECT * FROM setting").fetchall()
        self.assertEqual(rows, [("kept", "value")])

    def test_a_migration_that_fails_changes_nothing(self) -> None:
        self.close(self.opened())
        broken = self.migrations_with_a_second(then='op.execute("SELECT * FROM none")')
        self.assertIn("no such table", self.refusal(broken))
        database = self.opened()
        self.assertEqual(database.run_blocking(schema_revision), "0001")
        columns = database.run_blocking(
            lambda db: db.exec_driver_sql("SELECT * FROM setting").keys()
        )
        self.assertNotIn("note", columns)


class TransactionTests(DatabaseCase):
    def test_an_exception_rolls_back_and_is_passed_on(self) -> None:
        database = self.opened()

        def fail(connection: Connection) -> None:
            connection.execute(insert(setting).values(name="a", value="b"))
            raise KeyError("a")

        self.failureResultOf(database.run(fail), KeyError)
        self.assertIsNone(self.successResultOf(database.run(lambda db: read(db, "a"))))

    def test_trouble_of_the_database_is_a_line_without_values(self) -> None:
        database = self.opened()

        def twice(connection: Connection) -> None:
            for _ in range(2):
                connection.execute(insert(setting).values(name="a", value="canary"))

        failure = self.failureResultOf(database.run(twice), DatabaseError)
        self.assertNotIn("canary", failure.getTraceback(detail="default"))
        self.assertIn("UNIQUE constraint failed", str(failure.value))

    def test_a_closed_database_says_so(self) -> None:
        database = self.opened()
        self.close(database)
        self.failureResultOf(database.check(), DatabaseError)

    def test_what_was_begun_before_the_close_is_committed(self) -> None:
        worker = ManualWorker()
        database = make_database(self.data_dir, worker)
        database.open()
        written = database.run(lambda db: write(db, "a", "b"))
        closed = database.close()
        self.assertNoResult(closed)
        worker.run_all()
        self.successResultOf(written)
        self.successResultOf(closed)
        self.assertEqual(self.opened().run_blocking(lambda db: read(db, "a")), "b")

    def test_a_setting_can_be_set_again(self) -> None:
        database = self.opened()
        database.run_blocking(lambda db: write(db, "a", "one"))
        database.run_blocking(lambda db: write(db, "a", "two"))
        rows = database.run_blocking(lambda db: db.execute(select(setting)).all())
        self.assertEqual([tuple(row) for row in rows], [("a", "two")])


class ThreadTests(TestCase):
    async def test_transactions_run_in_one_thread_beside_the_reactor(self) -> None:
        data_dir = temporary_directory(self)
        database = Database(default_url(data_dir), IReactorFromThreads(reactor))
        database.open()
        seen = [database.run(lambda _: threading.get_ident()) for _ in range(20)]
        threads = {await one for one in seen}
        await database.check()
        await database.close()
        self.assertEqual(len(threads), 1)
        self.assertNotIn(threading.get_ident(), threads)
        self.assertNotIn("database", str(threading.enumerate()))

    def test_what_was_acknowledged_survives_a_kill(self) -> None:
        data_dir = temporary_directory(self)
        script = textwrap.dedent(
            f"""
            import os, signal
            from pathlib import Path
            from tests.registry.support import make_database
            from cfos_cloud.registry.settings import write
            database = make_database(Path({str(data_dir)!r}))
            database.open()
            for number in range(10):
                database.run_blocking(lambda db: write(db, str(number), "x"))
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
        root = Path(__file__).parent.parent.parent
        done = subprocess.run([sys.executable, "-c", script], cwd=root)
        self.assertEqual(done.returncode, -9)
        database = make_database(data_dir)
        database.open()
        self.addCleanup(database.close)
        rows = database.run_blocking(lambda db: db.execute(select(setting)).all())
        self.assertEqual(len(rows), 10)
