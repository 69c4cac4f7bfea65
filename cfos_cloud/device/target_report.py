"""What people are told of the target: reachable or not, at each change."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from cfos_cloud.device.target_pool import TargetError
from cfos_cloud.tunnel.control import JSONObject

_WORDS = {
    TargetError.REFUSED: "it refuses connections or can't be reached",
    TargetError.TIMEOUT: "it does not answer in time",
    TargetError.BUSY: "it is busy",
}


class TargetReport:
    """
    Gets the outcome of each connection attempt; ``report`` gets ``{"target": …}``,
    ``up`` or ``down``, for the operator.
    """

    log = Logger()

    def __init__(self, target: str, report: Callable[[JSONObject], object]) -> None:
        self._target = target
        self._report = report
        self._trouble: TargetError | None = None

    def attempted(self, error: TargetError | None) -> None:
        """A connection was made (``None``), or was not."""
        if (error is None) is (self._trouble is None):
            return
        self._trouble = error
        if error is None:
            self.log.info("the target {target} is back", target=self._target)
            self._report({"target": "up"})
            return
        self.log.warn(
            "the target {target} is down: {why}", target=self._target, why=_WORDS[error]
        )
        self._report({"target": "down"})
