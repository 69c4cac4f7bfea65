"""Telling systemd that the reactor still turns (``WatchdogSec=``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Watchdog(Service):
    """
    Says ``WATCHDOG=1`` twice in the time after which systemd takes the process for
    stuck, as sd_watchdog_enabled(3) recommends. Nothing happens where systemd does
    not ask for it.

    :param notify: takes states of ``sd_notify``.
    """

    def __init__(
        self,
        notify: Callable[[str], object],
        clock: IReactorTime,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._interval = _interval(environment)
        self._loop = LoopingCall(notify, "WATCHDOG=1")
        self._loop.clock = clock

    def startService(self) -> None:
        Service.startService(self)
        if self._interval is not None:
            self._loop.start(self._interval)

    def stopService(self) -> None:
        Service.stopService(self)
        if self._loop.running:
            self._loop.stop()


def _interval(environment: Mapping[str, str]) -> float | None:
    """Seconds between two signs of life, if this process is to give any."""
    pid = environment.get("WATCHDOG_PID")
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
        of_another = pid is not None and int(pid) != os.getpid()
    except ValueError:
        return None
    return None if of_another or microseconds <= 0 else microseconds / 2e6
