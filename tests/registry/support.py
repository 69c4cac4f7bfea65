"""A registry over a real SQLite file, without threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from argon2 import PasswordHasher
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry import Database, Operator, Systems, default_url
from cfos_cloud.tunnel.scram import Verifier

P = ParamSpec("P")
T = TypeVar("T")

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


def verifier(seed: int = 1) -> Verifier:
    byte = bytes([seed])
    return Verifier(byte * 32, byte * 32, byte * 32, 4096)


def temporary_directory(case: SynchronousTestCase) -> Path:
    holder = tempfile.TemporaryDirectory(prefix="registry")
    case.addCleanup(holder.cleanup)
    return Path(holder.name)


def make_database(data_dir: Path, worker: Any = None, **more: Any) -> Database:
    real = IReactorFromThreads(reactor)
    if worker is None:
        worker = InlineWorker()
    return Database(default_url(data_dir), real, worker, **more)


class RegistryCase(SynchronousTestCase):
    """An open database and the systems and the operator on it."""

    def setUp(self) -> None:
        self.data_dir = temporary_directory(self)
        self.clock = Clock()
        self.start()

    def start(self, worker: Any = None) -> None:
        self.database = make_database(self.data_dir, worker)
        self.database.open()
        self.addCleanup(self.database.close)
        self.systems = Systems(self.database, self.clock)
        self.systems.load()
        self.password_worker = InlineWorker()
        self.operator = Operator(
            self.database, self.password_worker, self.clock, FAST_HASHER
        )

    def restart(self, worker: Any = None) -> None:
        self.successResultOf(self.database.close())
        self.start(worker)
