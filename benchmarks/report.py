"""What was measured, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Rate


def headings(peers: Sequence[str]) -> tuple[str, ...]:
    """Of the table's columns."""
    shares = [f"of {peer}" for peer in peers]
    return (
        *("", "1 KiB req/s", "p50 ms", "p99 ms", *shares),
        *("30 KiB req/s", "p50 ms", "p99 ms", *shares),
        *("64 MiB MB/s", *shares),
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


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first are numbers."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(results: dict[str, list[Round]], *others: str) -> str:
    """
    A row for each subject, medians of its rounds; the first one is the limit that
    the rest is compared with, and with ``others``, too.
    """
    peers = (next(iter(results)), *others)
    rows = []
    for name, rounds in results.items():
        cells = [name]
        for kind in ("small", "medium"):
            rates: list[Rate] = [getattr(r, kind) for r in rounds]
            cells += [
                f"{median(r.per_second for r in rates):,.0f}",
                f"{median(r.p50 for r in rates):.1f}",
                f"{median(r.p99 for r in rates):.1f}",
            ]
            for peer in peers:
                best: list[Rate] = [getattr(r, kind) for r in results[peer]]
                speeds = [r.per_second for r in rates]
                cells.append(f"{ratio(speeds, [b.per_second for b in best]):.2f}")
        speeds = [r.large for r in rounds]
        cells.append(f"{median(speeds):.0f}")
        for peer in peers:
            cells.append(f"{ratio(speeds, [b.large for b in results[peer]]):.2f}")
        rows.append(cells)
    return markdown(headings(peers), rows)
