"""What is PostgreSQL's own: its lock, its absences, its passwords."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import SkipTest

from sqlalchemy import Connection, text
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.keys.key import KeyState
from cfos_cloud.registry import (
    Database,
    DatabaseError,
    Events,
    Keys,
    NoCopy,
    Systems,
    key_rows,
    postgresql_dialect,
)
from cfos_cloud.registry import database as database_module
from cfos_cloud.registry.key_uses import INTERVAL
from cfos_cloud.registry.settings import read, write
from cfos_cloud.registry_errors import DatabaseUnavailable
from tests import postgresql
from tests.end_to_end.processes import wait_until
from tests.postgresql import PASSWORD, USER, Cluster, cluster, unused_port
from tests.registry.support import (
    NOON,
    InlineWorker,
    access_key,
    make_database,
    verifier,
)

PATIENCE = 30.0


def write_it(connection: Connection) -> None:
    write(connection, "a", "b")


class PostgreSQLCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server: Cluster = cluster()
        self.name = self.server.create_database()
        self.addCleanup(self.server.drop_database, self.name)
        self.url = self.server.url(self.name)

    def make(self, url: str | None = None) -> Database:
        database = make_database(Path(), url=url or self.url)
        self.addCleanup(database.close)
        return database

    def opened(self, url: str | None = None) -> Database:
        database = self.make(url)
        database.open()
        return database

    def refusal(self, url: str | None = None) -> str:
        """Why it can't be opened."""
        database = self.make(url)
        with capturedLogs() as logged:
            error = self.assertRaises(DatabaseError, database.open)
        self.assertNotIn(PASSWORD, f"{error}{error.__cause__}{logged}")
        self.assertEqual(len(str(error).splitlines()), 1)
        return str(error)


