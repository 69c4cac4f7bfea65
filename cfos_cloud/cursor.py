"""Pages: how long they are, and where one ended, as a text that only we read."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from cfos_cloud.registry_errors import InvalidCursor

#: Items of a page, at most.
MAX_PAGE = 500
#: Characters of a cursor; a longer one is none of ours.
MAX_CURSOR = 2000


def check_limit(limit: int) -> None:
    """
    :raises ValueError: it is not 1 to 500.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"a limit is 1 to {MAX_PAGE}")


def make_cursor(position: Sequence[object]) -> str:
    """The cursor of a ``position``: texts, numbers and ``None``."""
    text = json.dumps(list(position), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def read_cursor(cursor: str) -> list[object]:
    """
    The position; that its members are what was put in has to be checked.

    :raises InvalidCursor: it is none of ours.
    """
    if len(cursor) > MAX_CURSOR:
        raise InvalidCursor("this cursor is of no page")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        position = json.loads(raw.decode("ascii"))
    except (UnicodeError, binascii.Error, ValueError, RecursionError) as error:
        raise InvalidCursor("this cursor is of no page") from error
    if not isinstance(position, list):
        raise InvalidCursor("this cursor is of no page")
    return position


def moment(time: datetime, number: int | None) -> tuple[str, int | None]:
    """The position of a row in the order of time."""
    return time.isoformat(), number


def read_moment(cursor: str) -> tuple[datetime, int]:
    """
    Time, in UTC, and number of the row at which a page ended.

    :raises InvalidCursor: it is none of ours.
    """
    match read_cursor(cursor):
        # True is an int, but no number that a database takes for one.
        case [str(text), int(number)] if type(number) is int and abs(number) < 2**63:
            try:
                time = datetime.fromisoformat(text)
                if time.tzinfo is not None:
                    return time.astimezone(UTC), number
            except (ValueError, OverflowError):
                pass
    raise InvalidCursor("this cursor is of no page")
