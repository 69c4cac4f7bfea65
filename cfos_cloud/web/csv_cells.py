"""Cells of a table that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

#: What makes a spreadsheet take a text for a formula, which it would then run.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GUARD = "'"


def guard(text: str) -> str:
    """``text`` that no spreadsheet takes for a formula: device ends send some of it."""
    return _GUARD + text if text.startswith(_FORMULA) else text


def unguard(text: str) -> str:
    """What :func:`guard` was given."""
    if text.startswith(_GUARD) and text[1:].startswith(_FORMULA):
        return text[1:]
    return text


def to_csv(rows: Iterable[Iterable[object]]) -> str:
    """Lines as in RFC 4180; ``None`` is empty, a truth ``true`` or ``false``."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return guard(value) if isinstance(value, str) else str(value)
