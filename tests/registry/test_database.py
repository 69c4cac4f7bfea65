"""Opening, migrating and using a database of either kind."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, insert, select
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import EventKind, make_event
from cfos_cloud.registry import (
    Database,
    DatabaseError,
    TunnelRecord,
    connection_rows,
    event_rows,
    key_rows,
)
from cfos_cloud.registry.database import ANSWER_SECONDS, BACK_SECONDS
from cfos_cloud.registry.migrate import MIGRATIONS, schema_revision
from cfos_cloud.registry.schema import metadata, setting
from cfos_cloud.registry.settings import read, write
from cfos_cloud.registry_errors import DatabaseUnavailable
from tests.registry.support import (
    NOON,
    Databases,
    InlineWorker,
    ManualWorker,
    access_key,
    make_database,
    temporary_directory,
    verifier,
)

NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("setting", sa.Column("note", sa.Text()))
    {then}
"""


def newest_revision() -> str:
    """The last of ours."""
    last = max(MIGRATIONS.glob("versions/r[0-9]*.py")).name
    return last[1:5]


class DatabaseCase(SynchronousTestCase):
    """See ``test_on_postgresql``."""

    databases = Databases()

    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.url = self.databases.url(self, self.data_dir, empty=True)

    def make(
        self, worker: ManualWorker | None = None, migrations: Path = MIGRATIONS
    ) -> Database:
        database = make_database(
            self.data_dir, worker, url=self.url, migrations=migrations
        )
        self.addCleanup(database.close)
        return database

    def opened(self, migrations: Path = MIGRATIONS) -> Database:
        database = self.make(migrations=migrations)
        database.open()
        return database

    def close(self, database: Database) -> None:
        self.successResultOf(database.close())

    def refusal(self, migrations: Path = MIGRATIONS) -> str:
        """Why it can't be opened."""
        database = self.make(migrations=migrations)
        error = self.assertRaises(DatabaseError, database.open)
        self.assertEqual(len(str(error).splitlines()), 1)
        self.assertTrue(str(error).startswith("the database "), str(error))
        return str(error)

    def migrations_with_a_next(self, then: str = "") -> Path:
        """A version of this program that knows one more."""
        folder = temporary_directory(self) / "100% migrations"
        shutil.copytree(MIGRATIONS, folder)
        text = NEXT_REVISION.format(newest=newest_revision(), then=then)
        (folder / "versions" / "r9999_note.py").write_text(text)
        return folder

    def columns_of_setting(self, database: Database) -> list[str]:
        return list(
            database.run_blocking(
                lambda db: db.exec_driver_sql("SELECT * FROM setting").keys()
            )
        )


class OpeningTests(DatabaseCase):
    def test_the_migrations_make_what_the_schema_says(self) -> None:
        def differences(connection: Connection) -> list[object]:
            context = MigrationContext.configure(connection)
            return list(compare_metadata(context, metadata))

        self.assertEqual(self.opened().run_blocking(differences), [])

    def test_a_second_server_is_refused_until_the_first_has_closed(self) -> None:
        first = self.opened()
        self.assertIn("another server uses it (", self.refusal())
        self.close(first)
        self.opened()

    def test_a_newer_schema_is_refused_and_left_alone(self) -> None:
        self.close(self.opened(self.migrations_with_a_next()))
        before = self.databases.contents(self.data_dir)
        newest = newest_revision()
        self.assertIn(
            "its schema 9999 is of a newer version of this program, "
            f"which knows schemas up to {newest}",
            self.refusal(),
        )
        self.assertEqual(self.databases.contents(self.data_dir), before)

    def test_urls_of_nothing_we_know_are_refused_and_not_quoted(self) -> None:
        for url in (
            "",
            "canary",
            "mysql://localhost/canary",
            "postgresql://user:canary@host:port/x",
            "://canary",
        ):
            error = self.assertRaises(
                DatabaseError,
                Database,
                url,
                IReactorFromThreads(reactor),
                InlineWorker(),
            )
            self.assertNotIn("canary", str(error))


