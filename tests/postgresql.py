"""
A PostgreSQL of the tests' own: one cluster a run, one database a test.

Without PostgreSQL such tests are skipped, where ``CI`` is set they fail.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.end_to_end.processes import ReservedPort, wait_until

#: The database's superuser here, and the password that it needs over TCP.
USER = "cfos"
PASSWORD = "canary-of-the-database"
#: Whom it runs as where the tests are root's, whom it refuses; Debian's package makes
#: the first.
_ROOT = 0
_UNPRIVILEGED = ("postgres", "nobody")
_SETTINGS = {
    # A test that kills processes needs no disk: nothing here outlives the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "16MB",
    "max_connections": "30",
    "autovacuum": "off",
}
#: Bytes of memory that a cluster may take.
_ROOM = 2 * 1024**3
#: prctl(2)'s PR_SET_PDEATHSIG.
_SIGNAL_AT_PARENTS_DEATH = 1
_libc = ctypes.CDLL(None)
_names = count(1)


def _end_with_the_tests() -> None:
    """In the child: SIGQUIT is PostgreSQL's "shut down at once"."""
    _libc.prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGQUIT)


def _somebody() -> str:
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def _scratch() -> str | None:
    """Memory, where there is much of it."""
    memory = "/dev/shm"  # noqa: S108 - in a directory of its own
    try:
        is_roomy = shutil.disk_usage(memory).free > _ROOM
    except OSError:
        return None
    return memory if is_roomy and os.access(memory, os.W_OK) else None


def _binaries() -> Path | None:
    """Where ``initdb`` and ``postgres`` are."""
    # As Debian keeps them, by version, outside of the PATH.
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    if newest is not None:
        return newest.parent
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


def _needed() -> tuple[Path, Any]:
    """
    The directory of PostgreSQL's programs, and the module psycopg.

    :raises SkipTest: there is none, and nobody insists.
    """
    lacking = "PostgreSQL (Debian: postgresql)"
    binaries = _binaries()
    if binaries is not None:
        try:
            import psycopg
        except ImportError:
            lacking = "psycopg (pip install psycopg[binary])"
        else:
            return binaries, psycopg
    if os.environ.get("CI"):
        raise AssertionError(f"there is no {lacking}, which CI must have")
    raise SkipTest(f"needs {lacking}")


class Cluster:
    """A PostgreSQL server on a free loopback port and a socket of its own."""

    def __init__(self) -> None:
        self._binaries, self._psycopg = _needed()
        self.directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-pg-", dir=_scratch()))
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._user = _somebody() if os.getuid() == _ROOT else None
        if self._user is not None:
            shutil.chown(self.directory, self._user)
        self._data = self.directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._make()
        self.start()

    def _make(self) -> None:
        password = self.directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        done = subprocess.run(
            [
                str(self._binaries / "initdb"),
                *("-D", str(self._data), "-U", USER, f"--pwfile={password}"),
                *("--auth-local=trust", "--auth-host=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            capture_output=True,
            cwd="/",
            **self._as_user(),
        )
        if done.returncode != 0:
            raise AssertionError(f"initdb: {done.stderr.decode()}")

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        group = pwd.getpwnam(self._user).pw_gid
        return {"user": self._user, "group": group, "extra_groups": []}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            **_SETTINGS,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=_end_with_the_tests,
                **self._as_user(),
            )
        wait_until(self._answers, f"PostgreSQL answers, see {self._log}")

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    @property
    def pid(self) -> int:
        """Of the postmaster, which has to run."""
        assert self._process is not None
        return self._process.pid

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"PostgreSQL has ended: {self._log.read_text()}")
        try:
            self.query("SELECT 1")
        except self._psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, unless ``number`` says otherwise; nothing, if it has."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    def kill(self) -> None:
        """End each of its processes without a word."""
        children = _children(self.pid)
        self.stop(signal.SIGKILL)
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in children),
            "PostgreSQL's processes have ended",
        )

    def restart(self) -> None:
        """As after a power cut."""
        self.stop()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody answers within, though connections stay and are accepted."""
        pids = [self.pid, *_children(self.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and leave nothing."""
        self.stop()
        self._reserved.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # databases

    def url(self, name: str) -> str:
        """The URL of a database, by the socket, where no password is needed."""
        return f"postgresql://{USER}@/{name}?host={self.directory}&port={self.port}"

    def tcp_url(self, name: str, password: str | None = PASSWORD) -> str:
        """The URL of a database by loopback."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{name}"

    def create_database(self, template: str = "template0") -> str:
        """The name of a new database."""
        name = f"test_{os.getpid()}_{next(_names)}"
        self.query(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is connected to it."""
        self.query(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sessions(self, name: str) -> list[int]:
        """Its processes that serve whoever is connected to a database."""
        rows = self.query("SELECT pid, datname FROM pg_stat_activity")
        return [pid for pid, database in rows if database == name]

    def dump(self, name: str) -> bytes:
        """All that is in it, as SQL."""
        command = [str(self._binaries / "pg_dump"), "-h", str(self.directory)]
        command += ["-p", str(self.port), "-U", USER, name]
        dumped = subprocess.run(command, capture_output=True, check=True).stdout
        # "\\restrict" and its end have a random word.
        return b"\n".join(
            line for line in dumped.splitlines() if not line.startswith(b"\\")
        )

    def query(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement gives; for tests that look behind the registry."""
        with self._psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user=USER,
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(sql)
            return [] if cursor.description is None else list(cursor.fetchall())


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if re.search(rf"^PPid:\t{pid}$", text, re.M):
            found.append(int(status.parent.name))
    return found


@cache
def cluster() -> Cluster:
    """
    The one of this run.

    :raises SkipTest: there is no PostgreSQL, and nobody insists.
    """
    made = Cluster()
    atexit.register(made.close)
    return made


def unused_port() -> int:
    """A loopback port where nobody listens, at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number
