"""Times for machines (RFC 3339)."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(when: datetime) -> str:
    """In UTC, to the second: ``2026-11-04T14:05:00Z``."""
    text = when.astimezone(UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")


def moment(when: datetime | None) -> str | None:
    """The same, of what may not have been yet."""
    return None if when is None else rfc3339(when)
