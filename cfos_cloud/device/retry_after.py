"""``Retry-After`` (RFC 9110 §10.2.3), without a clock of our own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

#: More digits than this are no number of seconds.
_MAX_DIGITS = 9


def retry_after_seconds(
    retry_after: Sequence[bytes], date: Sequence[bytes]
) -> float | None:
    """
    The seconds that a response's ``Retry-After`` asks for. A date counts from the
    same response's ``Date``, so that a wrong clock here does no harm. ``None``: the
    header is absent, or makes no sense.
    """
    if len(retry_after) != 1:
        return None
    text = retry_after[0].decode("latin-1").strip()
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return float(text)
    until, now = _date(text), _date(date[0].decode("latin-1") if date else "")
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    # A zone "-0000" gives a time without one; HTTP's is always GMT.
    return parsed if parsed.tzinfo is not None else None
