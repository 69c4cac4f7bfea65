"""What a device end agrees to: one access key, in one role, until its end."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cfos_cloud.keys.checks import is_name
from cfos_cloud.keys.key import MAX_NAME, Role

_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII
)
#: The last second that RFC 3339 can say.
_LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class InvalidConsent(ValueError):
    """A member of a consent is not what it must be; one line, naming it."""


@dataclass(frozen=True)
class Consent:
    """
    The device's yes to the access key that ``key`` is the hash of, see
    :mod:`cfos_cloud.keys.consent`. ``expires`` is in seconds since the epoch.

    :raises InvalidConsent: a member out of bounds.
    """

    key: str
    name: str
    role: Role
    expires: float | None = None

    def __post_init__(self) -> None:
        if _KEY.match(self.key) is None:
            raise InvalidConsent("key: 43 letters of base64url")
        if not is_name(self.name):
            raise InvalidConsent(f"name: 1 to {MAX_NAME} visible letters")

    @classmethod
    def check(cls, key: object, name: object, role: object, expires: object) -> Consent:
        """
        The consent that these values, of JSON, describe. ``expires`` is ``None``, a
        text of RFC 3339 with its offset, or seconds since the epoch.

        :raises InvalidConsent: they describe none.
        """
        if not isinstance(key, str):
            raise InvalidConsent("key: 43 letters of base64url")
        if not isinstance(name, str):
            raise InvalidConsent(f"name: 1 to {MAX_NAME} visible letters")
        if role not in (Role.API.value, Role.ADMIN.value):
            raise InvalidConsent("role: api or admin")
        return cls(key, name, Role(role), _moment(expires))

    def lives(self, now: float) -> bool:
        """Whether it holds at ``now``, in seconds since the epoch."""
        return self.expires is None or now < self.expires


def _moment(value: object) -> float | None:
    if value is None:
        return None
    refused = InvalidConsent("expires: a time of RFC 3339, or seconds since the epoch")
    try:
        if isinstance(value, str) and len(value) < 64 and _RFC3339.match(value):
            seconds = datetime.fromisoformat(value.upper()).timestamp()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            raise refused
    except (ValueError, OverflowError):
        raise refused from None
    if not math.isfinite(seconds) or not 0 <= seconds <= _LAST_SECOND:
        raise refused
    return seconds
