"""The signals that stop a daemon: the first one counts."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.logger import Logger

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def stop_once(reactor: Any) -> None:
    """
    A signal that comes while ``reactor`` stops is noted, and nothing more. Twisted's
    handlers would stop what stops already, and log the error of that with a traceback;
    Ctrl-C in a terminal easily brings two. To be called before the reactor runs.
    """
    _FirstSignal(reactor)


class _FirstSignal:
    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._stopping = False
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        reactor.addSystemEventTrigger("before", "shutdown", self._stop_begins)
        # Not earlier: the reactor sets its own handlers when it starts.
        reactor.callWhenRunning(self._wrap)

    def _stop_begins(self) -> None:
        self._stopping = True

    def _wrap(self) -> None:
        for number in _STOPPING:
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            self._handlers[number](number, frame)
            return
        # A handler runs between any two instructions: the log may be at work.
        self._reactor.callFromThread(
            self.log.info,
            "Received {name}, is stopping already",
            name=signal.Signals(number).name,
        )
