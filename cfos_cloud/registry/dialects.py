"""Which database a URL names, and what the two kinds have to do for us."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, Table, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from cfos_cloud.registry.postgresql_dialect import PostgreSQLDialect
from cfos_cloud.registry.sqlite_dialect import SQLiteDialect
from cfos_cloud.registry_errors import DatabaseError


class Dialect(Protocol):
    """
    What differs between SQLite and PostgreSQL. One connection each: whoever writes
    holds what keeps a second server out.
    """

    @property
    def label(self) -> str:
        """How messages call the database; no password is in it."""

    @property
    def may_hang(self) -> bool:
        """Whether it can stop to answer, so that somebody has to :meth:`cut`."""

    def claim(self) -> None:
        """
        Before the first connection, where something has to be done then.

        :raises DatabaseError: another server has it, or it can't be used.
        """

    def make_engine(self) -> Engine:
        """
        The engine, not connected yet.

        :raises DatabaseError: the driver is not installed.
        """

    def begin_migration(self, connection: Connection) -> None:
        """In the transaction that migrates: it may take its time."""

    def back_up(self, engine: Engine, suffix: str) -> Path | None:
        """
        A copy beside the database, as it is now, instead of an older one of that
        name; ``None``: its operators have their own.

        :raises DatabaseError: there is no room for it, say.
        """

    def copy(self, engine: Engine, path: Path) -> None:
        """
        Make ``path`` a copy, 0600, as of one moment.

        :raises NoCopy: others have the tool for that.
        :raises DatabaseError: there is no room for it, say.
        """

    def cut(self) -> None:
        """End the connection under whoever waits for it; from any thread."""

    def release(self) -> None:
        """After the last connection: another server may have it."""


def choose(url: str | URL) -> Dialect:
    """
    The dialect of ``url``.

    :raises DatabaseError: it is of no database that we can use; what is wrong with
        it is not quoted, for it may have a password.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "--database needs a URL: postgresql://USER@HOST/NAME "
            "or sqlite:////path/to/file"
        ) from None
    if dialect == "sqlite":
        return SQLiteDialect(parsed)
    if dialect in ("postgresql", "postgres"):
        return PostgreSQLDialect(parsed)
    raise DatabaseError(f"no database of the kind {dialect}: postgresql or sqlite")


def upsert(connection: Connection, table: Table) -> Any:
    """``INSERT`` of the connection's dialect, which knows ``on_conflict_do_update``."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
