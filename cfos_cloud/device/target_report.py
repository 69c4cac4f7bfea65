"""What people are told of the targets: reachable or not, at each change."""

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
    Gets the outcome of each connection attempt to one target; ``changed`` is called
    when that is not what it was.

    :param seconds: a clock that never goes back.
    """

    log = Logger()

    def __init__(
        self,
        target: str,
        changed: Callable[[], object],
        seconds: Callable[[], float],
    ) -> None:
        self._target = target
        self._changed = changed
        self._seconds = seconds
        self._reachable: bool | None = None
        self._since = 0.0

    def attempted(self, error: TargetError | None) -> None:
        """A connection was made (``None``), or was not."""
        before, self._reachable = self._reachable, error is None
        if before is self._reachable:
            return
        self._since = self._seconds()
        if error is not None:
            self.log.warn(
                "the target {target} is down: {why}",
                target=self._target,
                why=_WORDS[error],
            )
        elif before is False:
            self.log.info("the target {target} is back", target=self._target)
        self._changed()

    @property
    def state(self) -> JSONObject | None:
        """``{"state": …, "seconds": …}``; ``None``: nobody has tried yet."""
        if self._reachable is None:
            return None
        return {
            "state": "up" if self._reachable else "down",
            "seconds": int(self._seconds() - self._since),
        }


class SiteReport:
    """
    The states of all targets of a site, as one ``status``.

    :param report: gets it, whole, when something has changed.
    """

    def __init__(
        self, report: Callable[[JSONObject], object], seconds: Callable[[], float]
    ) -> None:
        self._report = report
        self._seconds = seconds
        self._targets: dict[str | None, TargetReport] = {}

    def add(self, target: str, name: str | None = None) -> TargetReport:
        """A target more; without a ``name`` the main one."""
        made = TargetReport(target, self.tell, self._seconds)
        self._targets[name] = made
        return made

    @property
    def status(self) -> JSONObject:
        """How all stand now; empty where nobody knows of any."""
        status: JSONObject = {}
        targets: list[object] = []
        for name, target in self._targets.items():
            state = target.state
            if name is not None:
                targets.append({"name": name} | (state or {}))
            elif state is not None:
                status["target"] = state["state"]
                targets.append(state)
        return status | {"targets": targets} if targets else {}

    def tell(self) -> None:
        """Report, whatever was reported before: another server may listen now."""
        status = self.status
        if status:
            self._report(status)
