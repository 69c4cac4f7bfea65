"""
Two clocks: timers go by one that nobody sets, what is written down by the time of day.

Twisted's reactors go by the time of day. Whoever sets that back by an hour, as a
machine does that had a wrong time at its start, would have each timer come an hour
late: dead tunnels would pass for living, and a device end would wait that long for its
next try.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer


def keep_steady(
    reactor: Any, seconds: Callable[[], float] = time.monotonic
) -> IReactorTime:
    """
    Have the timers of ``reactor`` go by ``seconds`` from now on, before it has any.

    :returns: the same timers, with the time of day as their clock.
    """
    reactor.seconds = seconds
    return TimeOfDay(reactor)


@implementer(IReactorTime)
class TimeOfDay:
    """
    For what is written down.

    :param timers: those of another clock.
    """

    def __init__(
        self, timers: IReactorTime, now: Callable[[], float] = time.time
    ) -> None:
        self._timers = timers
        self._now = now

    def seconds(self) -> float:
        """Seconds since the epoch; they may go back."""
        return self._now()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - Twisted's name
        *args: object,
        **kwargs: object,
    ) -> IDelayedCall:
        return self._timers.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Any:
        return self._timers.getDelayedCalls()
