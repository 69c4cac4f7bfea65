"""PostgreSQL: one connection, which holds the lock that keeps a second server out."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from cfos_cloud.registry_errors import DatabaseError, NoCopy

#: Of the advisory lock, in whatever database: "cfoscld" in ASCII.
LOCK = 0x63666F73636C64
#: Seconds to connect.
CONNECT_SECONDS = 5
#: Milliseconds that a statement may take, and may wait for what others have locked.
STATEMENT_MS = 9_000
LOCK_MS = 5_000
#: What libpq is told unless the URL says otherwise. A connection whose other end has
#: vanished is given up within a minute.
_CONNECTING = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "cfos-cloud",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: The same for the other end, which would else keep our lock; and what is
#: acknowledged is on its disk, whatever its default is.
#: How often the lock is tried while nobody is seen to hold it, and seconds between.
_LOCK_TRIES = 20
_LOCK_SECONDS = 0.1
_SESSION = f"""
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SET statement_timeout = {STATEMENT_MS};
SET lock_timeout = {LOCK_MS};
SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""
_HOLDER = """
SELECT pid, coalesce(host(client_addr), 'its own machine')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND classid = %s AND objid = %s AND database = datid
    AND datname = current_database()
"""


class PostgreSQLDialect:
    """
    See :class:`~cfos_cloud.registry.dialects.Dialect`.

    A password is taken from the URL, else by libpq from ``PGPASSWORD`` or
    ``PGPASSFILE``.
    """

    may_hang = True

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        #: The driver's connection, while there is one.
        self._connection: Any = None

    @property
    def label(self) -> str:
        # A password may be in the query, too.
        plain = self._url.set(drivername="postgresql", query={})
        return plain.render_as_string(hide_password=True)

    def claim(self) -> None:
        """The connection does it."""

    def make_engine(self) -> Engine:
        given = {**self._url.query}
        defaults = {k: v for k, v in _CONNECTING.items() if k not in given}
        try:
            engine = create_engine(
                self._url,
                hide_parameters=True,
                connect_args=defaults,
                # ONE connection: what is written is written by whoever holds the
                # lock, also after the connection was lost and another was made.
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=0,
                pool_pre_ping=True,
            )
        except ModuleNotFoundError as error:
            raise DatabaseError(
                f"it needs the Python package {error.name}: "
                "pip install 'cfos-cloud[postgresql]'"
            ) from error
        # Before SQLAlchemy's own: it does not understand what we refuse here.
        event.listen(engine, "connect", self._connected, insert=True)
        return engine

    def begin_migration(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    def back_up(self, engine: Engine, suffix: str) -> Path | None:
        """Before a migration, too, that is the operator's."""
        return None

    def copy(self, engine: Engine, path: Path) -> None:
        raise NoCopy("this server's database is in PostgreSQL: use pg_dump")

    def cut(self) -> None:
        connection = self._connection
        if connection is None or connection.closed:
            return
        # Not its close(), which is for the thread that uses it: who waits for the
        # socket sees its end, and closes.
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was lost anyway

    def release(self) -> None:
        """The lock has gone with the connection."""
        self._connection = None

    def _connected(self, connection: Any, _record: object) -> None:
        self._connection = connection
        try:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise DatabaseError(
                    f"its encoding is {encoding}: make it with createdb --encoding=UTF8"
                )
            with connection.cursor() as cursor:
                _prepare(cursor)
            connection.commit()
        except BaseException:
            connection.close()
            raise


def _prepare(cursor: Any) -> None:
    for statement in _SESSION.split(";"):
        cursor.execute(statement)
    for _ in range(_LOCK_TRIES):
        if cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]:
            return
        found = cursor.execute(_HOLDER, (LOCK >> 32, LOCK & 0xFFFFFFFF)).fetchone()
        if found is not None:
            break
        # Of a session that is just ending, the one before a restart say.
        time.sleep(_LOCK_SECONDS)
    who = "" if found is None else f" (its session {found[0]}, from {found[1]})"
    raise DatabaseError(f"another server uses it{who}")
