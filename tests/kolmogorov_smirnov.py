"""Do two samples come from one distribution? The test of Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import combinations


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """The largest distance of the two empirical distribution functions, 0 to 1."""
    one, other = sorted(first), sorted(second)
    return max(
        abs(bisect_right(one, x) / len(one) - bisect_right(other, x) / len(other))
        for x in (*one, *other)
    )


def critical_distance(first: int, second: int, alpha: float) -> float:
    """
    The distance that two samples of one distribution, of these sizes, exceed with the
    probability ``alpha``: the asymptotic formula, good from about 12 each.
    """
    factor = math.sqrt(-math.log(alpha / 2) / 2)
    return factor * math.sqrt((first + second) / (first * second))


def told_apart(samples: Mapping[str, Sequence[float]], alpha: float) -> list[str]:
    """
    Which of the samples differ.

    :param alpha: the probability that there are any although nothing differs.
    """
    pairs = list(combinations(samples, 2))
    found = []
    for one, other in pairs:
        sizes = len(samples[one]), len(samples[other])
        limit = critical_distance(*sizes, alpha / len(pairs))
        seen = distance(samples[one], samples[other])
        if seen > limit:
            found.append(f"{one} and {other}: {seen:.3f} > {limit:.3f}")
    return found
