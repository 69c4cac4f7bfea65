"""What people are told of the tunnel: log lines, the status, systemd's states."""

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
    ProxyDenied,
    Refused,
    SentAway,
    Unsuited,
)
from cfos_cloud.device.status import Cause, DeviceState, DeviceStatus, StatusListener
from cfos_cloud.device.tunnel import Welcome
from cfos_cloud.tunnel.reasons import printable


class Report:
    """
    One line in the log for each change, ``sd_notify`` states by ``notify``, and each
    :class:`DeviceStatus` to ``on_status``. ``now`` is in seconds since the epoch.

    ``READY=1`` goes out with the outcome of the first attempt, good or bad: a site
    whose router is down must not have its service killed and started in a loop.
    """

    log = Logger()

    def __init__(
        self,
        server: str,
        cloud_id: str,
        notify: Callable[[str], object],
        on_status: StatusListener,
        now: Callable[[], float],
    ) -> None:
        self._server = server
        self._cloud_id = cloud_id
        self._notify = notify
        self._on_status = on_status
        self._now = now
        self._ready = False
        self.status = DeviceStatus(DeviceState.OFF, now())

    def connecting(self) -> None:
        """An attempt begins."""
        self.log.debug("connecting to {server}", server=self._server)
        trouble = self.status.retry_at is not None
        reason = self.status.reason if trouble else ""
        self._change(DeviceStatus(DeviceState.CONNECTING, self._now(), reason))

    def connected(self, welcome: Welcome) -> None:
        """The tunnel is up."""
        text = f"connected to {self._server} as {self._cloud_id}"
        self.log.info(
            "{text}; people log in at {url}",
            text=text,
            url=welcome.login_url,
        )
        self._tell_systemd(text)
        self._change(
            DeviceStatus(
                DeviceState.CONNECTED, self._now(), text, login_url=welcome.login_url
            )
        )

    def waiting(self, outcome: Outcome, delay: float) -> None:
        """There is no tunnel; the next attempt is in ``delay`` seconds."""
        state, text = self._words(outcome)
        say = self.log.error if state is DeviceState.REFUSED else self.log.warn
        seconds = ceil(delay)
        say("{text}; next try in {seconds} s", text=text, seconds=seconds)
        self._tell_systemd(f"{text}; next try in {seconds} s")
        now = self._now()
        cause = _cause_of(outcome)
        self._change(DeviceStatus(state, now, text, retry_at=now + delay, cause=cause))

    def stopping(self) -> None:
        """The device end goes down."""
        self._notify("STOPPING=1")

    def stopped(self) -> None:
        """Nothing of it runs any more."""
        self._change(DeviceStatus(DeviceState.OFF, self._now()))

    def _words(self, outcome: Outcome) -> tuple[DeviceState, str]:
        server, cloud_id = self._server, self._cloud_id
        match outcome:
            case Lost(reason, up_for):
                what = "lost the tunnel to" if up_for else "no tunnel to"
                return DeviceState.WAITING, f"{what} {server}: {reason}"
            case Busy(reason):
                return DeviceState.WAITING, f"no tunnel to {server}: {reason}"
            case SentAway("shutdown"):
                return DeviceState.WAITING, f"{server} is going down"
            case Refused(reason):
                text = f"refused by {server} as {cloud_id}: {reason}"
            case ProxyDenied(reason):
                text = f"no tunnel to {server}: {reason}"
            case Disabled():
                text = f"refused by {server}: the operator has disabled {cloud_id}"
            case Distrusted(reason):
                text = reason
            case Unsuited(reason):
                text = f"no tunnel to {server}: {reason}"
            case SentAway("replaced"):
                text = (
                    f"replaced: another device end with the Cloud ID {cloud_id} has "
                    f"connected to {server} and taken over; run only one of them"
                )
            case SentAway("disabled"):
                text = f"the operator of {server} has disabled {cloud_id}"
            case SentAway("removed"):
                text = f"the operator of {server} has removed {cloud_id}"
            case SentAway(reason):
                return DeviceState.WAITING, f"{server} has ended the tunnel: {reason}"
        return DeviceState.REFUSED, text

    def _tell_systemd(self, text: str) -> None:
        ready = "" if self._ready else "READY=1\n"
        self._ready = True
        # systemd reads lines; a longer text would be cut anyway.
        self._notify(f"{ready}STATUS={printable(text)}")

    def _change(self, status: DeviceStatus) -> None:
        self.status = status
        try:
            self._on_status(status)
        except Exception:  # the tunnel must not end because it can't be shown
            self.log.failure("the status could not be told")


def _cause_of(outcome: Outcome) -> Cause:
    match outcome:
        case Busy():
            return Cause.BUSY
        case Refused():
            return Cause.WRONG_PASSWORD
        case Distrusted():
            return Cause.UNTRUSTED
        case Unsuited():
            return Cause.UNSUITED
        case Disabled() | SentAway("disabled"):
            return Cause.DISABLED
        case SentAway("removed"):
            return Cause.REMOVED
        case SentAway("replaced"):
            return Cause.REPLACED
        case SentAway("shutdown"):
            return Cause.SHUTDOWN
        case Lost() | ProxyDenied() | SentAway():
            return Cause.UNREACHABLE
