"""Inputs by chance, always the same ones: what every run of the tests begins with."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.fuzz.harness import Harness


def inputs(harness: Harness, count: int, seed: int = 1) -> Iterator[bytes]:
    """The seeds as they are, then ``count`` that were changed here and there."""
    seeds = harness.seeds()
    yield from seeds
    # No secret depends on it.
    random = Random(seed)  # noqa: S311 - not for secrets
    for _ in range(count):
        data = bytearray(random.choice(seeds))
        for _ in range(random.randint(1, 4)):
            _change(data, random, seeds, harness.words)
        yield bytes(data)


def _change(
    data: bytearray, random: Random, seeds: list[bytes], words: tuple[bytes, ...]
) -> None:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((1, 1, 2, 4, 16, 200)))
    match random.randint(0, 6):
        case 0:
            data[at:end] = random.randbytes(end - at)
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end]
        case 3 if words:
            data[at:at] = random.choice(words)
        case 4 if words:
            data[at:end] = random.choice(words)
        case 5:
            other = random.choice(seeds)
            data[at:] = other[random.randint(0, len(other)) :]
        case _:
            data[at:end] = bytes(
                octet ^ 1 << random.randint(0, 7) for octet in data[at:end]
            )
