"""Power over time, as much of it as a plot needs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Seconds of a step, and for how long it is kept: the last hour, and the last day.
FINE_STEP, FINE_SPAN = 10, 3600
COARSE_STEP, COARSE_SPAN = 60, 24 * 3600
MAX_MINUTES = COARSE_SPAN // 60


@dataclass(frozen=True)
class Plot:
    """Averages of each step from ``begins`` on; ``None``: nothing is known."""

    step: int
    begins: float
    series: Mapping[str, Sequence[int | None]]


@dataclass
class _Ring:
    """Averages by step; a step is known once something after it comes."""

    step: int
    length: int
    names: tuple[str, ...]
    kept: deque[tuple[int, tuple[int, ...]]] = field(default_factory=deque)
    _slot: int = 0
    _sums: list[float] = field(default_factory=list)
    _count: int = 0

    def add(self, when: float, values: Sequence[float]) -> None:
        slot = math.floor(when / self.step)
        if slot != self._slot or not self._count:
            self._finish()
            self._slot, self._sums, self._count = slot, [0.0] * len(self.names), 0
        self._sums = [sum_ + value for sum_, value in zip(self._sums, values)]  # noqa: B905 - same length
        self._count += 1

    def _finish(self) -> None:
        if not self._count:
            return
        if self.kept and self._slot <= self.kept[-1][0]:
            return  # the clock was set back
        averages = tuple(round(sum_ / self._count) for sum_ in self._sums)
        self.kept.append((self._slot, averages))
        while len(self.kept) > self.length:
            self.kept.popleft()

    def plot(self, now: float, seconds: float) -> Plot:
        last = math.floor(now / self.step)
        first = last - math.ceil(seconds / self.step)
        known = dict(self.kept)
        rows = [known.get(slot) for slot in range(first, last)]
        return Plot(
            self.step,
            float(first * self.step),
            {
                name: [None if row is None else row[at] for row in rows]
                for at, name in enumerate(self.names)
            },
        )


class History:
    """The power of each of ``names`` in watts: 10 s for an hour, 60 s for a day."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._fine = _Ring(FINE_STEP, FINE_SPAN // FINE_STEP, self.names)
        self._coarse = _Ring(COARSE_STEP, COARSE_SPAN // COARSE_STEP, self.names)

    def add(self, when: float, power_w: Mapping[str, float]) -> None:
        """The power of each name at this moment; moments come evenly."""
        values = [power_w[name] for name in self.names]
        self._fine.add(when, values)
        self._coarse.add(when, values)

    def plot(self, now: float, minutes: int) -> Plot:
        """
        The last ``minutes`` (1 to 1,440), in steps of 10 s up to an hour, else of 60.
        """
        ring = self._fine if minutes * 60 <= FINE_SPAN else self._coarse
        return ring.plot(now, minutes * 60)

    def to_json(self) -> dict[str, object]:
        """All of it, for :meth:`restore`."""
        return {
            "names": list(self.names),
            "fine": [[slot, *values] for slot, values in self._fine.kept],
            "coarse": [[slot, *values] for slot, values in self._coarse.kept],
        }

    def restore(self, data: Mapping[str, object]) -> None:
        """
        Go on from what :meth:`to_json` gave; what is of another site is left out.

        :raises ValueError: it is broken.
        """
        if data.get("names") != list(self.names):
            return
        for key, ring in (("fine", self._fine), ("coarse", self._coarse)):
            rows = data.get(key)
            if not isinstance(rows, list):
                raise ValueError(f"no {key}")
            ring.kept.clear()
            for row in rows[-ring.length :]:
                slot, values = _check_row(row, len(self.names))
                ring.kept.append((slot, values))


def _check_row(row: object, width: int) -> tuple[int, tuple[int, ...]]:
    if (
        not isinstance(row, list)
        or len(row) != width + 1
        or not all(type(number) is int for number in row)
    ):
        raise ValueError("a row is broken")
    return row[0], tuple(row[1:])
