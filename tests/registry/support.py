"""A registry over a real database, without threads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from argon2 import PasswordHasher
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import Event
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.registry import (
    Connections,
    Database,
    EventFilter,
    Events,
    Keys,
    Operator,
    Systems,
    TunnelRecord,
    default_url,
)
from cfos_cloud.registry.event_store import ANYTHING
from cfos_cloud.registry_errors import DatabaseUnavailable
from cfos_cloud.tunnel.scram import Verifier
from tests.postgresql import cluster

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, UTC)
#: Hashes in no time; the parameters of the real one have a test of their own.
FAST_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class InlineWorker:
    """Runs everything at once, in the caller's thread."""

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        return maybeDeferred(function, *args, **kwargs)

    def stop(self) -> None:
        """There is nothing to stop."""


class ManualWorker:
    """Runs what waits when it is told to."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        answer: Deferred[T] = Deferred()

        def work() -> None:
            maybeDeferred(function, *args, **kwargs).chainDeferred(answer)

        self._waiting.append(work)
        return answer

    def run_next(self) -> None:
        self._waiting.pop(0)()

    def run_all(self) -> None:
        while self._waiting:
            self.run_next()

    def stop(self) -> None:
        self.run_all()


class AnswerLosingWorker(InlineWorker):
    """Does what it shall; while ``loses`` is set nobody hears of it."""

    loses = False

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        done = super().run(function, *args, **kwargs)
        if not self.loses:
            return done
        return done.addCallback(lambda _: fail(DatabaseUnavailable("no answer")))


def access_key(key_id: str, cloud_id: str | None = "Garage", **more: Any) -> AccessKey:
    """A key that is pending; what its device knows it by is in its ID's likeness."""
    defaults: dict[str, Any] = {
        "name": f"Name of {key_id}",
        "role": Role.API,
        "kid": "first",
        "consent": f"consent-{key_id}",
        "created": NOON,
    }
    return AccessKey(id=key_id, cloud_id=cloud_id, **(defaults | more))


def verifier(seed: int = 1) -> Verifier:
    byte = bytes([seed])
    return Verifier(byte * 32, byte * 32, byte * 32, 4096)


def temporary_directory(case: SynchronousTestCase) -> Path:
    # In memory, where each of a thousand commits would wait for a disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - in a directory of its own
    holder = tempfile.TemporaryDirectory(prefix="registry", dir=memory)
    case.addCleanup(holder.cleanup)
    return Path(holder.name)


class Databases:
    """Where a test's database is: a SQLite file in its data directory."""

    def url(
        self, case: SynchronousTestCase, data_dir: Path, *, empty: bool = False
    ) -> str:
        """
        Of a database that ends with the test, made where there is none yet. All
        tables may be in it, and nothing else; if it is ``empty`` not even those.
        """
        return default_url(data_dir).render_as_string()

    def contents(self, data_dir: Path) -> bytes:
        """All that is stored."""
        return (data_dir / "cfos-cloud.sqlite3").read_bytes()


class PostgreSQLDatabases(Databases):
    """A database of its own for each test, on the cluster of the run."""

    def __init__(self) -> None:
        self._names: dict[Path, str] = {}

    def url(
        self, case: SynchronousTestCase, data_dir: Path, *, empty: bool = False
    ) -> str:
        server = cluster()
        name = self._names.get(data_dir)
        if name is None:
            template = "template0" if empty else migrated_template()
            name = self._names[data_dir] = server.create_database(template)
            case.addCleanup(server.drop_database, name)
        return server.url(name)

    def contents(self, data_dir: Path) -> bytes:
        return cluster().dump(self._names[data_dir])


@cache
def migrated_template() -> str:
    """A database with all tables and nothing in them: copied quicker than made."""
    server = cluster()
    name = server.create_database()
    database = Database(
        server.url(name), IReactorFromThreads(reactor), InlineWorker(), clock=Clock()
    )
    database.open()
    database.close()
    return name


def make_database(
    data_dir: Path, worker: Any = None, url: str | None = None, **more: Any
) -> Database:
    """A database without threads: SQLite in ``data_dir`` unless ``url`` is given."""
    real = IReactorFromThreads(reactor)
    if worker is None:
        worker = InlineWorker()
    more.setdefault("clock", Clock())
    return Database(url or default_url(data_dir), real, worker, **more)


class RegistryCase(SynchronousTestCase):
    """
    An open database and what stands on it. The same tests run on PostgreSQL, see
    ``test_on_postgresql``.
    """

    databases = Databases()

    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.clock = Clock()
        self.start()

    def start(self, worker: Any = None) -> None:
        url = self.databases.url(self, self.data_dir)
        self.database = make_database(self.data_dir, worker, url=url, clock=self.clock)
        self.database.open()
        self.addCleanup(self.database.close)
        self.events = Events(self.database, self.clock)
        self.systems = Systems(self.database, self.clock, self.events)
        self.systems.load()
        self.keys = Keys(self.database, self.systems, self.clock, self.events)
        self.keys.load()
        self.connections = Connections(self.database, self.systems, self.clock)
        self.password_worker = InlineWorker()
        self.operator = Operator(
            self.database, self.password_worker, self.clock, self.events, FAST_HASHER
        )

    def restart(self, worker: Any = None) -> None:
        self.successResultOf(self.database.close())
        self.start(worker)

    def kept(self, wanted: EventFilter = ANYTHING) -> list[Event]:
        """The events, the oldest first, without their ids."""
        page = self.successResultOf(self.events.page(500, wanted=wanted))
        return [replace(event, id=None) for event in reversed(page.items)]

    def connect(
        self,
        cloud_id: str,
        session: str = "first",
        seen: datetime = NOON,
        **more: Any,
    ) -> TunnelRecord:
        """How a connection stands, recorded; without ``ended`` it lasts."""
        record = TunnelRecord(
            session=session,
            cloud_id=cloud_id,
            started=more.pop("started", seen),
            seen=seen,
            agent=more.pop("agent", "device/1"),
            client=more.pop("client", "192.0.2.1"),
            bytes_in=more.pop("bytes_in", 0),
            bytes_out=more.pop("bytes_out", 0),
            **more,
        )
        self.connections.record(record)
        return record
