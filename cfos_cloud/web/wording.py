"""Numbers, times and addresses as our pages say them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from babel.dates import format_skeleton
from babel.numbers import format_decimal

from cfos_cloud.pages import LOCALES, duration, moment

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def amount(count: int, language: str) -> str:
    """So many bytes for people, in steps of 1000: ``1.2 MB``."""
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    pattern = "#,##0" if unit == 0 else "#,##0.0"
    number = format_decimal(value, format=pattern, locale=LOCALES[language])
    return f"{number}\N{NO-BREAK SPACE}{_UNITS[unit]}"


def count(number: int, language: str) -> str:
    """A number with its thousands set apart."""
    return str(format_decimal(number, locale=LOCALES[language]))


def when(text: str | None, language: str) -> str:
    """A time of the API's for people; empty: there is none."""
    return "" if text is None else moment(read_time(text), language)


def lasted(start: str, end: str, language: str) -> str:
    """From one time of the API's to another, in words."""
    return duration(read_time(end) - read_time(start), language)


def day(date: datetime, language: str) -> str:
    """A day for a narrow scale: ``Mon 23``."""
    return str(format_skeleton("Ed", date, tzinfo=UTC, locale=LOCALES[language]))


def read_time(text: str) -> datetime:
    """A time as the API writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def since(text: str | None, now: datetime) -> int:
    """Seconds from a time of the API's until ``now``, for scripts."""
    return 0 if text is None else max(0, int((now - read_time(text)).total_seconds()))


def until(text: str | None, now: datetime) -> int:
    """Seconds from ``now`` until a time of the API's, rounded up, for scripts."""
    if text is None:
        return 0
    return max(0, math.ceil((read_time(text) - now).total_seconds()))


def link(**query: str | None) -> str:
    """The query of a link within the page, without what is empty."""
    return "?" + urlencode({name: value for name, value in query.items() if value})


def span(days: int, language: str) -> str:
    """So many days in words; a negative number of them counts as none."""
    return duration(timedelta(days=max(days, 0)), language)
