"""A tar file (POSIX ustar), piece by piece: nothing is ever whole in memory."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Bytes of a piece, at most.
PIECE = 64 * 1024
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """
    A file of an archive, 0600, or where ``content`` is ``None`` a directory, 0700.
    One that is a path must stay as it is until it has been read; ``time`` in seconds
    since the epoch.
    """

    name: str
    content: bytes | Path | None
    time: float

    @property
    def size(self) -> int:
        """In bytes."""
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return len(self.content or b"")

    def header(self) -> bytes:
        """The block, or blocks, before the content."""
        info = tarfile.TarInfo(self.name)
        info.size = self.size
        info.mtime = int(self.time)
        info.mode = 0o700 if self.content is None else 0o600
        if self.content is None:
            info.type = tarfile.DIRTYPE
        return info.tobuf(tarfile.PAX_FORMAT)


class Archive:
    """:raises OSError: one of the files is not there."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._parts = [(member.header(), member) for member in members]
        self._sizes = [member.size for member in members]

    @property
    def length(self) -> int:
        """Bytes of all pieces."""
        headers = sum(len(header) for header, _ in self._parts)
        contents = sum(size + _padding(size) for size in self._sizes)
        return headers + contents + len(_END)

    def pieces(self) -> Iterator[bytes]:
        """
        The archive, in pieces of at most 64 KiB.

        :raises OSError: a file can't be read, or has become shorter.
        """
        for (header, member), size in zip(self._parts, self._sizes, strict=True):
            yield header
            if isinstance(member.content, Path):
                yield from _read(member.content, size)
            elif member.content:
                yield from _cut(member.content)
            if padding := _padding(size):
                yield bytes(padding)
        yield _END


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE


def _cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


def _read(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise OSError(f"{path} has become shorter")
            left -= len(piece)
            yield piece
