"""The simulated site as one service: every part of it is made here."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.server import Site

from cfos_cloud.demo.site.access import DOOR
from cfos_cloud.demo.site.accounts import Accounts
from cfos_cloud.demo.site.cloud_service import CloudService
from cfos_cloud.demo.site.memory import load_memory, save_memory
from cfos_cloud.demo.site.meter_display import MeterDisplay
from cfos_cloud.demo.site.model.house import DAY
from cfos_cloud.demo.site.model.simulation import Simulation
from cfos_cloud.demo.site.pages import SitePages
from cfos_cloud.demo.site.settings import CloudSettings
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.sockets import make_sockets
from cfos_cloud.demo.site.store import SettingsStore
from cfos_cloud.device.end import DeviceEnd
from cfos_cloud.device.further import FurtherDevice
from cfos_cloud.device.origin import Origin, parse_origin
from cfos_cloud.device.settings import DeviceSettings
from cfos_cloud.device.status import StatusListener
from cfos_cloud.secret_files import write_secret
from cfos_cloud.ui import ui_directory
from cfos_cloud.workers import ThreadWorker

LOOPBACK = "127.0.0.1"
#: Seconds between two steps, and between two writes of what is remembered.
STEP = 1.0
REMEMBER_EVERY = 300.0
#: Seconds without a car before a first start, which begins with one that comes.
QUIET = 240.0
#: Of the site's worker: hashes and files.
THREADS = 2
WAITING = 32


@dataclass(frozen=True)
class SiteOptions:
    """
    :param port: of the local network's socket; 0: any free one.
    :param interface: where that one listens.
    """

    directory: Path
    port: int = 0
    interface: str = LOOPBACK


class SiteService(MultiService):
    """
    Simulates while it runs.

    :param now: seconds since the epoch.
    :raises OSError: the directory can't be used.
    :raises SettingsError: the settings in it can't.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: SiteOptions,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._options = options
        self._now = now
        options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._worker = ThreadWorker(reactor, "site", THREADS, WAITING)
        store = SettingsStore(options.directory, self._worker)
        accounts = Accounts(options.directory, self._worker, monotonic)
        self.site = ChargingSite(
            self._simulation(store),
            store,
            accounts,
            CloudService(self._make_end, now),
            monotonic,
        )
        # Only now it knows which wallboxes are paused, and their limits.
        self.site.simulation.stage()
        pages = SitePages(ui_directory())
        # New at each start; the device end, which begins later, reads it there.
        door = secrets.token_urlsafe(32)
        self._door_file = options.directory / "device-end-header"
        write_secret(self._door_file, f"{DOOR.decode()}: {door}\n")
        self._sockets = make_sockets(self.site, pages, reactor, now, door)
        self._meter = Site(MeterDisplay(lambda: self.site.simulation.reading))
        self._meter.noisy = False
        self._ports: list[IListeningPort] = []
        self._loops = [
            self._loop(self._tick, STEP),
            self._loop(self._remember, REMEMBER_EVERY),
        ]

    @property
    def address(self) -> str:
        """Where the site is on the local network, once it runs."""
        return f"http://{_url_host(self._options.interface)}:{_port(self._ports[0])}"

    def startService(self) -> None:
        """:raises CannotListenError: the port is taken."""
        options, listen = self._options, self._reactor.listenTCP
        self._ports = [
            listen(options.port, self._sockets.local, interface=options.interface),
            listen(0, self._sockets.cloud, interface=LOOPBACK),
            listen(0, self._meter, interface=LOOPBACK),
        ]
        super().startService()
        for loop, seconds in self._loops:
            loop.start(seconds, now=False)
        self.site.cloud.apply(self.site.settings.cloud)

    def stopService(self) -> Deferred[None]:
        """Fires when nothing of it is left, and everything is on the disk."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        await super().stopService()
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()
        await self.site.cloud.stop()
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        self._sockets.close()
        self._remember()
        self._worker.stop()

    # parts

    def _simulation(self, store: SettingsStore) -> Simulation:
        now, offset = self._now(), _utc_offset(self._now())
        chance = random.Random()  # noqa: S311 - cars, no secrets

        def user_of(wallbox: str) -> str | None:
            return store.settings.user_of(wallbox)

        def make(begins: float) -> Simulation:
            limit = store.settings.limit_w
            return Simulation(begins, limit, chance, offset, user_of)

        remembered = load_memory(self._options.directory)
        if remembered is not None:
            simulation = make(now)
            try:
                simulation.restore(remembered)
            except ValueError as error:
                self.log.warn("what was remembered is broken: {why}", why=str(error))
            else:
                return simulation
        simulation = make(now - DAY)
        simulation.live_through(now - QUIET)
        simulation.send_away(now)
        simulation.live_through(now)
        return simulation

    def _make_end(self, settings: CloudSettings, told: StatusListener) -> DeviceEnd:
        accounts, directory = self.site.accounts, self._options.directory
        return DeviceEnd(
            DeviceSettings(
                server=parse_origin(settings.server),
                cloud_id=settings.cloud_id,
                password=settings.password,
                target=self._origin(1),
                state_directory=directory / "device-end",
                admin_password_file=accounts.admin_file,
                users_file=accounts.users_file,
                target_header_file=self._door_file,
                also=(FurtherDevice("meter", self._origin(2)),),
            ),
            self._reactor,
            on_status=told,
        )

    def _origin(self, number: int) -> Origin:
        return Origin("http", LOOPBACK, _port(self._ports[number]))

    # what happens again and again

    def _loop(
        self, work: Callable[[], object], seconds: float
    ) -> tuple[LoopingCall, float]:
        def guarded() -> None:
            try:
                work()
            except Exception:  # a loop that ended would stand still for ever
                self.log.failure("a step of the site failed")

        loop = LoopingCall(guarded)
        loop.clock = self._reactor
        return loop, seconds

    def _tick(self) -> None:
        self.site.tick(self._now())

    def _remember(self) -> None:
        data = self.site.simulation.to_json()
        written = self._worker.run(save_memory, self._options.directory, data)
        written.addErrback(
            lambda failure: self.log.error(
                "what happens is not remembered: {why}", why=str(failure.value)
            )
        )


def _utc_offset(now: float) -> float:
    return float(time.localtime(now).tm_gmtoff)


def _port(port: IListeningPort) -> int:
    return cast(int, cast(Any, port.getHost()).port)


def _url_host(interface: str) -> str:
    if interface in ("", "0.0.0.0", "::"):  # noqa: S104 - to be shown
        return "localhost"
    return f"[{interface}]" if ":" in interface else interface
