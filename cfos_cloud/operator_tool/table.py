"""Rows as lines that fit a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cfos_cloud.logs import escape

GAP = "  "
ELLIPSIS = "…"


@dataclass(frozen=True)
class Column:
    """
    :ivar shrinks: it may be cut where the terminal is too narrow, down to
        ``least`` places.
    :ivar is_number: it is set to the right.
    """

    title: str
    shrinks: bool = False
    least: int = 6
    is_number: bool = False


def lines_of(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> list[str]:
    """
    A line of titles, then one a row. What is too long for ``width`` places is cut in
    columns that may be, the widest first; a line may still be longer in the end.
    """
    cells = [[column.title for column in columns], *([*map(escape, r)] for r in rows)]
    widths = [max(map(places, column)) for column in zip(*cells, strict=True)]
    _shrink(columns, widths, width - len(GAP) * (len(columns) - 1))
    return [_line(columns, widths, row) for row in cells]


def places(text: str) -> int:
    """How many places of a terminal ``text`` takes (Unicode annex 11)."""
    return sum(map(_places_of, text))


def cut(text: str, width: int) -> str:
    """``text`` with an ellipsis for what is beyond ``width`` places."""
    if places(text) <= width:
        return text
    kept, left = "", width - places(ELLIPSIS)
    for character in text:
        left -= _places_of(character)
        if left < 0:
            break
        kept += character
    return kept + ELLIPSIS


def _places_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shrink(columns: Sequence[Column], widths: list[int], room: int) -> None:
    while sum(widths) > room:
        found = [
            (widths[at], at)
            for at, column in enumerate(columns)
            if column.shrinks and widths[at] > max(column.least, places(column.title))
        ]
        if not found:
            return
        widths[max(found)[1]] -= 1


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    cells = []
    for column, width, cell in zip(columns, widths, row, strict=True):
        text = cut(cell, width)
        padding = " " * (width - places(text))
        cells.append(padding + text if column.is_number else text + padding)
    return GAP.join(cells).rstrip()
