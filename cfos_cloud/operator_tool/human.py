"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime

_LENGTHS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: int) -> str:
    """Bytes in units of a thousand, with two or three digits: ``1.4 GB``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{count} B"
    return (
        f"{value:.1f} {_UNITS[unit]}"
        if value < 99.95
        else f"{value:.0f} {_UNITS[unit]}"
    )


def duration(seconds: int) -> str:
    """The two largest units of a time that has passed: ``3 days 4 hours``."""
    parts: list[str] = []
    for name, length in _LENGTHS:
        count, seconds = divmod(seconds, length)
        if count or (name == "second" and not parts):
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
        elif parts:
            break
    return " ".join(parts[:2])


def local_time(text: str, seconds: bool = False) -> str:
    """A time of the API in this machine's zone; what is none comes back as it is."""
    try:
        time = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return text
    return f"{time:%Y-%m-%d %H:%M:%S}" if seconds else f"{time:%Y-%m-%d %H:%M}"
