"""``kill -9`` in the middle of writes loses nothing that was acknowledged."""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Connection
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry import Database, Events, Systems
from tests.postgresql import cluster
from tests.registry.support import (
    Databases,
    PostgreSQLDatabases,
    make_database,
    temporary_directory,
)
from tests.registry.writer import ENDED, REMOVED

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class Writer:
    """A registry's process; see ``writer``."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.registry.writer", url],
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


class KillCase(SynchronousTestCase):
    databases = Databases()

    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.url = self.databases.url(self, self.data_dir)
        self.expected: dict[str, str] = {}
        self.changes = 0
        self.writer = Writer(self.url)
        self.addCleanup(self.writer.close)

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

    def stored(self) -> tuple[dict[str, str], int]:
        """The systems and their names, and the number of events."""
        database, clock = self.opened(), Clock()
        database.open()
        try:
            systems = Systems(database, clock, Events(database, clock))
            systems.load()

            def count(connection: Connection) -> int:
                query = "SELECT count(*) FROM event"
                return int(connection.exec_driver_sql(query).scalar_one())

            events = database.run_blocking(count)
            return {one.cloud_id: one.name for one in systems}, events
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
        self.assertGreater(self.changes, 5 * times)


class SQLiteTests(KillCase):
    def test_a_hundred_and_twenty_times(self) -> None:
        self.kill_again_and_again(120)


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
