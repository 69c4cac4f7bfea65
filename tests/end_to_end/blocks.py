"""Bodies of any size whose every part differs, made as they are sent."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator

#: The same in every process.
_BLOCK = random.Random(1).randbytes(256 * 1024)  # noqa: S311 - not for secrets


def blocks(size: int) -> Iterator[bytes]:
    """``size`` bytes; every block begins with its number."""
    number = 0
    while size:
        block = number.to_bytes(8, "big") + _BLOCK[8:]
        block = block[:size]
        size -= len(block)
        number += 1
        yield block


def digest(data: Iterable[bytes]) -> str:
    """SHA-256 of all of it."""
    hashed = hashlib.sha256()
    for each in data:
        hashed.update(each)
    return hashed.hexdigest()
