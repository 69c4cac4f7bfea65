"""A device end with a door of its own, a server that can't look inside, a target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from cfos_cloud.device.end import DeviceEnd
from cfos_cloud.device.further import FurtherDevice
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.settings import DeviceSettings, EndToEnd
from cfos_cloud.device_end import make_door
from cfos_cloud.site_door import door
from cfos_cloud.site_door.door import SiteDoor
from tests.device.certificates import make_certificate, server_tls
from tests.device.tunnel_server import CLOUD_ID, Behaviour
from tests.end_to_end.client import Client
from tests.end_to_end.target import Target
from tests.site_door.server import (
    HOST,
    WELCOME_END_TO_END,
    BrowserPort,
    RecordingServer,
)
from tests.web.support import the_pages

PASSWORD = "correct horse battery"
ADMIN = "canary admin password"
TUNNEL_CERTIFICATE = make_certificate("localhost")
T = TypeVar("T")

reactor: Any = _reactor


class DoorCase(TestCase):
    """Everything runs in this process; browsers, which block, in threads."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.state_directory = self.directory / "state"
        self.admin_file = self.directory / "admin"
        self.admin_file.write_text(ADMIN)
        self.behaviour = Behaviour(PASSWORD, TUNNEL_CERTIFICATE)
        self.behaviour.welcome = WELCOME_END_TO_END
        self.heard = bytearray()
        self.servers: list[RecordingServer] = []
        self.end: DeviceEnd
        self.target = Target()
        self.addCleanup(deferToThread, self.target.close)
        # Templates take most of a test's time until they are compiled.
        self.patch(door, "Pages", lambda _: the_pages())
        self.users_file: Path | None = None
        self.also: tuple[FurtherDevice, ...] = ()
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    @property
    def door(self) -> SiteDoor:
        found = [each for each in self.end if isinstance(each, SiteDoor)]
        return found[0]

    @property
    def log(self) -> str:
        return "\n".join(formatEvent(event) for event in list(self.events))

    async def start(self, **end_to_end: Any) -> None:
        """A device end whose tunnel is up, and a port for browsers."""
        tunnel_port = self._listen(self._tunnels())
        self.end = self.make_end(tunnel_port, **end_to_end)
        self.addCleanup(self._all_left)
        self.end.startService()
        await self.until(lambda: "connected to" in self.log)
        self.ports = BrowserPort(lambda: self.servers[-1], self.heard)
        self.port = self._listen(self.ports)

    def make_end(self, tunnel_port: int, **end_to_end: Any) -> DeviceEnd:
        settings = DeviceSettings(
            server=parse_origin(f"https://localhost:{tunnel_port}"),
            cloud_id=CLOUD_ID,
            password=PASSWORD,
            target=parse_origin(self.target.url),
            state_directory=self.state_directory,
            admin_password_file=self.admin_file,
            users_file=self.users_file,
            end_to_end=EndToEnd(**end_to_end),
            also=self.also,
        )
        return DeviceEnd(settings, reactor, make_door=make_door)

    def browser(self, **options: Any) -> Client:
        return Client(self.port, authority=HOST, **options)

    async def logged_in(self, **options: Any) -> Client:
        """A browser of the admin's."""
        browser = self.browser(**options)
        answer = await deferToThread(browser.log_in, CLOUD_ID, ADMIN, as_admin=True)
        self.assertEqual(answer.status, 303, answer.body)
        return browser

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Let things happen until it is so."""
        for _ in range(int(seconds / 0.02)):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail(f"it never was so; the log:\n{self.log}")

    def _tunnels(self) -> TLSMemoryBIOFactory:
        def build() -> RecordingServer:
            server = RecordingServer(self.behaviour, reactor, self.heard)
            self.servers.append(server)
            return server

        return TLSMemoryBIOFactory(
            server_tls(TUNNEL_CERTIFICATE), False, Factory.forProtocol(build), reactor
        )

    def _listen(self, factory: Any) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def cut_tunnel(self) -> None:
        """The latest one ends, without a word."""
        if not self.servers[-1].lost:
            transport: Any = self.servers[-1].transport
            transport.abortConnection()

    def _all_left(self) -> Deferred[None]:
        async def leave() -> None:
            stopped = self.end.stopService()
            self.cut_tunnel()
            await stopped
            await self.until(lambda: all(server.lost for server in self.servers))

        return Deferred.fromCoroutine(leave())
