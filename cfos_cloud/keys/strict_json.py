"""JSON objects as RFC 8259 means them, with every doubtful one refused."""

from __future__ import annotations

import json
from typing import NoReturn


def parse_object(data: bytes) -> dict[str, object]:
    """
    The JSON object in ``data``, which the caller has bounded.

    :raises ValueError: it is none: not UTF-8, a name that comes twice, ``NaN`` and
        the like, numbers or nesting without end.
    """
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_doubles,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
