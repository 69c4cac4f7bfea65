"""So many at once, then so many in a time: what others can cause at will."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """
    Per key, ``burst`` at once and one more every ``interval`` seconds (GCRA). A key
    costs a number while its burst is not full again; of these there are at most
    ``max_keys``, and where that is reached new ones are allowed nothing.

    :param seconds: a clock.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        burst: int,
        interval: float,
        max_keys: int,
    ) -> None:
        self._seconds = seconds
        self._interval = interval
        self._tolerance = (burst - 1) * interval
        self._max_keys = max_keys
        #: When the key's burst is full again.
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._full_at)

    def take(self, key: str) -> bool:
        """Whether there is one for ``key``, which is then taken."""
        now = self._seconds()
        full_at = self._full_at.get(key)
        if full_at is None:
            if len(self._full_at) >= self._max_keys:
                self._forget_full(now)
                if len(self._full_at) >= self._max_keys:
                    return False
            full_at = now
        # A clock that was set back must not keep anybody waiting for long.
        full_at = min(max(full_at, now), now + self._tolerance + self._interval)
        is_one_left = full_at - now <= self._tolerance
        self._full_at[key] = full_at + (self._interval if is_one_left else 0)
        return is_one_left

    def _forget_full(self, now: float) -> None:
        self._full_at = {k: at for k, at in self._full_at.items() if at > now}
