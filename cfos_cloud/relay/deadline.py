"""A moment after which something ends, moved often and reached seldom."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: A :attr:`Deadline.moment` that does not come.
NEVER = 0.0


class Deadline:
    """
    Calls ``expired`` at the moment last set, if nobody moved it meanwhile.

    One timer at most: to move the moment away costs an assignment, and the timer
    finds out when it goes off.

    :ivar moment: by the clock; set directly, to :data:`NEVER` alone.
    """

    __slots__ = ("_clock", "_expired", "_timer", "moment")

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired: Callable[[], None] | None = expired
        self.moment = NEVER
        self._timer: IDelayedCall | None = None

    def set(self, seconds: float) -> None:
        """In ``seconds`` from now, and no sooner or later."""
        if self._expired is None:
            return
        self.moment = self._clock.seconds() + seconds
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._check)
        elif self._timer.getTime() > self.moment:
            self._timer.reset(seconds)

    def clear(self) -> None:
        """Not until it is set again."""
        self.moment = NEVER

    def stop(self) -> None:
        """Never again; ``expired``, which may refer to us, is let go."""
        self.moment = NEVER
        self._expired = None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _check(self) -> None:
        self._timer = None
        if self.moment == NEVER:
            return
        left = self.moment - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._check)
        elif self._expired is not None:
            self.moment = NEVER
            self._expired()
