"""``kill -9`` in the middle of writes loses nothing that was acknowledged."""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry import Database, Events, Keys, Systems
from tests.postgresql import cluster
from tests.registry.support import (
    NOON,
    Databases,
    PostgreSQLDatabases,
    make_database,
    temporary_directory,
    verifier,
)
from tests.registry.writer import ENDED, REMOVED, SCOPES

T = TypeVar("T")
#: How things are, by their IDs, and how many events there are.
Stored = tuple[dict[str, str], int]

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class Writer:
    """A registry's process that changes ``what``; see ``writer``."""

    def __init__(self, url: str, what: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.registry.writer", url, what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin
        self._out = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._buffer = b""

    def begin(self) -> int:
        """A new child; its process ID."""
        self._in.write(b"\n")
        self._in.flush()
        return int(self.line())

    def line(self) -> str:
        """The next line that the child says."""
        while b"\n" not in self._buffer:
            if not self._selector.select(PATIENCE):
                raise AssertionError(f"nothing said within {PATIENCE} s")
            data = os.read(self._out, 65536)
            if not data:
                raise AssertionError("the writer has ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("ascii")

    def last_lines(self) -> list[str]:
        """What the child has said until its end."""
        lines = []
        while (line := self.line()) != ENDED:
            lines.append(line)
        return lines

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._in.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._selector.close()


def count(database: Database, query: str) -> int:
    """What is counted by ``query``."""
    return database.run_blocking(lambda db: int(db.exec_driver_sql(query).scalar_one()))


class KillCase(SynchronousTestCase):
    databases = Databases()
    what = "systems"

    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.url = self.databases.url(self, self.data_dir)
        self.expected: dict[str, str] = {}
        self.changes = 0
        self.prepare()
        self.writer = Writer(self.url, self.what)
        self.addCleanup(self.writer.close)

    def prepare(self) -> None:
        """What has to be there before."""

    def understand(self, lines: list[str]) -> tuple[str, str] | None:
        """Take in what was acknowledged; the change that was tried last, if not."""
        tried: tuple[str, str] | None = None
        for line in lines:
            if line == "done":
                assert tried is not None
                self.take(tried)
                tried = None
            else:
                _, cloud_id, name = line.split(" ")
                tried = cloud_id, name
        return tried

    def take(self, change: tuple[str, str]) -> None:
        cloud_id, name = change
        self.changes += 1
        if name == REMOVED:
            del self.expected[cloud_id]
        else:
            self.expected[cloud_id] = name

    def opened(self) -> Database:
        return make_database(self.data_dir, url=self.url)

    def stored(self) -> Stored:
        """The systems and their names, and the number of events."""

        def read(database: Database, systems: Systems, _: Keys) -> Stored:
            query = "SELECT count(*) FROM event"
            return {one.cloud_id: one.name for one in systems}, count(database, query)

        return self.in_registry(read)

    def in_registry(self, work: Callable[[Database, Systems, Keys], T]) -> T:
        """What ``work`` says of a registry that starts now."""
        database, clock = self.opened(), Clock()
        clock.advance(NOON.timestamp())
        database.open()
        try:
            events = Events(database, clock)
            systems = Systems(database, clock, events)
            systems.load()
            keys = Keys(database, systems, clock, events)
            keys.load()
            return work(database, systems, keys)
        finally:
            self.successResultOf(database.close())

    def check(self, tried: tuple[str, str] | None) -> None:
        """Everything is there, and of what was tried all or nothing."""
        systems, events = self.stored()
        if tried is not None and systems != self.expected:
            self.take(tried)
        self.assertEqual(systems, self.expected)
        # Each change is written down with it.
        self.assertEqual(events, self.changes)

    def kill_again_and_again(self, times: int) -> None:
        chance = random.Random(7)  # noqa: S311 - not for secrets
        for _ in range(times):
            pid = self.writer.begin()
            lines = [self.writer.line() for _ in range(chance.randrange(1, 30))]
            # In the midst of whatever it does then.
            time.sleep(chance.random() * 0.004)
            os.kill(pid, signal.SIGKILL)
            self.check(self.understand([*lines, *self.writer.last_lines()]))
        # So many were waited for, however slow the machine is.
        self.assertGreaterEqual(self.changes, 4 * times)


class KeysCase(KillCase):
    what = "keys"

    def prepare(self) -> None:
        def add(_: Database, systems: Systems, __: Keys) -> None:
            for number in range(1, SCOPES):
                self.successResultOf(systems.add(f"S-{number}", verifier()))

        self.in_registry(add)

    def stored(self) -> Stored:
        """The keys and their states, and the number of their events."""

        def read(database: Database, _: Systems, keys: Keys) -> Stored:
            states = {key.id: key.state(NOON).value for key in keys}
            query = "SELECT count(*) FROM event WHERE kind <> 'system_added'"
            return states, count(database, query)

        return self.in_registry(read)


class SQLiteTests(KillCase):
    def test_a_hundred_and_twenty_times(self) -> None:
        self.kill_again_and_again(120)


class SQLiteKeysTests(KeysCase):
    def test_sixty_times(self) -> None:
        self.kill_again_and_again(60)
        # Each kind of change was answered, and was there afterwards.
        states = {"pending", "authorised", "revoked"}
        self.assertEqual(set(self.expected.values()), states)


class PostgreSQLKeysTests(KeysCase):
    databases = PostgreSQLDatabases()

    def test_twenty_times(self) -> None:
        self.kill_again_and_again(20)


class PostgreSQLTests(KillCase):
    databases = PostgreSQLDatabases()

    def test_twenty_times(self) -> None:
        self.kill_again_and_again(20)

    def test_the_database_s_own_end_loses_nothing_either(self) -> None:
        for turn in range(5):
            self.writer.begin()
            lines = [self.writer.line() for _ in range(20 + turn)]
            # The child ends when its database does.
            cluster().restart()
            self.check(self.understand([*lines, *self.writer.last_lines()]))
        self.assertGreater(self.changes, 5 * 10)
