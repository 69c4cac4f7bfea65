"""A lock file: one server at a time on one SQLite file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from cfos_cloud.registry_errors import DatabaseError


class FileLock:
    """
    Held from construction to :meth:`release` or the end of the process.

    A file of its own: to close any descriptor of the database's file would drop
    the locks that SQLite has on it in this process (POSIX's record locks).

    :raises DatabaseError: another process holds it, or it can't be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if os.geteuid() == 0:
                # Root makes a backup, say: the directory's owner is to start again.
                owner = path.parent.stat()
                os.fchown(self._descriptor, owner.st_uid, owner.st_gid)
        except OSError as error:
            raise DatabaseError(f"can't write {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            if not isinstance(error, BlockingIOError):
                raise DatabaseError(f"can't lock {path}: {error.strerror}") from error
            raise DatabaseError(
                f"another server uses it (process {holder or 'unknown'})"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let another process have it; the file stays, or two could hold two."""
        os.close(self._descriptor)