class ConnectingTests(PostgreSQLCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("PGPASSWORD", "PGPASSFILE"):
            before = os.environ.pop(name, None)
            if before is not None:
                self.addCleanup(os.environ.__setitem__, name, before)

    def set_variable(self, name: str, value: str) -> None:
        os.environ[name] = value
        self.addCleanup(os.environ.pop, name, None)

    def test_a_password_may_be_in_the_url(self) -> None:
        self.opened(self.server.tcp_url(self.name))

    def test_or_in_its_variable(self) -> None:
        self.set_variable("PGPASSWORD", PASSWORD)
        self.opened(self.server.tcp_url(self.name, None))

    def test_or_in_a_file(self) -> None:
        file = Path(self.mktemp())
        file.touch(mode=0o600)
        file.write_text(f"127.0.0.1:{self.server.port}:{self.name}:{USER}:{PASSWORD}\n")
        self.set_variable("PGPASSFILE", str(file))
        self.opened(self.server.tcp_url(self.name, None))

    def test_a_wrong_one_is_refused_and_told_to_nobody(self) -> None:
        wrong = f"{PASSWORD}-wrong"
        line = self.refusal(self.server.tcp_url(self.name, wrong))
        self.assertIn("password authentication failed", line)
        self.assertIn(f"postgresql://{USER}:***@127.0.0.1", line)

    def test_one_in_the_query_is_told_to_nobody_either(self) -> None:
        url = self.server.tcp_url(self.name, None)
        line = self.refusal(f"{url}?password={PASSWORD}-wrong")
        self.assertIn(f"postgresql://{USER}@127.0.0.1", line)

    def test_nobody_there_is_one_line(self) -> None:
        url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{unused_port()}/none"
        self.assertIn("refused", self.refusal(url).lower())

    def test_a_missing_database_is_named(self) -> None:
        self.assertIn(
            '"missing" does not exist', self.refusal(self.server.url("missing"))
        )

    def test_a_mistyped_option_is_named(self) -> None:
        self.assertIn("sslmodus", self.refusal(f"{self.url}&sslmodus=require"))

    def test_the_short_name_is_understood(self) -> None:
        self.opened(self.url.replace("postgresql:", "postgres:"))

    def test_a_database_that_can_t_store_every_name_is_refused(self) -> None:
        name = f"{self.name}_ascii"
        self.server.query(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'"
        )
        self.addCleanup(self.server.drop_database, name)
        line = self.refusal(self.server.url(name))
        self.assertIn("its encoding is SQL_ASCII: make it with createdb", line)

    def test_what_is_acknowledged_is_on_disk_whatever_the_default_is(self) -> None:
        self.server.query(f"ALTER DATABASE {self.name} SET synchronous_commit = off")
        shown = self.opened().run_blocking(
            lambda db: db.execute(text("SHOW synchronous_commit")).scalar()
        )
        self.assertEqual(shown, "on")

    def test_there_is_no_copy_but_a_word_where_to_get_one(self) -> None:
        failure = self.failureResultOf(self.opened().copy(Path(self.mktemp())), NoCopy)
        self.assertIn("pg_dump", str(failure.value))


class OneServerTests(PostgreSQLCase):
    def test_a_second_server_is_told_who_is_there(self) -> None:
        self.opened(self.server.tcp_url(self.name))
        (pid,) = self.server.sessions(self.name)
        self.assertIn(
            f"another server uses it (its session {pid}, from 127.0.0.1)",
            self.refusal(),
        )

    def test_servers_on_two_databases_don_t_mind_each_other(self) -> None:
        other = self.server.create_database()
        self.addCleanup(self.server.drop_database, other)
        self.opened()
        self.opened(self.server.url(other))

    def test_a_server_that_was_away_and_replaced_writes_no_more(self) -> None:
        first = self.opened()
        (pid,) = self.server.sessions(self.name)
        self.server.query(f"SELECT pg_terminate_backend({pid})")
        second = self.opened()
        failure = self.failureResultOf(first.run(write_it), DatabaseError)
        self.assertIn("another server uses it", str(failure.value))
        self.assertIsNone(second.run_blocking(lambda db: read(db, "a")))
        self.successResultOf(second.close())
        self.successResultOf(first.run(write_it))


class LossTests(PostgreSQLCase):
    def test_a_lost_connection_is_made_again(self) -> None:
        database = self.opened()
        self.server.restart()
        self.successResultOf(database.run(write_it))
        self.assertIn("another server uses it", self.refusal())

    def test_it_is_made_again_whoever_of_postgresql_was_killed(self) -> None:
        database = self.opened()

        def works() -> bool:
            done: list[object] = []
            database.run(write_it).addCallbacks(done.append, lambda failure: None)
            return bool(done)

        (pid,) = self.server.sessions(self.name)
        os.kill(pid, signal.SIGKILL)
        wait_until(works, "writes work again after PostgreSQL has recovered")
        self.server.kill()
        self.assertFalse(works())
        self.server.start()
        wait_until(works, "writes work again after its start")
        self.assertEqual(len(self.server.sessions(self.name)), 1)

    def test_one_that_is_lost_in_a_transaction_acknowledges_nothing(self) -> None:
        database = self.opened()

        def lose_it(connection: Connection) -> None:
            write_it(connection)
            for pid in self.server.sessions(self.name):
                self.server.query(f"SELECT pg_terminate_backend({pid})")

        failure = self.failureResultOf(database.run(lose_it), DatabaseUnavailable)
        self.assertEqual(len(str(failure.value).splitlines()), 1)
        stored = self.successResultOf(database.run(lambda db: read(db, "a")))
        self.assertIsNone(stored)

    def test_while_it_is_away_writes_fail_and_it_is_said_when_it_is_back(self) -> None:
        database = self.opened()
        backs: list[None] = []
        database.when_back(lambda: backs.append(None))
        self.server.stop()
        try:
            for _ in range(2):
                self.failureResultOf(database.run(write_it), DatabaseUnavailable)
            self.failureResultOf(database.check(), DatabaseUnavailable)
            self.assertEqual(backs, [])
        finally:
            self.server.start()
        with capturedLogs() as logged:
            self.successResultOf(database.check())
        self.assertEqual(len(backs), 1)
        self.assertIn("is back", str([each.get("log_format") for each in logged]))
        self.successResultOf(database.run(write_it))
        self.assertEqual(len(backs), 1)

    def test_systems_stay_known_meanwhile_and_changes_fail(self) -> None:
        database = self.opened()
        clock = database._clock
        systems = Systems(database, clock, Events(database, clock))
        systems.load()
        self.successResultOf(systems.add("Garage", verifier()))
        self.server.stop()
        try:
            self.failureResultOf(systems.add("Barn", verifier()), DatabaseError)
            self.failureResultOf(systems.remove("Garage"), DatabaseError)
            self.assertIsNotNone(systems.get("Garage"))
            self.assertIsNone(systems.get("Barn"))
        finally:
            self.server.start()
        self.successResultOf(systems.add("Barn", verifier()))
        self.assertEqual(len(systems), 2)


class HangCase(TestCase):
    """A PostgreSQL that takes connections and never answers."""

    def setUp(self) -> None:
        self.server = cluster()
        self.name = self.server.create_database()
        self.addCleanup(self.server.drop_database, self.name)
        self.patch(database_module, "ANSWER_SECONDS", 0.5)
        self.patch(database_module, "_LOOK_SECONDS", 0.1)
        # As little as libpq can do.
        url = f"{self.server.url(self.name)}&connect_timeout=2"
        self.database = Database(url, IReactorFromThreads(reactor))
        self.database.open()
        self.addCleanup(self.database.close)

    async def until(self, work: Callable[[], Deferred[Any]]) -> None:
        """Again and again, until it is answered."""
        for _ in range(int(PATIENCE / 0.1)):
            try:
                await work()
            except DatabaseUnavailable:
                await deferLater(reactor, 0.1)
            else:
                return
        raise AssertionError(f"not within {PATIENCE} s")


class HangTests(HangCase):
    async def test_what_waits_for_it_fails_together_and_it_works_on_afterwards(
        self,
    ) -> None:
        await self.database.run(write_it)
        with self.server.paused():
            asked = [self.database.run(write_it) for _ in range(20)]
            for one in asked:
                with self.assertRaises(DatabaseUnavailable) as caught:
                    await one
                line = str(caught.exception)
                self.assertRegex(
                    line, re.compile(r"can't be used: .*(no answer|timeout)")
                )
        # What was cut off may be noticed there a moment later than we are back.
        await self.until(lambda: self.database.run(write_it))


class KeysHangTests(HangCase):
    async def test_keys_work_on_and_memory_is_right_again_afterwards(self) -> None:
        clock = Clock()
        clock.advance(NOON.timestamp())
        events = Events(self.database, clock)
        keys = Keys(self.database, Systems(self.database, clock, events), clock, events)
        await keys.add(access_key("works", None, authorised=NOON))
        with self.server.paused():
            keys.used("works", "192.0.2.1")
            clock.advance(INTERVAL)
            for change in (keys.revoke("works"), keys.add(access_key("new", None))):
                with self.assertRaises(DatabaseUnavailable):
                    await change
            states = {key.id: key.state(NOON) for key in keys}
            self.assertEqual(states, {"works": KeyState.AUTHORISED})
        await self.until(self.database.check)
        # Behind what is read again.
        await self.until(keys.flush)
        stored = await self.database.run(key_rows.read_all)
        self.assertCountEqual(stored, list(keys))
        (used,) = (key for key in stored if key.id == "works")
        self.assertEqual((used.last_used, used.last_client), (NOON, "192.0.2.1"))
        await self.until(lambda: keys.revoke("works"))
        await keys.close()


class AbsentTests(SynchronousTestCase):
    def test_without_postgresql_these_tests_are_skipped_but_not_in_ci(self) -> None:
        self.patch(postgresql, "_binaries", lambda: None)
        self.patch(os, "environ", {})
        error = self.assertRaises(SkipTest, postgresql._needed)
        self.assertIn("Debian: postgresql", str(error))
        os.environ["CI"] = "1"
        self.assertRaises(AssertionError, postgresql._needed)

    def test_without_the_driver_one_line_says_what_to_install(self) -> None:
        def missing(*_: object, **__: object) -> None:
            raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

        self.patch(postgresql_dialect, "create_engine", missing)
        error = self.assertRaises(
            DatabaseError,
            Database,
            "postgresql://user:canary@host/name",
            IReactorFromThreads(reactor),
            InlineWorker(),
        )
        self.assertIn("it needs the Python package psycopg", str(error))
        self.assertNotIn("canary", str(error))
