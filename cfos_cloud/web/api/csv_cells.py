"""Cells of a table that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_GUARD = "'"
#: Where a cell begins. Quotes don't hold it together where the separator is another
#: than ours: semicolons, in half of Europe.
_BEGINS = r"(?:\A|(?<=[;,\t\r\n]))"
#: What makes a spreadsheet take a text for a formula, which it would then run; guards
#: before it are the text's own, so that each of them comes back.
_FORMULA = r"(?='*[ \"]*[=+\-@])"
_TO_GUARD = re.compile(rf"{_BEGINS}{_FORMULA}|\A(?='*[\t\r])")
_GUARDED = re.compile(rf"{_BEGINS}{_GUARD}{_FORMULA}|\A{_GUARD}(?='*[\t\r])")


def guard(text: str) -> str:
    """
    ``text`` that no spreadsheet takes for a formula, nor a part of it after what some
    take for a separator: device ends send some of it.
    """
    return _TO_GUARD.sub(_GUARD, text)


def unguard(text: str) -> str:
    """What :func:`guard` was given."""
    return _GUARDED.sub("", text)


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
