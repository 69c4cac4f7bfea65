"""What differs between SQLite and PostgreSQL, and nowhere else."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from cfos_cloud.registry.errors import DatabaseError
from cfos_cloud.registry.file_lock import FileLock

#: How long SQLite waits for a foreign reader (a backup, say), in seconds.
BUSY_TIMEOUT = 5.0
#: Connections, and threads, to a PostgreSQL server.
POSTGRESQL_CONNECTIONS = 4


def parse_url(text: str | URL) -> URL:
    """
    The URL of a database that we can use.

    :raises DatabaseError: it is none.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise DatabaseError(
            "the database needs a URL like sqlite:////path/to/file"
        ) from error
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        return url
    if dialect == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(f"no database of the kind {dialect}: sqlite or postgresql")


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; ``None``: it is in memory or no SQLite."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database)).absolute()


def label(url: URL) -> str:
    """How messages call the database: its file, or its URL without the password."""
    file = sqlite_file(url)
    return str(file) if file else url.render_as_string(hide_password=True)


def threads(url: URL) -> int:
    """How many transactions may run at a time; SQLite's one connection takes one."""
    return 1 if url.get_backend_name() == "sqlite" else POSTGRESQL_CONNECTIONS


def claim(url: URL) -> FileLock | None:
    """
    Make a SQLite file ours: there, of mode 0600, and locked against a second
    server. Before the first connection, see :class:`FileLock`.

    :raises DatabaseError: it can't be written, or another server has it.
    """
    file = sqlite_file(url)
    if file is None:
        return None
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
    return FileLock(file.resolve().with_name(file.resolve().name + ".lock"))


def make_engine(url: URL) -> Engine:
    """
    The engine, not connected yet.

    :raises DatabaseError: the driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _make_sqlite_engine(url)
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=POSTGRESQL_CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise DatabaseError(f"it needs the Python package {error.name}") from error


def _make_sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        # ONE connection: no second writer, and no SQLITE_BUSY among ourselves. It
        # is made in the main thread at the start and used in the worker's.
        poolclass=StaticPool,
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
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

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def back_up(engine: Engine, url: URL, suffix: str) -> Path | None:
    """
    A copy of a SQLite file beside it, as it is now; PostgreSQL's operators have
    their own. An older copy of the same name is replaced.
    """
    file = sqlite_file(url)
    if file is None:
        return None
    copy = file.with_name(f"{file.name}.{suffix}")
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        raise DatabaseError(f"can't copy it to {copy}: {error}") from error
    finally:
        connection.close()
    return copy
