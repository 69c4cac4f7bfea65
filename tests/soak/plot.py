"""The samples of a soak as a picture (SVG), readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log10

from tests.soak.outcomes import Cut
from tests.soak.samples import Sample

WIDTH, PANEL, GAP = 860, 130, 46
LEFT, RIGHT, TOP = 62, 150, 30

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #3b4351 }
.title { font-weight: 600 }
.grid { stroke: #d5dae1; stroke-width: 1 }
.cut { stroke: #d5dae1; stroke-width: 1; stroke-dasharray: 2 3 }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round }
.a { stroke: #0b6bcb } text.a { stroke: none; fill: #0b6bcb }
.b { stroke: #b3471d } text.b { stroke: none; fill: #b3471d }
@media (prefers-color-scheme: dark) {
  text { fill: #c6cdd8 }
  .grid, .cut { stroke: #3d4654 }
  .a { stroke: #6cb4f5 } text.a { fill: #6cb4f5 }
  .b { stroke: #f0946b } text.b { fill: #f0946b }
}
"""


@dataclass(frozen=True)
class Curve:
    """One line of a panel."""

    name: str
    of: Callable[[Sample], float]


@dataclass(frozen=True)
class Panel:
    """Curves of one unit, from zero."""

    title: str
    curves: tuple[Curve, ...]


PANELS = (
    Panel(
        "Resident memory, MiB",
        (
            Curve("server", lambda each: each.server_rss),
            Curve("device end", lambda each: each.device_rss),
        ),
    ),
    Panel(
        "Open file descriptors",
        (
            Curve("server", lambda each: each.server_fds),
            Curve("device end", lambda each: each.device_fds),
        ),
    ),
    Panel(
        "Streams of the tunnel, connections to the server",
        (
            Curve("streams", lambda each: each.streams),
            Curve("connections", lambda each: each.connections),
        ),
    ),
    Panel(
        "A page with three parts, milliseconds",
        (
            Curve("p50", lambda each: each.p50),
            Curve("p99", lambda each: each.p99),
        ),
    ),
)


def draw(samples: Sequence[Sample], cuts: Sequence[Cut]) -> str:
    """The picture's text."""
    seconds = samples[-1].at
    height = TOP + len(PANELS) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="A soak of {seconds / 60:.0f} minutes">',
        f"<style>{_STYLE}</style>",
    ]
    for number, panel in enumerate(PANELS):
        top = TOP + number * (PANEL + GAP)
        parts += _panel(panel, samples, cuts, seconds, top)
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    panel: Panel,
    samples: Sequence[Sample],
    cuts: Sequence[Cut],
    seconds: float,
    top: float,
) -> list[str]:
    right, bottom = WIDTH - RIGHT, top + PANEL
    most = scale_for(max(curve.of(s) for curve in panel.curves for s in samples))

    def x_of(at: float) -> float:
        return LEFT + (right - LEFT) * min(at / seconds, 1.0)

    def y_of(value: float) -> float:
        return bottom - PANEL * value / most

    parts = [f'<text class="title" x="{LEFT}" y="{top - 10:.0f}">{panel.title}</text>']
    for part in range(3):
        value = most * part / 2
        y = y_of(value)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>',
        ]
    for cut in cuts:
        x = x_of(cut.began)
        parts.append(
            f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
        )
    for part in range(5):
        at = seconds * part / 4
        label = f"{at / 60:.0f} min" if seconds >= 240 else f"{at:.0f} s"
        parts.append(
            f'<text x="{x_of(at):.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{label}</text>"
        )
    ends = _apart([y_of(curve.of(samples[-1])) for curve in panel.curves])
    for curve, colour, end in zip(panel.curves, "ab", ends, strict=True):
        points = " ".join(f"{x_of(s.at):.1f},{y_of(curve.of(s)):.1f}" for s in samples)
        last = f"{curve.of(samples[-1]):.0f}"
        parts += [
            f'<polyline class="line {colour}" points="{points}"/>',
            f'<text class="{colour}" x="{right + 8}" y="{end + 4:.1f}">'
            f"{curve.name} {last}</text>",
        ]
    return parts


def scale_for(most: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 … times a power of ten."""
    if most <= 0:
        return 1.0
    power = 10.0 ** ceil(log10(most) - 1)
    return next(
        step * power for step in (0.5, 1, 2, 4, 5, 6, 8, 10, 20) if step * power >= most
    )


def _apart(heights: list[float], least: float = 14.0) -> list[float]:
    """Two labels that don't lie on each other."""
    one, other = heights
    lack = least - abs(one - other)
    if lack <= 0:
        return heights
    down = lack / 2 if one >= other else -lack / 2
    return [one + down, other - down]
