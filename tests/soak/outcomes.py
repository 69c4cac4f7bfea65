"""What became of what visitors did."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

#: Seconds before and after a cut in which something may fail.
MARGIN = 1.0


@dataclass(frozen=True)
class Outcome:
    """
    One thing that somebody did.

    :ivar began: in seconds since the run's beginning; ``ended`` likewise.
    :ivar wrong: what was not as it should be; empty if all was.
    :ivar is_lie: it looked like a success and was none: no cut excuses that.
    """

    what: str
    began: float
    ended: float
    wrong: str = ""
    is_lie: bool = False

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Cut:
    """From when to when there may have been no tunnel."""

    began: float
    ended: float

    def met(self, outcome: Outcome) -> bool:
        """Whether ``outcome`` may have suffered from it."""
        return (
            outcome.began <= self.ended + MARGIN
            and self.began - MARGIN <= outcome.ended
        )


class Book:
    """Where all threads write down what they have seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._cuts: list[Cut] = []

    def add(self, outcome: Outcome) -> None:
        with self._lock:
            self._outcomes.append(outcome)

    def add_cut(self, cut: Cut) -> None:
        with self._lock:
            self._cuts.append(cut)

    @property
    def outcomes(self) -> list[Outcome]:
        with self._lock:
            return list(self._outcomes)

    @property
    def cuts(self) -> list[Cut]:
        with self._lock:
            return list(self._cuts)

    def failures(self) -> tuple[list[Outcome], list[Outcome]]:
        """Those that nothing excuses, and those that met a cut."""
        cuts = self.cuts
        failed = [each for each in self.outcomes if each.wrong]
        excused = [
            each
            for each in failed
            if not each.is_lie and any(cut.met(each) for cut in cuts)
        ]
        return [each for each in failed if each not in excused], excused

    def waits(self, what: str, began: float, ended: float) -> list[float]:
        """How long it took when all was well, of what ended in that time; sorted."""
        return sorted(
            each.seconds
            for each in self.outcomes
            if each.what == what and not each.wrong and began <= each.ended < ended
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """Of sorted ``values``; 0 of none."""
    if not values:
        return 0.0
    ranks = [(number + 1) * 100 / len(values) for number in range(len(values))]
    return values[min(bisect_left(ranks, percent), len(values) - 1)]
