"""What people and applications say of a key they want: checked, with one clear line."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta

from cfos_cloud.keys.key import MAX_NAME, Role

#: The longest life of a key that has an end: ten years, and the rest of the last day.
MAX_LIFE = timedelta(days=3654)

#: Printable to Python, and nothing to see: fillers of Hangul, a cell of Braille without
#: dots, joiners of graphemes. (Unicode, DerivedCoreProperties, Default_Ignorable.)
_BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f\u00ad")
#: Categories of marks, as :func:`is_name` sees them: no script needs four on a letter.
_HEAP = "MMMM"

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class InvalidName(ValueError):
    """No name of a key."""


class InvalidRole(ValueError):
    """No role of a key."""


class InvalidExpiry(ValueError):
    """No time at which a key can end."""


def check_name(value: object) -> str:
    """
    ``value`` without blanks around it: see :func:`is_name`.

    :raises InvalidName: otherwise.
    """
    name = value.strip() if isinstance(value, str) else ""
    if not is_name(name):
        raise InvalidName(
            f"a key's name is 1 to {MAX_NAME} visible characters, letters among them"
        )
    return name


def is_name(text: str) -> bool:
    """
    Whether people can see and tell apart a key by ``text``: 1 to 64 characters, a
    letter, digit or sign among them, none that shows nothing, no letter under a heap
    of marks.
    """
    if not 1 <= len(text) <= MAX_NAME or not text.isprintable():
        return False
    if any(each in _BLANKS or "\ufe00" <= each <= "\ufe0e" for each in text):
        return False
    kinds = "".join(unicodedata.category(each)[0] for each in text)
    return _HEAP not in kinds and any(kind in "LNPS" for kind in kinds)


def check_role(value: object) -> Role:
    """
    The role that is called ``value``.

    :raises InvalidRole: none is.
    """
    for role in Role:
        if role.value == value:
            return role
    raise InvalidRole("a key's role is api or admin")


def check_expires(value: object, now: datetime) -> datetime | None:
    """
    When a key ends, in UTC, to the second: a time (RFC 3339), or a date, through which
    it still works, in UTC. ``None`` stays: it never ends.

    :raises InvalidExpiry: none of these, not after ``now``, or in over ten years.
    """
    if value is None:
        return None
    expires = _parse(value) if isinstance(value, str) else None
    if expires is None:
        raise InvalidExpiry(
            "expires is a date like 2027-01-31, or a time with its zone like "
            "2027-01-31T12:00:00Z"
        )
    if expires <= now:
        raise InvalidExpiry("expires is in the past")
    if expires - now > MAX_LIFE:
        raise InvalidExpiry("expires is more than ten years away")
    return expires


def _parse(text: str) -> datetime | None:
    try:
        if _DATE.fullmatch(text):
            last_second = time(23, 59, 59, tzinfo=UTC)
            return datetime.combine(date.fromisoformat(text), last_second)
        if _TIME.fullmatch(text):
            # A part of a second would be cut off in the token, and then differ there.
            whole = datetime.fromisoformat(re.sub(r"\.\d+", "", text.upper()))
            return whole.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # the 30th of February, or an hour before the year 1
    return None
