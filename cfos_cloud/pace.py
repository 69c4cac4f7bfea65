"""
How many a second may begin, and when the others should come again.

Sans I/O: ``seconds`` is a clock.
"""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """
    ``rate`` a second, of which at most ``burst`` (1 or more) at one time: what was not
    taken when it could have been is lost, so that after a long turn of the reactor
    there is not all the more to do.
    """

    def __init__(self, seconds: Callable[[], float], rate: float, burst: float) -> None:
        self._seconds = seconds
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = seconds()

    @property
    def is_free(self) -> bool:
        """Whether one more may begin now."""
        now = self._seconds()
        # A clock that was set back gives nothing, and takes nothing.
        self._left += max(0.0, now - self._at) * self._rate
        self._left = min(self._left, self._burst)
        self._at = now
        return self._left >= 1.0

    def take(self) -> bool:
        """Whether one more may begin now; it counts then."""
        if not self.is_free:
            return False
        self._left -= 1.0
        return True


class Appointments:
    """
    When to come again: one after the other at ``rate`` a second, so that those who
    were sent away together do not come back together.

    :param most: seconds that nobody is asked to wait for longer; those beyond it are
        spread over its second half by ``random``, which gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        rate: float,
        most: float,
        random: Callable[[], float],
    ) -> None:
        self._seconds = seconds
        self._rate = rate
        self._most = most
        self._random = random
        #: Until when all moments are given away.
        self._given = 0.0

    def make(self) -> float:
        """Seconds from now to the next one."""
        now = self._seconds()
        given = max(self._given, now) + 1.0 / self._rate
        if given - now > self._most:
            return self._most * (1.0 + self._random()) / 2.0
        self._given = given
        return given - now
