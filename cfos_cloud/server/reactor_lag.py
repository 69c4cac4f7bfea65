"""How late the reactor comes to what is due: long turns keep everybody waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds between two looks, and looks that count.
INTERVAL = 1.0
LOOKS = 60


class ReactorLag(Service):
    """``seconds`` is a clock that nobody sets."""

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._lags: deque[float] = deque(maxlen=LOOKS)
        self._due = 0.0
        self._call: IDelayedCall | None = None

    @property
    def longest(self) -> float:
        """Seconds, the most of the last minute."""
        return max(self._lags, default=0.0)

    def startService(self) -> None:
        super().startService()
        self._next()

    def stopService(self) -> None:
        super().stopService()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _next(self) -> None:
        self._due = self._seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        self._lags.append(max(0.0, self._seconds() - self._due))
        self._next()
