"""Looks now and then whether targets can be reached, while nobody asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.device.target_pool import Claim, TargetPool

#: Seconds between two looks at a target.
PROBE_SECONDS = 60.0


class TargetProbes(Service):
    """
    Connects to each target that has no connection; what comes of it the pool tells.
    It sends nothing, and is one of the connections that the pool may have.
    """

    log = Logger()

    def __init__(self, pools: Sequence[TargetPool], clock: IReactorTime) -> None:
        self._pools = pools
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def startService(self) -> None:
        super().startService()
        self._loop.start(PROBE_SECONDS, now=True)

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        for pool in self._pools:
            if pool.is_used:
                continue
            try:
                pool.claim(Claim(pool.release, lambda _: None, long_lived=False))
            except Exception:  # a loop that ended would never look again
                self.log.failure("a target could not be looked at")
