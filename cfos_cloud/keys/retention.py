"""Which access keys are kept, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cfos_cloud.keys.key import AccessKey, KeyState

#: Keys of one scope that are pending or authorised; and of those that have ended.
MAX_LIVING = 50
MAX_ENDED = 50
#: For so long a key that an application asked for waits to be authorised.
REQUEST_TIME = timedelta(days=1)


def living(keys: Iterable[AccessKey], now: datetime) -> list[AccessKey]:
    """Those that work, or may come to work."""
    return [key for key in keys if _end(key, now) is None]


def crowded_out(siblings: Iterable[AccessKey], now: datetime) -> list[AccessKey]:
    """Those that have ended, of one scope, but for the last 50."""
    ends = [(_end(key, now), key) for key in siblings]
    ended = [(end, key.id, key) for end, key in ends if end is not None]
    return [key for *_, key in sorted(ended, reverse=True)[MAX_ENDED:]]


def is_over(key: AccessKey, now: datetime, days: int) -> bool:
    """
    Whether it ended more than ``days`` ago, or was asked for a day ago and nobody
    has authorised it.
    """
    end = _end(key, now)
    if end is not None:
        return end < now - timedelta(days=days)
    # It has its code until somebody authorises it, and never again.
    return key.code is not None and key.created < now - REQUEST_TIME


def _end(key: AccessKey, now: datetime) -> datetime | None:
    """Since when it does not work any more; ``None``: it is living."""
    if key.state(now) in (KeyState.PENDING, KeyState.AUTHORISED):
        return None
    ends = (key.revoked, key.expires)
    return min(each for each in ends if each is not None)
