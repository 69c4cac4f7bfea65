"""Does anything grow? By medians, so that one bad moment says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from tests.soak.samples import Sample

#: The part of a run in which memory may still grow: caches fill, all code is used.
WARM_UP = 0.1
#: MiB by which the last third of a run may lie above the first third.
MOST_GROWTH = 4.0
#: File descriptors and timers that may be left: what a moment has of its own.
MOST_LEFT = 2


def growth(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """
    By how much the median of the last third is above that of the first third, after
    the warm-up.
    """
    began = samples[0].at + WARM_UP * (samples[-1].at - samples[0].at)
    warm = [of(each) for each in samples if each.at >= began]
    third = max(1, len(warm) // 3)
    return median(warm[-third:]) - median(warm[:third])


def findings(
    before: Sample,
    samples: Sequence[Sample],
    after: Sample,
    most_growth: float = MOST_GROWTH,
    most_left: int = MOST_LEFT,
) -> list[str]:
    """
    What must not be; nothing if all is well.

    :param before: while nobody was there yet.
    :param after: when everybody had gone.
    """
    found = []
    for name, of in (
        ("the server", lambda each: each.server_rss),
        ("the device end", lambda each: each.device_rss),
    ):
        grown = growth(samples, of)
        if grown > most_growth:
            found.append(f"{name} has grown by {grown:.1f} MiB")
    if after.streams != before.streams:
        found.append(f"{after.streams} streams are open, {before.streams} at first")
    for name, was, left in (
        ("connections to the server", before.connections, after.connections),
        ("timers of the server", before.timers, after.timers),
        ("files of the server", before.server_fds, after.server_fds),
        ("files of the device end", before.device_fds, after.device_fds),
    ):
        if left > was + most_left:
            found.append(f"{left} {name} are left, {was} at first")
    return found
