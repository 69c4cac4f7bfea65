"""The directory that a demonstration uses: a chosen one, or one for this run."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DirectoryInUse(Exception):
    """Another demonstration has it; one line."""


@contextmanager
def directory_for(chosen: Path | None, name: str) -> Iterator[Path]:
    """
    ``chosen``, made where it is missing and locked, else a new one that is removed
    afterwards, with ``name`` in its own.

    :raises DirectoryInUse: somebody else has locked it.
    :raises OSError: it can't be used.
    """
    if chosen is None:
        path = Path(tempfile.mkdtemp(prefix=f"cfos-cloud-{name}-"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
        return
    path = chosen.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DirectoryInUse(f"another demo runs in {path}") from error
        yield path
    finally:
        os.close(descriptor)
