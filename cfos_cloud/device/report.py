"""What people are told of the tunnel: log lines, and the status for systemd."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from twisted.logger import Logger

from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
    SentAway,
)
from cfos_cloud.device.reasons import printable
from cfos_cloud.device.tunnel import Welcome


class Report:
    """
    One line in the log for each change, and ``sd_notify`` states by ``notify``.

    ``READY=1`` goes out with the outcome of the first attempt, good or bad: a site
    whose router is down must not have its service killed and started in a loop.
    """

    log = Logger()

    def __init__(
        self, server: str, cloud_id: str, notify: Callable[[str], object]
    ) -> None:
        self._server = server
        self._cloud_id = cloud_id
        self._notify = notify
        self._ready = False

    def connecting(self) -> None:
        """An attempt begins."""
        self.log.debug("connecting to {server}", server=self._server)

    def connected(self, welcome: Welcome) -> None:
        """The tunnel is up."""
        self.log.info(
            "connected to {server} as {cloud_id}; people log in at {url}",
            server=self._server,
            cloud_id=self._cloud_id,
            url=welcome.url,
        )
        self._status(f"connected to {self._server} as {self._cloud_id}")

    def waiting(self, outcome: Outcome, delay: float) -> None:
        """There is no tunnel; the next attempt is in ``delay`` seconds."""
        text, error = self._words(outcome)
        say = self.log.error if error else self.log.warn
        seconds = ceil(delay)
        say("{text}; next try in {seconds} s", text=text, seconds=seconds)
        self._status(f"{text}; next try in {seconds} s")

    def stopping(self) -> None:
        """The device end goes down."""
        self._notify("STOPPING=1")

    def _words(self, outcome: Outcome) -> tuple[str, bool]:
        server, cloud_id = self._server, self._cloud_id
        match outcome:
            case Lost(reason, up_for):
                what = "lost the tunnel to" if up_for else "no tunnel to"
                return f"{what} {server}: {reason}", False
            case Busy(reason):
                return f"no tunnel to {server}: {reason}", False
            case Refused(reason):
                return f"refused by {server} as {cloud_id}: {reason}", True
            case Disabled():
                return (
                    f"refused by {server}: the operator has disabled {cloud_id}",
                    True,
                )
            case Distrusted(reason):
                return reason, True
            case SentAway("replaced"):
                return (
                    f"replaced: another device end with the Cloud ID {cloud_id} has "
                    f"connected to {server} and taken over; run only one of them",
                    True,
                )
            case SentAway("disabled"):
                return f"the operator of {server} has disabled {cloud_id}", True
            case SentAway("removed"):
                return f"the operator of {server} has removed {cloud_id}", True
            case SentAway("shutdown"):
                return f"{server} is going down", False
            case SentAway(reason):
                return f"{server} has ended the tunnel: {reason}", False

    def _status(self, text: str) -> None:
        ready = "" if self._ready else "READY=1\n"
        self._ready = True
        # systemd reads lines; a longer text would be cut anyway.
        self._notify(f"{ready}STATUS={printable(text)}")
