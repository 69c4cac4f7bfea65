"""What a reader is to be given, and how bytes are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle


@dataclass(frozen=True)
class Harness:
    """
    One reader.

    :ivar check: raises where something that must be true is not; its own errors apart,
        a reader raises what it declares and nothing else.
    :ivar seeds: inputs to begin with: well-formed ones, and what is known to be bad.
    :ivar words: what such inputs consist of.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()


def split(data: bytes) -> tuple[bytes, bytes]:
    """The two bytes that say how to cut, and the rest, which is cut."""
    return data[:2], data[2:]


def pieces(how: bytes, data: bytes) -> Iterator[bytes]:
    """``data`` in pieces of the sizes in ``how``, over and over; none is empty."""
    at = 0
    for size in cycle([octet or 256 for octet in how] or [1]):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def seeded(*inputs: bytes) -> list[bytes]:
    """``inputs``, each to be cut in two ways."""
    return [how + data for data in inputs for how in (b"\x01\x01", b"\x07\x40")]
