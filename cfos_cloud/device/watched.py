"""A file that is read again when it changes."""

from __future__ import annotations

from pathlib import Path


class Watched:
    """Tells when a file is to be read (again)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: object = ()
        self._again = False

    def is_due(self) -> bool:
        """
        Whether it changed since the last call. True once more at the call after a
        change: a write in the same tick of the file system's clock looks the same.
        """
        if self._path is None:
            return False
        try:
            status = self._path.stat()
        except OSError as error:
            now: object = error.errno
        else:
            now = (
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
            )
        due = now != self._seen or self._again
        self._again = now != self._seen
        self._seen = now
        return due
