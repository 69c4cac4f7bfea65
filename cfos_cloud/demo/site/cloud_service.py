"""The site's cloud service: runs the device end that its settings ask for."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.demo.site.settings import CloudSettings
from cfos_cloud.device.consent_file import ConsentFileError
from cfos_cloud.device.credentials import CredentialsError
from cfos_cloud.device.origin import InvalidOrigin
from cfos_cloud.device.pins import PinFileError
from cfos_cloud.device.settings import InvalidSetting
from cfos_cloud.device.status import DeviceState, DeviceStatus, StatusListener
from cfos_cloud.device.target_header import TargetHeaderError
from cfos_cloud.tunnel.scram import UnusablePassword

_UNUSABLE = (
    ConsentFileError,
    CredentialsError,
    InvalidCloudID,
    InvalidOrigin,
    InvalidSetting,
    PinFileError,
    TargetHeaderError,
    UnusablePassword,
)


class End(typing.Protocol):
    """As much of a device end as is used here."""

    def startService(self) -> None:
        """Connect, and stay connected."""

    def stopService(self) -> Deferred[None]:
        """Fires when nothing of it is left."""


MakeEnd = Callable[[CloudSettings, StatusListener], End]


@dataclass
class _Running:
    end: End
    settings: CloudSettings


class CloudService:
    """
    At most one device end runs. ``status`` is what is true now: the old one's until
    it has ended, then the new one's.

    :param make_end: a device end that is told where to put its status.
    :param now: seconds since the epoch.
    """

    log = Logger()

    def __init__(self, make_end: MakeEnd, now: Callable[[], float]) -> None:
        self._make_end = make_end
        self._now = now
        self._wanted = CloudSettings()
        self._running: _Running | None = None
        self._again = False
        self._work: Deferred[None] | None = None
        self._listeners: set[Callable[[], object]] = set()
        self.status = DeviceStatus(DeviceState.OFF, now())

    def watch(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have ``listener`` called after each change; returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def apply(self, settings: CloudSettings) -> None:
        """
        Run what these ask for. With the same settings, an end that is not connected
        tries again at once: somebody may have mended the other side.
        """
        self._wanted = settings
        if self.status.state is not DeviceState.CONNECTED:
            self._again = True
        if self._work is None:
            work = self._work = ensureDeferred(self._follow())
            if work.called:
                self._work = None

    def stop(self) -> Deferred[None]:
        """Switch off; fires when nothing is left."""
        self.apply(CloudSettings())
        done: Deferred[None] = Deferred()
        if self._work is None:
            done.callback(None)
        else:
            self._work.addBoth(lambda _: done.callback(None))
        return done

    async def _follow(self) -> None:
        """Until what runs is what is wanted, also if that changes on the way."""
        try:
            while True:
                running, wanted = self._running, self._wanted
                if not _asks_for_one(wanted):
                    if running is None:
                        break
                elif _runs(running, wanted) and not self._again:
                    break
                self._again = False
                if running is not None:
                    await running.end.stopService()
                    self._running = None
                    self._tell(DeviceStatus(DeviceState.OFF, self._now()))
                if _asks_for_one(self._wanted) and not self._start(self._wanted):
                    break
        except Exception:  # the site goes on, and so does its next change
            self.log.failure("the cloud service can't follow its settings")
        finally:
            self._again = False
            self._work = None

    def _start(self, settings: CloudSettings) -> bool:
        own: list[_Running] = []

        def told(status: DeviceStatus) -> None:
            if own and self._running is own[0]:
                self._tell(status)

        try:
            end = self._make_end(settings, told)
        except _UNUSABLE as error:
            self.log.error("the cloud service can't start: {why}", why=str(error))
            self._tell(DeviceStatus(DeviceState.REFUSED, self._now(), str(error)))
            return False
        own.append(_Running(end, settings))
        self._running = own[0]
        end.startService()
        return True

    def _tell(self, status: DeviceStatus) -> None:
        if status == self.status or (
            status.state is self.status.state is DeviceState.OFF
        ):
            return
        self.status = status
        for listener in list(self._listeners):
            listener()


def _runs(running: _Running | None, wanted: CloudSettings) -> bool:
    return running is not None and running.settings == wanted


def _asks_for_one(settings: CloudSettings) -> bool:
    return settings.enabled and bool(settings.server)
