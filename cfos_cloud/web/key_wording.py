"""Access keys as our pages show them, and as their forms ask for new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cfos_cloud.timestamps import rfc3339
from cfos_cloud.web.call import Json
from cfos_cloud.web.problem import InvalidInput
from cfos_cloud.web.wording import read_time

#: Before its end, a key is marked for so long.
SOON = timedelta(days=14)
#: The longest that a new key can be valid, in days.
MOST_DAYS = 3652
#: What the form offers, and how many days that is; ``never`` and ``date`` are none.
CHOICES: Mapping[str, int | None] = {
    "30": 30,
    "365": 365,
    "never": None,
    "date": None,
}
#: The choice that is made beforehand.
USUAL = "365"


@dataclass(frozen=True)
class SortedKeys:
    """
    Keys of the API, in the order in which it gave them. ``asking`` are those that an
    application has asked for and nobody has authorised yet; ``over`` work never again.
    """

    asking: tuple[Json, ...]
    living: tuple[Json, ...]
    over: tuple[Json, ...]


def sort_keys(keys: Iterable[Json]) -> SortedKeys:
    """By what there is to do with them."""
    asking, living, over = [], [], []
    for key in keys:
        if key["state"] in ("revoked", "expired"):
            over.append(key)
        elif is_asking(key):
            asking.append(key)
        else:
            living.append(key)
    return SortedKeys(tuple(asking), tuple(living), tuple(over))


def is_asking(key: Json) -> bool:
    """Whether an application waits for somebody to authorise it."""
    return key["state"] == "pending" and key["code"] is not None


def is_ending(key: Json, now: datetime) -> bool:
    """Whether it lives, and its end is near."""
    if key["expires"] is None or key["state"] not in ("pending", "authorised"):
        return False
    return read_time(key["expires"]) - now <= SOON


def read_wanted(form: Mapping[str, str], now: datetime) -> Json:
    """
    The new key that the form asks for, as the API takes it.

    :raises InvalidInput: see :func:`read_expiry`; the rest is for the API to check.
    """
    wanted: Json = {
        "name": form.get("name", "").strip(),
        "role": form.get("role", ""),
    }
    expires = read_expiry(form, now)
    if expires is not None:
        wanted["expires"] = expires
    return wanted


def read_expiry(form: Mapping[str, str], now: datetime) -> str | None:
    """
    When a new key is to end, for the API: what ``expiry`` says, one of
    :data:`CHOICES`, or the end (in UTC) of the day in ``expires_on``.

    :raises InvalidInput: no such choice, or no date.
    """
    choice = form.get("expiry", USUAL)
    if choice not in CHOICES:
        raise InvalidInput("expires_on", "no such choice")
    days = CHOICES[choice]
    if days is not None:
        return rfc3339(now + timedelta(days=days))
    return None if choice == "never" else _end_of_day(form.get("expires_on", ""))


def first_day(now: datetime) -> str:
    """The first day on which a new key may end, for a field of the form."""
    return (now.astimezone(UTC).date() + timedelta(days=1)).isoformat()


def last_day(now: datetime) -> str:
    """The last one."""
    return (now.astimezone(UTC).date() + timedelta(days=MOST_DAYS - 1)).isoformat()


def _end_of_day(text: str) -> str:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInput("expires_on", "no date such as 2027-12-31") from error
    return rfc3339(datetime.combine(day, time(23, 59, 59), UTC))
