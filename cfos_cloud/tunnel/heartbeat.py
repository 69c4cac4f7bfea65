"""Whether the peer of a connection is still there."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds between our pings, unless the server says otherwise in ``hello``.
HEARTBEAT = 25.0
#: So many of our own pings without an answer: the connection is dead.
MAX_UNANSWERED_PINGS = 2


class Heartbeat:
    """
    Calls ``ping`` every ``seconds``, and ``dead`` in place of the third ping in a row
    that had no answer; that is the last call.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        ping: Callable[[], object],
        dead: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ping = ping
        self._dead = dead
        self._unanswered = 0
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """The connection is there."""
        self._timer = self._clock.callLater(self._seconds, self._due)

    def set(self, seconds: float) -> None:
        """From now on every ``seconds``."""
        self._seconds = seconds
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)

    def answered(self) -> None:
        """The peer has answered a ping."""
        self._unanswered = 0

    def stop(self) -> None:
        """The connection is over."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _due(self) -> None:
        if self._unanswered >= MAX_UNANSWERED_PINGS:
            self._dead()
            return
        self._unanswered += 1
        self._ping()
        self._timer = self._clock.callLater(self._seconds, self._due)
