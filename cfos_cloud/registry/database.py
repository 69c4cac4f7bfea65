"""Transactions, in threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from cfos_cloud.registry import dialects, migrate, schema
from cfos_cloud.registry.errors import DatabaseError
from cfos_cloud.registry.file_lock import FileLock
from cfos_cloud.workers import ThreadWorker, Worker

T = TypeVar("T")


def default_url(data_dir: Path) -> URL:
    """The SQLite file in the data directory."""
    return URL.create("sqlite", database=str(data_dir / "cfos-cloud.sqlite3"))


class Database:
    """
    One database: SQLite through one connection, or PostgreSQL.

    :raises DatabaseError: ``url`` is of no database that we can use.
    """

    _log = Logger()

    def __init__(
        self,
        url: str | URL,
        reactor: IReactorFromThreads,
        worker: Worker | None = None,
        migrations: Path = migrate.MIGRATIONS,
    ) -> None:
        self._url = dialects.parse_url(url)
        self._migrations = migrations
        if worker is None:
            worker = ThreadWorker(reactor, "database", dialects.threads(self._url))
        self._worker = worker
        self._lock: FileLock | None = None
        self._open = False
        with self._errors():
            self._engine = dialects.make_engine(self._url)

    def open(self) -> None:
        """
        Claim the database and migrate it. Blocks: call it before the reactor
        runs, and after the process became a daemon.

        :raises DatabaseError: with one clear line; nothing stays open.
        """
        with self._errors():
            self._lock = dialects.claim(self._url)
        self._open = True
        try:
            self._migrate()
        except BaseException:
            self._close()
            raise

    def run(self, function: Callable[[Connection], T]) -> Deferred[T]:
        """
        Call ``function`` in a transaction, in a thread; fires with its result once
        that is committed. An exception rolls back and is passed on.

        :raises DatabaseError: as a failure: the database does not answer.
        """
        if not self._open:
            return fail(DatabaseError("the database is closed"))
        return self._worker.run(self._transaction, function)

    def run_blocking(self, function: Callable[[Connection], T]) -> T:
        """As :meth:`run`, at once: only before the reactor runs."""
        return self._transaction(function)

    def check(self) -> Deferred[None]:
        """Fires when the database answered a question that it must read for."""

        def ask(connection: Connection) -> None:
            connection.execute(select(schema.setting.c.name).limit(1)).all()

        return self.run(ask)

    def close(self) -> Deferred[None]:
        """End what runs, then the connections and threads."""

        async def close() -> None:
            if self._open:
                self._open = False
                await self._worker.run(self._close)
            self._worker.stop()

        return Deferred.fromCoroutine(close())

    def _migrate(self) -> None:
        if self._transaction(lambda db: migrate.is_older(db, self._migrations)):
            revision = self._transaction(migrate.schema_revision)
            with self._errors():
                copy = dialects.back_up(self._engine, self._url, f"before-{revision}")
            if copy is not None:
                self._log.info("the database was copied to {path}", path=str(copy))
        self._transaction(lambda db: migrate.migrate(db, self._migrations))

    def _transaction(self, function: Callable[[Connection], T]) -> T:
        with self._errors(), self._engine.begin() as connection:
            return function(connection)

    def _close(self) -> None:
        self._open = False
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the database's libraries raise, as :class:`DatabaseError`."""
        try:
            yield
        except DBAPIError as error:
            raise self._error(error.orig) from error
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise self._error(error) from error

    def _error(self, reason: BaseException | None) -> DatabaseError:
        label = dialects.label(self._url)
        line = " ".join(str(reason).split())
        return DatabaseError(f"the database {label} can't be used: {line}")
