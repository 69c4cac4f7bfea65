"""Transactions, in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.registry import dialects, migrate, schema
from cfos_cloud.registry_errors import (
    CopyFailed,
    DatabaseError,
    DatabaseUnavailable,
    NoCopy,
)
from cfos_cloud.workers import Overloaded, ThreadWorker, Worker

T = TypeVar("T")

#: Transactions that may wait for their turn; more are refused.
WAITING = 1000
#: Seconds for one transaction on a database that may stop to answer.
ANSWER_SECONDS = 10.0
#: Seconds between two looks whether one is overdue.
_LOOK_SECONDS = 1.0
#: Seconds between two times that its return is told: what is read again then may be
#: what fails, and everything else would be read again because of it, for ever.
BACK_SECONDS = 10.0


def default_url(data_dir: Path) -> URL:
    """The SQLite file in the data directory."""
    return URL.create("sqlite", database=str(data_dir / "cfos-cloud.sqlite3"))


class Database:
    """
    SQLite or PostgreSQL, through one connection; a lost one is made again.

    A write that fails by :class:`DatabaseUnavailable` may have been done or not:
    whoever keeps a copy in memory reads it again :meth:`when_back`.

    :raises DatabaseError: ``url`` is of no database that we can use.
    """

    _log = Logger()

    def __init__(
        self,
        url: str | URL,
        reactor: IReactorFromThreads,
        worker: Worker | None = None,
        migrations: Path = migrate.MIGRATIONS,
        clock: IReactorTime | None = None,
    ) -> None:
        self._dialect = dialects.choose(url)
        self._migrations = migrations
        if worker is None:
            worker = ThreadWorker(reactor, "database", 1, WAITING)
        self._worker = worker
        self._clock = IReactorTime(reactor) if clock is None else clock
        self._open = False
        #: Transactions that are not answered yet, and since when one runs.
        self._unanswered = 0
        self._began: float | None = None
        self._look: IDelayedCall | None = None
        #: Which one the last look saw, and how many have seen it before.
        self._seen: float | None = None
        self._seen_before = 0
        self._was_cut = False
        #: How often it was found away, and why the last time; whether it is now.
        self._losses = 0
        self._reason = ""
        self._away = False
        self._back: list[Callable[[], object]] = []
        self._told_back: float | None = None
        self._tell_later: IDelayedCall | None = None
        with self._errors():
            self._engine = self._dialect.make_engine()

    def open(self) -> None:
        """
        Claim the database and migrate it. Blocks: call it before the reactor
        runs, and after the process became a daemon.

        :raises DatabaseError: with one clear line; nothing stays open.
        """
        with self._errors():
            self._dialect.claim()
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

        :raises DatabaseError: as a failure. Whatever waits while the database does
            not answer fails together.
        :raises Overloaded: as a failure: too many wait already.
        """
        losses = self._losses
        return self._ask(lambda: self._unless_lost(losses, function))

    def run_blocking(self, function: Callable[[Connection], T]) -> T:
        """As :meth:`run`, at once: only before the reactor runs."""
        return self._transaction(function)

    def check(self) -> Deferred[None]:
        """Fires when the database answered a question that it must read for."""

        def ask(connection: Connection) -> None:
            connection.execute(select(schema.setting.c.name).limit(1)).all()

        return self.run(ask)

    def copy(self, path: Path) -> Deferred[None]:
        """
        Make ``path`` a copy of a SQLite database as it is between two transactions;
        others wait for it.

        :raises NoCopy: as a failure: PostgreSQL has its own tool for that.
        :raises CopyFailed: as a failure: no room for it, say.
        """
        return self._ask(lambda: self.copy_blocking(path))

    def copy_blocking(self, path: Path) -> None:
        """As :meth:`copy`, at once: only where no reactor runs."""
        try:
            self._dialect.copy(self._engine, path)
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise CopyFailed(self._line(error)) from error

    def copy_offline(self, path: Path) -> None:
        """
        As :meth:`copy`, of a database that is not open and stays as it is. Blocks.

        :raises DatabaseError: a server has it open; or as for :meth:`copy`.
        """
        with self._errors():
            self._dialect.claim()
        try:
            self.copy_blocking(path)
        finally:
            self._close()

    @property
    def losses(self) -> int:
        """How often it was found away until now."""
        return self._losses

    def check_losses(self, before: int) -> None:
        """
        For who waits for other transactions before their own.

        :raises DatabaseUnavailable: it can hang, and was found away since there were
            ``before`` :attr:`losses`: everybody would wait once more.
        """
        if self._losses != before and self._dialect.may_hang:
            raise DatabaseUnavailable(self._reason)

    def when_back(self, listener: Callable[[], object]) -> None:
        """
        Call ``listener``, in the reactor's thread, each time that the database
        answers again, but not sooner than 10 s after the time before.
        """
        self._back.append(listener)

    def close(self) -> Deferred[None]:
        """End what runs, then the connections and threads."""

        async def close() -> None:
            if self._open:
                self._open = False
                if self._tell_later is not None:
                    self._tell_later.cancel()
                    self._tell_later = None
                with suppress(Overloaded):
                    await self._worker.run(self._close)
            self._worker.stop()
            self._close()

        return Deferred.fromCoroutine(close())

    # in the reactor's thread

    def _ask(self, work: Callable[[], T]) -> Deferred[T]:
        if not self._open:
            return fail(DatabaseError("the database is closed"))
        self._unanswered += 1
        if self._dialect.may_hang and self._look is None:
            self._look = self._clock.callLater(_LOOK_SECONDS, self._look_at_it)
        answer: Deferred[T] = self._worker.run(work)
        answer.addBoth(self._answered)
        return answer

    def _answered(self, result: T | Failure) -> T | Failure:
        self._unanswered -= 1
        if not self._unanswered and self._look is not None:
            self._look.cancel()
            self._look = None
        if isinstance(result, Failure):
            if result.check(DatabaseUnavailable):
                self._away = True
                return result
            if result.check(Overloaded, NoCopy):
                return result  # it was not asked
        was_away, self._away = self._away, False
        if was_away and self._open and self._tell_later is None:
            self._tell_back()
        return result

    def _tell_back(self) -> None:
        self._tell_later = None
        if self._away or not self._open:
            return
        now = self._clock.seconds()
        if self._told_back is not None and now - self._told_back < BACK_SECONDS:
            wait = min(self._told_back + BACK_SECONDS - now, BACK_SECONDS)
            self._tell_later = self._clock.callLater(wait, self._tell_back)
            return
        self._told_back = now
        self._log.info("the database {label} is back", label=self._dialect.label)
        for listener in self._back:
            try:
                listener()
            except Exception:
                self._log.failure("not ready for the database's return")

    def _look_at_it(self) -> None:
        began = self._began
        is_same = began is not None and began == self._seen
        self._seen, self._seen_before = began, self._seen_before + 1 if is_same else 0
        # By looks, not by the clock: while this process stood still it did not look,
        # and the answer may have come.
        if self._seen_before * _LOOK_SECONDS >= ANSWER_SECONDS:
            self._was_cut = True
            self._dialect.cut()
        self._look = self._clock.callLater(_LOOK_SECONDS, self._look_at_it)

    # in the worker's

    def _unless_lost(self, losses: int, function: Callable[[Connection], T]) -> T:
        self.check_losses(losses)
        return self._transaction(function)

    def _transaction(self, function: Callable[[Connection], T]) -> T:
        with self._errors(), self._engine.begin() as connection:
            self._began = self._clock.seconds()
            return function(connection)

    def _migrate(self) -> None:
        if self._transaction(lambda db: migrate.is_older(db, self._migrations)):
            revision = self._transaction(migrate.schema_revision)
            with self._errors():
                copy = self._dialect.back_up(self._engine, f"before-{revision}")
            if copy is not None:
                self._log.info("the database was copied to {path}", path=str(copy))
        self._transaction(self._migrate_within)

    def _migrate_within(self, connection: Connection) -> None:
        self._dialect.begin_migration(connection)
        migrate.migrate(connection, self._migrations)

    def _close(self) -> None:
        self._open = False
        self._engine.dispose()
        self._dialect.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the database's libraries raise, as :class:`DatabaseError`."""
        self._was_cut = False
        # A connection has to be made first, which may hang as well.
        self._began = self._clock.seconds()
        try:
            yield
        except (DataError, IntegrityError) as error:
            raise DatabaseError(self._line(error.orig)) from error
        except DBAPIError as error:
            raise self._unavailable(error.orig) from error
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise self._unavailable(error) from error
        finally:
            self._began = None

    def _unavailable(self, reason: BaseException | None) -> DatabaseUnavailable:
        if self._was_cut:
            reason = TimeoutError(f"no answer within {ANSWER_SECONDS:.0f} s")
        self._reason = self._line(reason)
        self._losses += 1
        return DatabaseUnavailable(self._reason)

    def _line(self, reason: BaseException | None) -> str:
        line = " ".join(str(reason).split())
        return f"the database {self._dialect.label} can't be used: {line}"
