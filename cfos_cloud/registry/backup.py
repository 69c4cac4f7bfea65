"""
A copy of all that a server has, made while it runs: the database as of one moment,
and unless they are left out the keys.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from cfos_cloud import __version__
from cfos_cloud.registry.archive import Archive, Member
from cfos_cloud.registry.database import Database, default_url
from cfos_cloud.registry_errors import CopyFailed, DatabaseError
from cfos_cloud.workers import Overloaded

#: What a backup says of itself, its first member.
ABOUT = "backup.json"
#: The database in a backup, and in a data directory.
DATABASE = "cfos-cloud.sqlite3"
#: Backups that are made and fetched at one time.
MAX_BACKUPS = 2
#: Bytes of a file of keys; a larger one is none.
MAX_FILE = 1024 * 1024
#: Files that are not the server's, named at most.
MAX_STRANGE = 20
#: All that a server keeps beside the database: a new file belongs here, too. What
#: somebody else has put there, a password perhaps, is nobody's to take away.
KEYS = (
    "server-secret",
    "signing-keys.json",
    "tls/certificate.pem",
    "tls/imported.pem",
    "tls/key.pem",
)
#: … and further certificates of the operator's.
_MORE_KEYS = re.compile(r"tls/imported-[1-9][0-9]{0,8}\.pem", re.ASCII)
#: The server's, too, but neither keys nor of use on another day.
_NO_KEYS = ("initial-admin-password", ABOUT)
_NO_KEYS_SUFFIXES = (".log", ".pid", ".lock")
_COPY = ".backup-"


@dataclass(frozen=True)
class Backup:
    """To be closed after use."""

    archive: Archive
    #: Keys by their names, but too large to be any.
    left_out: Sequence[str]
    #: The first of those in the data directory that are not the server's.
    strange: Sequence[str]
    close: Callable[[], None]


class Backups:
    """
    :param now: the time, aware of its zone.
    """

    _log = Logger()

    def __init__(
        self, database: Database, data_dir: Path, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._data_dir = data_dir
        self._now = now
        self._open = 0

    def make(self, *, with_keys: bool) -> Deferred[Backup]:
        """
        A backup as of now; changes wait while the database is copied, requests to
        devices don't.

        :raises NoCopy: as a failure: the database is PostgreSQL.
        :raises CopyFailed: as a failure: there is no room for it, say.
        :raises Overloaded: as a failure: two are made already.
        """

        async def make() -> Backup:
            if self._open >= MAX_BACKUPS:
                raise Overloaded
            self._open += 1
            copy = self._data_dir / f"{_COPY}{secrets.token_hex(8)}"

            def close() -> None:
                self._open -= 1
                copy.unlink(missing_ok=True)

            try:
                await self._database.copy(copy)
                made = _backup(copy, self._data_dir, self._now(), with_keys, close)
            except BaseException:
                close()
                raise
            if made.strange:
                self._log.warn(
                    "not the server's, so not in the backup: {names}",
                    names=", ".join(made.strange),
                )
            return made

        return Deferred.fromCoroutine(make())

    def clean(self) -> None:
        """Remove what a killed server has left; once the database is claimed."""
        for left in self._data_dir.glob(f"{_COPY}*"):
            try:
                left.unlink()
            except OSError as error:
                self._log.warn(
                    "{path} is left from a backup, remove it: {reason}",
                    path=str(left),
                    reason=error.strerror,
                )


def make_offline(
    reactor: IReactorFromThreads,
    data_dir: Path,
    scratch: Path,
    now: datetime,
    *,
    with_keys: bool,
) -> Backup:
    """
    A backup of a data directory that no server uses; ``scratch`` is a directory for
    the copy that goes into it. Blocks.

    :raises DatabaseError: a server does, there is nothing, or no room for a copy.
    """
    if not (data_dir / DATABASE).is_file():
        raise DatabaseError(f"there is no {DATABASE} in {data_dir}")
    copy = scratch / f"{_COPY}{secrets.token_hex(8)}"
    Database(default_url(data_dir), reactor).copy_offline(copy)

    def close() -> None:
        copy.unlink(missing_ok=True)

    try:
        return _backup(copy, data_dir, now, with_keys, close)
    except BaseException:
        close()
        raise


def _backup(
    copy: Path,
    data_dir: Path,
    now: datetime,
    with_keys: bool,
    close: Callable[[], None],
) -> Backup:
    about = {
        "program": f"cfos-cloud {__version__}",
        "made": now.isoformat(timespec="seconds"),
        "keys": with_keys,
        "note": "with the private keys: keep it as safe as the data directory"
        if with_keys
        else "without certificate, keys and server-secret: a server that is restored "
        "from this has new ones, and its access keys are to be made anew",
    }
    time = now.timestamp()
    members = [
        Member(ABOUT, json.dumps(about, indent=2).encode("ascii") + b"\n", time),
        Member(DATABASE, copy, time),
    ]
    left_out: list[str] = []
    strange: list[str] = []
    try:
        if with_keys:
            members += _keys(data_dir, left_out)
            strange = _strange(data_dir)
        return Backup(Archive(members), left_out, strange, close)
    except OSError as error:
        raise CopyFailed(f"no backup: {error}") from error


def _keys(data_dir: Path, left_out: list[str]) -> Iterator[Member]:
    folders: set[Path] = set()
    more = [path.relative_to(data_dir).as_posix() for path in data_dir.glob("tls/*")]
    for name in (*KEYS, *sorted(filter(_MORE_KEYS.fullmatch, more))):
        path = data_dir / name
        folder = path.parent
        if not path.is_file() or path.is_symlink() or folder.is_symlink():
            continue
        if path.stat().st_size > MAX_FILE:
            left_out.append(name)
            continue
        if folder != data_dir and folder not in folders:
            folders.add(folder)
            yield Member(folder.name, None, folder.stat().st_mtime)
        yield Member(name, path.read_bytes(), path.stat().st_mtime)


def _strange(data_dir: Path) -> list[str]:
    """The first of what is there and not the server's, sorted."""
    found = []
    for path in [*data_dir.iterdir(), *data_dir.glob("tls/*")]:
        name = path.relative_to(data_dir)
        is_ours = name.as_posix() in (*KEYS, "tls") or _MORE_KEYS.fullmatch(
            name.as_posix()
        )
        is_known = is_ours and not path.is_symlink()
        if not is_known and not _is_no_key(name):
            found.append(name.as_posix())
    return sorted(found)[:MAX_STRANGE]


def _is_no_key(name: Path) -> bool:
    return (
        name.name in _NO_KEYS
        or name.suffix in _NO_KEYS_SUFFIXES
        # Copies and other files that are being written.
        or name.name.startswith(".")
        # The database itself, its journal, lock, and copies before migrations.
        or ".sqlite3" in name.name
    )
