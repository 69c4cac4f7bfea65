"""SQLite: one file beside the server, one connection, one server."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from cfos_cloud.registry.file_lock import FileLock
from cfos_cloud.registry_errors import DatabaseError

#: How long SQLite waits for a foreign reader, in seconds.
BUSY_TIMEOUT = 5.0


class SQLiteDialect:
    """See :class:`~cfos_cloud.registry.dialects.Dialect`."""

    may_hang = False

    def __init__(self, url: URL) -> None:
        self._url = url
        self._lock: FileLock | None = None

    @property
    def file(self) -> Path | None:
        """``None``: it is in memory."""
        if self._url.database in (None, "", ":memory:"):
            return None
        return Path(str(self._url.database)).absolute()

    @property
    def label(self) -> str:
        return str(self.file or "in memory")

    def claim(self) -> None:
        """
        Make the file ours: there, of mode 0600, and locked against a second server.
        Before the first connection, see :class:`FileLock`.
        """
        file = self.file
        if file is None:
            return
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseError(f"can't write it: {error.strerror}") from error
        try:
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise DatabaseError(f"can't make it 0600: {error.strerror}") from error
        finally:
            os.close(descriptor)
        resolved = file.resolve()
        self._lock = FileLock(resolved.with_name(resolved.name + ".lock"))

    def make_engine(self) -> Engine:
        engine = create_engine(
            self._url,
            hide_parameters=True,
            # ONE connection: no second writer, and no SQLITE_BUSY among ourselves.
            # It is made in the main thread at the start and used in the worker's.
            poolclass=StaticPool,
            connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def begin_migration(self, connection: Connection) -> None:
        """Nothing to do."""

    def back_up(self, engine: Engine, suffix: str) -> Path | None:
        file = self.file
        if file is None:
            return None
        copy = file.with_name(f"{file.name}.{suffix}")
        # Not in its place at once: the older copy stays until there is a new one.
        new = file.with_name(f".{copy.name}.new")
        self.copy(engine, new)
        new.replace(copy)
        return copy

    def copy(self, engine: Engine, path: Path) -> None:
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(path),))
            _sync(path)
        except (sqlite3.Error, OSError) as error:
            path.unlink(missing_ok=True)
            raise DatabaseError(f"can't copy it to {path}: {error}") from error
        finally:
            connection.close()

    def cut(self) -> None:
        """It does not hang."""

    def release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own idea of transactions leaves DDL outside of them.
    connection.isolation_level = None
    for pragma in (
        # Not WAL: with it, SQLite before 3.51.3 can lose pages when somebody
        # opens the file by hand; a file at rest is one file to copy; and
        # batched bookkeeping leaves few commits to speed up.
        "journal_mode=DELETE",
        "synchronous=FULL",
        "foreign_keys=ON",
        # What is removed (a verifier, a hash) is overwritten.
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
