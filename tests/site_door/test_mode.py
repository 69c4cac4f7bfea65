"""Servers that can't do it, processes that don't need it, and what to compare."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.cli import run
from cfos_cloud.device.end import DeviceEnd
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.settings import DeviceSettings, EndToEnd
from cfos_cloud.device.status import Cause, DeviceState
from cfos_cloud.device.tunnel import Greeting, Welcome
from cfos_cloud.listener.fingerprints import Fingerprints, grouped
from cfos_cloud.tunnel.control import InvalidParams, RpcError
from cfos_cloud.twistd_command import child_environment
from tests.device.certificates import make_certificate
from tests.device.tunnel_server import WELCOME
from tests.site_door.case import DoorCase
from tests.site_door.server import HOST


class ServerTests(DoorCase):
    async def refused(self, state: DeviceState) -> DeviceEnd:
        """A device end that has not been given what it insists on."""
        tunnel_port = self._listen(self._tunnels())
        self.end = self.make_end(tunnel_port)
        self.addCleanup(self._all_left)
        self.end.startService()
        await self.until(lambda: self.end.status.state is state)
        return self.end

    async def test_one_that_would_look_inside_gets_no_stream(self) -> None:
        self.behaviour.welcome = dict(WELCOME)
        end = await self.refused(DeviceState.REFUSED)
        self.assertIn("too old for --end-to-end", end.status.reason)
        self.assertIs(end.status.cause, Cause.UNSUITED)
        self.assertNotIn("connected to", self.log)

    async def test_one_without_hosts_of_systems_is_told_by_its_name(self) -> None:
        self.behaviour.welcome = RpcError(-32010, "no hosts")
        end = await self.refused(DeviceState.REFUSED)
        self.assertIn("--domain", end.status.reason)

    async def test_one_in_passing_trouble_is_asked_again_soon(self) -> None:
        self.behaviour.welcome = RpcError(-32603, "later")
        end = await self.refused(DeviceState.WAITING)
        self.assertIn("later", end.status.reason)


class GreetingTests(SynchronousTestCase):
    def test_without_it_hello_is_as_it_was(self) -> None:
        params = Greeting("agent").params()
        self.assertEqual(params["capabilities"], ["http", "login", "keys"])
        self.assertNotIn("mode", params)

    def test_a_host_of_the_server_s_must_be_a_name(self) -> None:
        good = Welcome.check(WELCOME | {"mode": "end-to-end", "host": HOST})
        self.assertEqual((good.end_to_end, good.host), (True, HOST))
        for host in ("", "a b", "A.b", "a/b", "a..b", 5, "x" * 300):
            with self.assertRaises(InvalidParams):
                Welcome.check(WELCOME | {"host": host})


class ProcessTests(TestCase):
    def test_without_it_nothing_of_it_is_loaded_and_with_it_no_database(self) -> None:
        for module, absent in (
            ("cfos_cloud.device_end", ("klein", "jinja2", "cfos_cloud.gateway")),
            ("cfos_cloud.site_door.door", ("sqlalchemy", "cfos_cloud.registry")),
        ):
            code = f"import {module}, sys; print(*sys.modules)"
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=child_environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            loaded = done.stdout.split()
            self.assertIn(module, loaded)
            self.assertEqual([name for name in absent if name in loaded], [])

    def test_who_makes_a_device_end_has_to_give_it_a_door(self) -> None:
        settings = DeviceSettings(
            server=parse_origin("https://localhost:4443"),
            cloud_id="W00-008J",
            password="correct horse battery",
            target=parse_origin("http://127.0.0.1"),
            state_directory=Path(self.mktemp()),
            end_to_end=EndToEnd(),
        )
        self.assertRaises(ValueError, DeviceEnd, settings, Clock())


class FingerprintTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / "tls").mkdir(parents=True)
        self.made = make_certificate(HOST)
        self.path = self.directory / "tls" / "certificate.pem"
        self.path.write_bytes(self.made.certificate.public_bytes(Encoding.PEM))

    def tool(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, and what it wrote on both."""
        with (
            mock.patch("sys.stdout", StringIO()) as out,
            mock.patch("sys.stderr", StringIO()) as err,
        ):
            status = run(["device-fingerprint", *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_digits_are_in_groups(self) -> None:
        self.assertEqual(grouped("0123456789ab"), "0123 4567 89ab")

    def test_those_of_the_state_directory_are_printed(self) -> None:
        found = Fingerprints.of(self.made.certificate)
        status, out, _ = self.tool("--state-dir", str(self.directory))
        self.assertEqual(status, 0)
        self.assertIn(found.key, out)
        self.assertIn(found.certificate, out)
        self.assertEqual(len(found.key.split()), 16)

    def test_those_of_a_file_are_printed_as_json(self) -> None:
        status, out, _ = self.tool("--tls-certificate", str(self.path), "--json")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out), vars(Fingerprints.of(self.made.certificate)))

    def test_where_there_is_none_one_line_says_so(self) -> None:
        for arguments, words in (
            (("--state-dir", "/nowhere"), "started with --end-to-end"),
            (("--tls-certificate", "/nowhere"), "can't read /nowhere"),
            (("--tls-certificate", __file__), "is not PEM"),
        ):
            status, out, err = self.tool(*arguments)
            self.assertEqual((status, out, err.count("\n")), (1, "", 1))
            self.assertIn(words, err)
