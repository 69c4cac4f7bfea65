"""A whole device end inside this process, over real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.device.consent_file import ConsentFileError
from cfos_cloud.device.credentials import CredentialsError
from cfos_cloud.device.end import DeviceEnd
from cfos_cloud.device.further import FurtherDevice
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.pins import PinFileError
from cfos_cloud.device.settings import DeviceSettings, InvalidSetting
from cfos_cloud.device.status import DeviceState, DeviceStatus
from cfos_cloud.device.target_header import TargetHeaderError
from cfos_cloud.device.trust import Verify
from cfos_cloud.tunnel.scram import UnusablePassword
from tests.device.certificates import make_certificate, server_tls
from tests.device.tunnel_server import CLOUD_ID, Behaviour, TunnelServer

PASSWORD = "correct horse battery"
CERTIFICATE = make_certificate("localhost")

reactor: Any = _reactor


class EndCase(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.behaviour = Behaviour(PASSWORD, CERTIFICATE)
        self.servers: list[TunnelServer] = []
        self.statuses: list[DeviceStatus] = []
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def listen(self) -> int:
        def build() -> TunnelServer:
            self.servers.append(TunnelServer(self.behaviour, reactor))
            return self.servers[-1]

        factory = TLSMemoryBIOFactory(
            server_tls(CERTIFICATE), False, Factory.forProtocol(build), reactor
        )
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def settings(self, port: int = 4443, **changed: Any) -> DeviceSettings:
        values: dict[str, Any] = {
            "server": parse_origin(f"https://localhost:{port}"),
            "cloud_id": CLOUD_ID,
            "password": PASSWORD,
            "target": parse_origin("http://127.0.0.1:80"),
            "state_directory": self.directory / "state",
        }
        return DeviceSettings(**(values | changed))

    def make(self, settings: DeviceSettings) -> DeviceEnd:
        end = DeviceEnd(settings, reactor, on_status=self.statuses.append)
        self.addCleanup(self.all_left, end)
        return end

    def all_left(self, end: DeviceEnd) -> Deferred[None]:
        async def leave() -> None:
            await end.stopService()
            while not all(server.lost for server in self.servers):
                await deferLater(reactor, 0.01)

        return Deferred.fromCoroutine(leave())

    async def reaches(self, state: DeviceState) -> DeviceStatus:
        while not self.statuses or self.statuses[-1].state is not state:
            await deferLater(reactor, 0.01)
        return self.statuses[-1]

    @property
    def warnings(self) -> list[str]:
        return [formatEvent(e) for e in self.events if e["log_level"].name == "warn"]


class RunningTests(EndCase):
    async def test_it_connects_and_stops_and_a_new_one_connects_again(self) -> None:
        settings = self.settings(self.listen())
        for _ in range(2):
            end = self.make(settings)
            self.assertEqual(end.status.state, DeviceState.OFF)
            end.startService()
            status = await self.reaches(DeviceState.CONNECTED)
            self.assertEqual(status.login_url, "https://cloud.example:4443/")
            self.assertIs(end.status, status)
            await end.stopService()
            self.assertEqual(end.status.state, DeviceState.OFF)
        self.assertEqual(len(self.servers), 2)
        states = [status.state for status in self.statuses]
        one = [DeviceState.CONNECTING, DeviceState.CONNECTED, DeviceState.OFF]
        self.assertEqual(states, one * 2)

    async def test_two_run_side_by_side(self) -> None:
        port = self.listen()
        other: list[DeviceStatus] = []
        first = self.make(self.settings(port))
        second = DeviceEnd(self.settings(port), reactor, on_status=other.append)
        first.startService()
        second.startService()
        await self.reaches(DeviceState.CONNECTED)
        while other[-1].state is not DeviceState.CONNECTED:
            await deferLater(reactor, 0.01)
        await second.stopService()
        self.assertEqual(first.status.state, DeviceState.CONNECTED)

    async def test_a_wrong_password_is_a_refusal(self) -> None:
        end = self.make(self.settings(self.listen(), password="a wrong password"))
        end.startService()
        status = await self.reaches(DeviceState.REFUSED)
        self.assertIn("refused by https://localhost", status.reason)
        assert status.retry_at is not None
        self.assertGreaterEqual(status.retry_at, status.since + 240)

    async def test_nobody_there_is_a_wait(self) -> None:
        end = self.make(self.settings(1))
        end.startService()
        status = await self.reaches(DeviceState.WAITING)
        self.assertIn("connection refused", status.reason)

    async def test_it_may_be_stopped_twice_and_before_its_start(self) -> None:
        end = self.make(self.settings(self.listen()))
        await end.stopService()
        end = self.make(self.settings(self.listen()))
        end.startService()
        await self.reaches(DeviceState.CONNECTED)
        first = end.stopService()
        await end.stopService()
        await first


class WarningTests(EndCase):
    async def start(self, settings: DeviceSettings) -> None:
        end = self.make(settings)
        end.startService()
        await end.stopService()

    async def test_a_missing_admin_password_is_told(self) -> None:
        await self.start(self.settings())
        self.assertIn(
            "there is no admin password: every log-in is refused", self.warnings
        )

    async def test_an_empty_one_is_told_with_its_file(self) -> None:
        file = Path(self.mktemp())
        file.write_text("\n")
        await self.start(self.settings(admin_password_file=file))
        self.assertIn(
            f"there is no admin password in {file}: every log-in is refused",
            self.warnings,
        )

    async def test_nothing_is_told_where_there_is_one(self) -> None:
        file = Path(self.mktemp())
        file.write_text("secret\n")
        await self.start(self.settings(admin_password_file=file))
        self.assertEqual([w for w in self.warnings if "admin password" in w], [])


class MakingTests(EndCase):
    def test_what_can_not_be_used_is_said_before_anything_runs(self) -> None:
        file = Path(self.mktemp())
        file.write_text("")
        directory = Path(self.mktemp())
        directory.mkdir()
        broken = Path(self.mktemp()) / "access-keys.json"
        broken.mkdir(parents=True)
        cases: tuple[tuple[dict[str, Any], type[Exception]], ...] = (
            ({"cloud_id": "a--b"}, InvalidCloudID),
            ({"password": ""}, UnusablePassword),
            ({"state_directory": file}, PinFileError),
            ({"users_file": directory}, CredentialsError),
            ({"admin_password_file": directory}, CredentialsError),
            ({"target_header_file": file}, TargetHeaderError),
            ({"target_header_file": directory}, TargetHeaderError),
            ({"state_directory": broken.parent}, ConsentFileError),
        )
        for changed, error in cases:
            settings = self.settings(**changed)
            self.assertRaises(error, DeviceEnd, settings, reactor)

    def test_settings_that_make_no_sense_are_none(self) -> None:
        for name, changed in (
            ("target", {"target": parse_origin("https://meter")}),
            (
                "also",
                {"also": (FurtherDevice("Meter", parse_origin("http://meter")),)},
            ),
            ("max-connections", {"max_connections": 0}),
            ("max-connections", {"max_connections": 257}),
            (
                "verify",
                {"verify": Verify.CA, "server": parse_origin("http://cloud")},
            ),
        ):
            error = self.assertRaises(InvalidSetting, self.settings, **changed)
            self.assertEqual(error.name, name)

    def test_the_password_is_not_shown(self) -> None:
        self.assertNotIn(PASSWORD, repr(self.settings()))
