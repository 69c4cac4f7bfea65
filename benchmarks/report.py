"""What was measured, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Rate

HEADINGS = (
    *("", "1 KiB req/s", "p50 ms", "p99 ms", "of nginx"),
    *("30 KiB req/s", "p50 ms", "p99 ms", "of nginx"),
    *("64 MiB MB/s", "of nginx"),
)


@dataclass(frozen=True)
class Round:
    """One subject's figures of one round."""

    small: Rate
    medium: Rate
    large: float


def ratio(values: Sequence[float], limits: Sequence[float]) -> float:
    """The median of the ratios within each round: its noise hits both alike."""
    return median(v / limit for v, limit in zip(values, limits, strict=True))


def table(results: dict[str, list[Round]]) -> str:
    """
    A row for each subject, medians of its rounds; the first one is the limit that
    the others are compared with.
    """
    limits = next(iter(results.values()))
    rows = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1))]
    for name, rounds in results.items():
        cells = [name]
        for kind in ("small", "medium"):
            rates: list[Rate] = [getattr(r, kind) for r in rounds]
            best: list[Rate] = [getattr(r, kind) for r in limits]
            share = ratio([r.per_second for r in rates], [r.per_second for r in best])
            cells += [
                f"{median(r.per_second for r in rates):,.0f}",
                f"{median(r.p50 for r in rates):.1f}",
                f"{median(r.p99 for r in rates):.1f}",
                f"{share:.2f}",
            ]
        speeds = [r.large for r in rounds]
        cells += [
            f"{median(speeds):.0f}",
            f"{ratio(speeds, [b.large for b in limits]):.2f}",
        ]
        rows.append(tuple(cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