class MigratingTests(DatabaseCase):
    def test_what_was_stored_is_there_after_a_migration(self) -> None:
        first = self.opened()
        first.run_blocking(lambda db: write(db, "kept", "value"))
        self.close(first)
        second = self.opened(self.migrations_with_a_next())
        self.assertEqual(second.run_blocking(schema_revision), "9999")
        self.assertEqual(second.run_blocking(lambda db: read(db, "kept")), "value")
        self.assertIn("note", self.columns_of_setting(second))

    def test_a_migration_that_fails_changes_nothing(self) -> None:
        self.close(self.opened())
        broken = self.migrations_with_a_next(then='op.execute("SELECT * FROM none")')
        self.assertIn("none", self.refusal(broken))
        database = self.opened()
        self.assertEqual(database.run_blocking(schema_revision), newest_revision())
        self.assertNotIn("note", self.columns_of_setting(database))

    def test_the_first_version_s_tables_can_be_migrated(self) -> None:
        first = temporary_directory(self) / "first"
        shutil.copytree(MIGRATIONS, first)
        for later in first.glob("versions/r000[2-9]*.py"):
            later.unlink()
        old = self.opened(first)
        self.assertEqual(old.run_blocking(schema_revision), "0001")
        self.close(old)
        new = self.opened()
        self.assertEqual(new.run_blocking(schema_revision), newest_revision())

    def test_what_the_version_before_access_keys_stored_stays_as_it_was(self) -> None:
        before = temporary_directory(self) / "before"
        shutil.copytree(MIGRATIONS, before)
        for later in before.glob("versions/r000[3-9]*.py"):
            later.unlink()
        old = self.opened(before)
        self.assertEqual(old.run_blocking(schema_revision), "0002")
        old.run_blocking(_store_something)
        stored = old.run_blocking(_all_rows)
        self.assertEqual({len(rows) for rows in stored.values()}, {1})
        self.close(old)
        new = self.opened()
        stored["system"][0]["end_to_end"] = False
        self.assertEqual(new.run_blocking(_all_rows), stored | {"access_key": []})
        new.run_blocking(_store_a_key)
        self.assertEqual(len(new.run_blocking(_all_rows)["access_key"]), 1)
        self.close(new)
        # And an older program does not touch it.
        self.assertIn(
            f"its schema {newest_revision()} is of a newer version",
            self.refusal(before),
        )


def _store_something(connection: Connection) -> None:
    """A row in each table of the second version."""
    system = Table("system", MetaData(), autoload_with=connection)
    columns = {
        "folded": "garage",
        "cloud_id": "Garage",
        "name": "Garagé",
        "enabled": True,
        "created": NOON,
        "bytes_in": 0,
        "bytes_out": 0,
    }
    connection.execute(insert(system).values(columns | asdict(verifier())))
    write(connection, "a", "b")
    event_rows.add(connection, [make_event(NOON, EventKind.SYSTEM_ADDED)])
    record = TunnelRecord("s", "Garage", NOON, NOON, "device/1", None, 1, 2)
    connection_rows.record(connection, [record], ())


def _store_a_key(connection: Connection) -> None:
    key_rows.add(connection, access_key("one"))


def _all_rows(connection: Connection) -> dict[str, list[dict[str, object]]]:
    """Of each table that is there, with the columns that are there."""
    there = MetaData()
    there.reflect(connection)
    return {
        name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for name, table in there.tables.items()
        if name in metadata.tables
    }


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
        self.assertEqual(len(str(failure.value).splitlines()), 1)
        self.assertIsNone(failure.check(DatabaseUnavailable))

    def test_it_is_cut_off_when_it_hangs_and_not_when_we_stood_still(self) -> None:
        database = self.opened()
        clock = database._clock
        assert isinstance(clock, Clock)
        cuts: list[float] = []
        self.patch(database._dialect, "may_hang", True)
        self.patch(database._dialect, "cut", lambda: cuts.append(clock.seconds()))

        def stand_still(_: Connection) -> None:
            # A turn of the reactor comes late, and is one all the same.
            clock.advance(10 * ANSWER_SECONDS)

        def hang(_: Connection) -> None:
            clock.pump([1.0] * int(ANSWER_SECONDS))
            self.assertEqual(cuts, [])
            clock.advance(1.0)
            self.assertEqual(len(cuts), 1)

        self.successResultOf(database.run(stand_still))
        self.assertEqual(cuts, [])
        self.successResultOf(database.run(hang))

    def test_what_fails_at_its_return_is_not_asked_again_at_once_for_ever(self) -> None:
        database = self.opened()
        clock = database._clock
        assert isinstance(clock, Clock)
        asked: list[float] = []

        def broken(_: Connection) -> None:
            raise OSError("this can't be read")

        def read_again() -> None:
            asked.append(clock.seconds())
            if len(asked) < 100:
                database.run(broken).addErrback(lambda _: None)
                database.check()

        database.when_back(read_again)
        self.failureResultOf(database.run(broken), DatabaseUnavailable)
        self.successResultOf(database.check())
        self.assertEqual(asked, [0.0])
        clock.advance(BACK_SECONDS)
        self.assertEqual(asked, [0.0, BACK_SECONDS])
        self.close(database)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_closed_database_says_so(self) -> None:
        database = self.opened()
        self.close(database)
        self.failureResultOf(database.check(), DatabaseError)

    def test_what_was_begun_before_the_close_is_committed(self) -> None:
        worker = ManualWorker()
        database = self.make(worker)
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

    def test_texts_of_every_language_come_back(self) -> None:
        database = self.opened()
        text = "Garagé 🚗 Ладюдвор 充电 \N{COMBINING ACUTE ACCENT}"
        database.run_blocking(lambda db: write(db, "a", text))
        self.assertEqual(database.run_blocking(lambda db: read(db, "a")), text)
