"""Files that hold a secret: read without their trailing newline, written safely."""

from __future__ import annotations

import os
from pathlib import Path

#: A secret is a password or a key in PEM, never more than this.
MAX_SECRET_BYTES = 64 * 1024


class SecretFileError(Exception):
    """A secret file can't be used; the message names the file and the reason."""


def read_secret(path: str | Path) -> str:
    """
    The text in ``path`` without one trailing line end (``\\n`` or ``\\r\\n``).

    :raises SecretFileError: unreadable, over 64 KiB or not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise SecretFileError(f"can't read {path}: {error.strerror}") from error
    if len(data) > MAX_SECRET_BYTES:
        raise SecretFileError(f"{path} is larger than {MAX_SECRET_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{path} is not UTF-8 text") from error
    if text.endswith("\n"):
        text = text[:-1].removesuffix("\r")
    return text


def read_secret_if_any(path: str | Path | None) -> str | None:
    """
    As :func:`read_secret`; ``None`` where no file is named, or it is not there.

    :raises SecretFileError: as :func:`read_secret`, for a file that is there.
    """
    if path is None:
        return None
    try:
        return read_secret(path)
    except SecretFileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def write_secret(path: str | Path, data: str | bytes) -> None:
    """
    Replace ``path`` as a whole, readable by its owner only: a reader, or a crash
    at any moment, finds either the old content or the new.

    :raises OSError: the directory can't be written; the old content stays.
    """
    target = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
