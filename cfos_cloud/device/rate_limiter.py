"""For what may happen only so often, without a queue that nobody can wait out."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Who may wait at the same time.
MAX_WAITING = 8


class TooManyWaiting(Exception):
    """Too many wait already."""


class RateLimiter:
    """
    At most one turn in ``interval`` seconds, in the order of asking.

    :param interval: seconds.
    """

    def __init__(self, clock: IReactorTime, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._next = clock.seconds()
        self._waiting: deque[Deferred[None]] = deque()
        self._timer: IDelayedCall | None = None

    def take(self) -> Deferred[None]:
        """
        Fires when it is one's turn; cancelled, the turn is the next one's.

        :raises TooManyWaiting: as a failure.
        """
        turn: Deferred[None] = Deferred(self._leave)
        if len(self._waiting) >= MAX_WAITING:
            turn.errback(TooManyWaiting())
            return turn
        self._waiting.append(turn)
        self._go_on()
        return turn

    def taken_by_others(self) -> None:
        """What is counted has happened without asking."""
        self._next = self._clock.seconds() + self._interval

    def _leave(self, turn: Deferred[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        if self._timer is not None or not self._waiting:
            return
        left = self._next - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._due)
            return
        self._next = self._clock.seconds() + self._interval
        turn = self._waiting.popleft()
        turn.callback(None)
        self._go_on()

    def _due(self) -> None:
        self._timer = None
        self._go_on()
