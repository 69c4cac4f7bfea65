"""What is SQLite's own: its file, its lock, its copies."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading

from sqlalchemy import Connection
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from cfos_cloud.registry import Database, DatabaseError, default_url
from cfos_cloud.registry.settings import write
from tests.registry.support import (
    RegistryCase,
    access_key,
    make_database,
    temporary_directory,
    verifier,
)
from tests.registry.test_database import DatabaseCase, newest_revision


class SQLiteCase(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.data_dir / "cfos-cloud.sqlite3"


class OrphanTests(RegistryCase):
    def test_a_key_whose_system_is_not_there_is_no_key_of_the_cloud(self) -> None:
        self.successResultOf(self.systems.add("Garage", verifier()))
        for key in (access_key("orphan"), access_key("cloud", None)):
            self.successResultOf(self.keys.add(key))
        self.successResultOf(self.database.close())
        # By a tool that does not look after foreign keys, as it is SQLite's default.
        connection = sqlite3.connect(self.data_dir / "cfos-cloud.sqlite3")
        connection.execute("DELETE FROM system")
        connection.commit()
        rows = connection.execute("SELECT count(*) FROM access_key").fetchone()
        connection.close()
        self.assertEqual(rows, (2,))
        self.start()
        self.assertEqual([key.id for key in self.keys], ["cloud"])


class FileTests(SQLiteCase):
    def test_the_file_is_readable_by_its_owner_only(self) -> None:
        self.opened()
        for file in self.data_dir.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file.name)

    def test_a_file_that_others_could_read_is_closed_to_them(self) -> None:
        self.file.touch(mode=0o644)
        self.opened()
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_it_is_told_to_be_safe(self) -> None:
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

    def test_the_refusal_names_the_process_that_has_it(self) -> None:
        self.opened()
        line = self.refusal()
        self.assertIn(f"another server uses it (process {os.getpid()})", line)
        self.assertIn(str(self.file), line)

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


class CopyBeforeMigrationTests(SQLiteCase):
    def copies(self) -> list[str]:
        return sorted(file.name for file in self.data_dir.glob("*before*"))

    def test_an_older_schema_is_copied_first_and_the_log_says_where(self) -> None:
        first = self.opened()
        first.run_blocking(lambda db: write(db, "kept", "value"))
        self.close(first)
        with capturedLogs() as events:
            self.opened(self.migrations_with_a_next())
        copy = self.data_dir / f"cfos-cloud.sqlite3.before-{newest_revision()}"
        said = [event.get("path") for event in events]
        self.assertIn(str(copy), said)
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        with sqlite3.connect(copy) as connection:
            rows = connection.execute("SELECT * FROM setting").fetchall()
        self.assertEqual(rows, [("kept", "value")])

    def test_there_is_none_where_nothing_is_to_migrate(self) -> None:
        for _ in range(2):
            self.close(self.opened())
        self.assertEqual(self.copies(), [])

    def test_there_is_one_a_version_and_it_is_the_last(self) -> None:
        first = self.opened()
        first.run_blocking(lambda db: write(db, "kept", "old"))
        self.close(first)
        broken = self.migrations_with_a_next(then="raise ValueError")
        database = self.make(migrations=broken)
        self.assertRaises(ValueError, database.open)
        again = self.opened()
        again.run_blocking(lambda db: write(db, "kept", "new"))
        self.close(again)
        self.opened(self.migrations_with_a_next())
        self.assertEqual(
            self.copies(), [f"cfos-cloud.sqlite3.before-{newest_revision()}"]
        )
        with sqlite3.connect(self.data_dir / self.copies()[0]) as connection:
            rows = connection.execute("SELECT value FROM setting").fetchall()
        self.assertEqual(rows, [("new",)])

    def test_without_room_for_it_nothing_is_migrated(self) -> None:
        self.close(self.opened())
        # Where the copy is made first, so that the older one stays.
        name = f".cfos-cloud.sqlite3.before-{newest_revision()}.new"
        (self.data_dir / name).mkdir()
        self.refusal(self.migrations_with_a_next())
        database = self.opened()
        self.assertNotIn("note", self.columns_of_setting(database))


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
