"""``cfos-cloud device-check``, over real sockets on loopback."""

from __future__ import annotations

import argparse
import json
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.check import add_parsers, run
from cfos_cloud.device.options import Options
from cfos_cloud.device.pins import PinFile, pin_of
from tests.device.certificates import make_certificate, server_tls
from tests.device.connect_proxy import ConnectProxy
from tests.device.tunnel_server import CLOUD_ID, Behaviour, TunnelServer

PASSWORD = "correct horse battery"
CERTIFICATE = make_certificate("localhost", "127.0.0.1")

reactor: Any = _reactor


class CheckTests(TestCase):
    def setUp(self) -> None:
        self.behaviour = Behaviour(PASSWORD, CERTIFICATE)
        self.servers: list[TunnelServer] = []
        self.port = self.listen(self.server_factory())
        self.target = self.listen(Site(notFound()))
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.password_file = self.directory / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.pins = PinFile(self.directory)

    def listen(self, factory: object) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def server_factory(self) -> object:
        def build() -> TunnelServer:
            self.servers.append(TunnelServer(self.behaviour, reactor))
            return self.servers[-1]

        plain = Factory.forProtocol(build)
        if self.behaviour.certificate is None:
            return plain
        options = server_tls(self.behaviour.certificate)
        return TLSMemoryBIOFactory(options, False, plain, reactor)

    def arguments(self, **changed: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        add_parsers(parser.add_subparsers())
        values = {
            "server": f"https://localhost:{self.port}",
            "cloud-id": CLOUD_ID,
            "password-file": str(self.password_file),
            "target": f"http://127.0.0.1:{self.target}",
            "state-dir": str(self.directory),
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        words = [w for name, text in values.items() for w in (f"--{name}", text)]
        return parser.parse_args(["device-check", *words])

    async def check(self, status: int, **changed: str) -> dict[str, str]:
        arguments = self.arguments(**changed)
        with mock.patch("sys.stdout", StringIO()) as out:
            found = await run(reactor, arguments)
        self.assertEqual(found, status, out.getvalue())
        await self.all_left()
        lines = out.getvalue().splitlines()
        return dict(line.split(": ", 1) for line in lines)

    async def test_all_is_well(self) -> None:
        found = await self.check(0)
        self.assertEqual(list(found), ["dns", "tcp", "tls", "password", "target"])
        self.assertTrue(all(text.startswith("ok, ") for text in found.values()), found)
        self.assertIn("TLSv1.3, certificate for localhost, 127.0.0.1", found["tls"])
        self.assertIn("self-signed; no key is pinned yet", found["tls"])
        self.assertIn("404", found["target"])

    async def test_each_further_device_is_looked_at(self) -> None:
        found = await self.check(0, also=f"meter=http://127.0.0.1:{self.target}")
        self.assertEqual(list(found)[-2:], ["target", "target meter"])
        self.assertTrue(found["target meter"].startswith("ok, http://127.0.0.1:"))
        found = await self.check(1, also="meter=http://127.0.0.1:1")
        self.assertTrue(found["target"].startswith("ok"))
        self.assertIn("check --also meter=, and", found["target meter"])

    async def test_a_user_s_device_that_no_option_names_is_told(self) -> None:
        users = self.directory / "users"
        hash_ = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1).hash("1" * 10)
        users.write_text(f"anna:{hash_}:meter,pv\n")
        admin = self.directory / "admin"
        admin.write_text("secret\n")
        files = {"users_file": str(users), "admin_password_file": str(admin)}
        meter = f"meter=http://127.0.0.1:{self.target}"
        found = await self.check(1, also=meter, **files)
        self.assertIn("user anna may see pv, which no --also names", found["log-in"])
        users.write_text(f"anna:{hash_}:meter\n")
        await self.check(0, also=meter, **files)

    async def test_it_takes_over_no_tunnel_and_pins_nothing(self) -> None:
        await self.check(0)
        self.assertEqual([server.hellos for server in self.servers][-1], [])
        self.assertEqual(len(self.servers[-1].proofs), 1)
        self.assertIsNone(self.pins.get(f"localhost:{self.port}"))

    async def test_a_wrong_password_fails_with_advice(self) -> None:
        self.password_file.write_text("another password")
        found = await self.check(1)
        self.assertTrue(found["password"].startswith("FAILED: the server refuses"))
        self.assertIn("--password-file", found["password"])
        self.assertTrue(found["target"].startswith("ok"))

    async def test_a_disabled_system_is_told_apart(self) -> None:
        self.behaviour.after_proof = (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        )
        found = await self.check(1)
        self.assertIn("it is right", found["password"])

    async def test_an_unreadable_password_file_fails_alone(self) -> None:
        found = await self.check(1, password_file=str(self.directory / "none"))
        self.assertIn("can't read", found["password"])
        self.assertTrue(found["tls"].startswith("ok"))

    async def test_an_unusable_password_fails(self) -> None:
        self.password_file.write_text("\n")
        found = await self.check(1)
        self.assertIn("password is empty", found["password"])

    async def test_a_changed_key_fails_before_a_proof(self) -> None:
        self.pins.put(f"localhost:{self.port}", "00" * 32)
        found = await self.check(1)
        self.assertIn("not the one seen before", found["tls"])
        self.assertNotIn("password", found)
        self.assertEqual([p for s in self.servers for p in s.requests], [])

    async def test_a_pinned_key_is_recognised(self) -> None:
        self.pins.put(f"localhost:{self.port}", pin_of(CERTIFICATE.certificate))
        found = await self.check(0)
        self.assertIn("the key is the pinned one", found["tls"])

    async def test_without_a_ca_the_ca_check_fails(self) -> None:
        found = await self.check(1, verify="ca")
        self.assertIn("self-signed", found["tls"])

    async def test_a_port_where_nothing_listens_fails(self) -> None:
        free = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = free.getHost().port
        await free.stopListening()
        found = await self.check(1, server=f"https://127.0.0.1:{number}")
        self.assertIn("connection refused", found["tcp"])
        self.assertEqual(list(found), ["dns", "tcp", "target"])

    async def test_a_name_that_nobody_has_fails(self) -> None:
        found = await self.check(1, server="https://no-such-host.invalid:4443")
        self.assertIn("is not known", found["dns"])
        self.assertEqual(list(found), ["dns", "target"])

    async def test_a_port_without_tls_fails(self) -> None:
        self.behaviour.certificate = None
        port = self.listen(Factory.forProtocol(Talkative))
        found = await self.check(1, server=f"https://localhost:{port}")
        self.assertIn("FAILED: TLS failed", found["tls"])

    async def test_plain_http_is_checked_without_tls(self) -> None:
        self.behaviour.certificate = None
        port = self.listen(self.server_factory())
        found = await self.check(0, server=f"http://localhost:{port}")
        self.assertIn("nothing is encrypted", found["tls"])

    async def test_a_proxy_leads_there_and_knows_the_name(self) -> None:
        proxy = ConnectProxy(reactor, {"cloud.test": "127.0.0.1"})
        proxy.wanted = b"Basic bWU6aGlkZGVu"
        number = self.listen(proxy)
        file = self.directory / "proxy-password"
        file.write_text("hidden\n")
        more = {
            "server": f"https://cloud.test:{self.port}",
            "proxy": f"http://me@127.0.0.1:{number}",
            "proxy_password_file": str(file),
        }
        found = await self.check(0, **more)
        self.assertEqual(
            found["dns"],
            "ok, 127.0.0.1 is an address, the proxy, which looks for cloud.test itself",
        )
        self.assertIn(f"127.0.0.1:{number} leads to cloud.test:", found["tcp"])
        self.assertTrue(found["password"].startswith("ok"), found)
        self.assertNotIn(PASSWORD.encode(), proxy.passed)
        file.write_text("another")
        found = await self.check(1, **more)
        self.assertIn("does not take this password of 'me'", found["tcp"])
        self.assertEqual(list(found), ["dns", "tcp", "target"])
        found = await self.check(1, **more | {"proxy_password_file": "/nowhere"})
        self.assertEqual(
            list(found.items()),
            [("proxy", "FAILED: can't read /nowhere: No such file or directory")],
        )

    async def test_the_proxy_may_come_from_the_environment(self) -> None:
        number = self.listen(ConnectProxy(reactor, {"cloud.test": "127.0.0.1"}))
        server = f"https://cloud.test:{self.port}"
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{number}"}
        with mock.patch.dict("os.environ", environment):
            found = await self.check(0, server=server)
            self.assertTrue(found["password"].startswith("ok"), found)
            found = await self.check(1, server=server, proxy="none")
            self.assertIn("is not known", found["dns"])

    async def test_where_only_websockets_get_through_it_says_so(self) -> None:
        self.behaviour.websocket_only = True
        found = await self.check(0)
        self.assertIn(
            "as a WebSocket: a tunnel by Upgrade does not get through",
            found["password"],
        )
        found = await self.check(1, transport="upgrade")
        self.assertIn("does not arrive as such", found["password"])
        found = await self.check(0, transport="websocket")
        self.assertNotIn("get through", found["password"])

    async def test_a_target_that_is_down_fails(self) -> None:
        free = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = free.getHost().port
        await free.stopListening()
        found = await self.check(1, target=f"http://127.0.0.1:{number}")
        self.assertIn("connection refused", found["target"])
        self.assertTrue(found["password"].startswith("ok"))

    async def test_json_says_the_same(self) -> None:
        arguments = self.arguments()
        arguments.json = True
        with mock.patch("sys.stdout", StringIO()) as out:
            self.assertEqual(await run(reactor, arguments), 0)
        document = json.loads(out.getvalue())
        self.assertTrue(document["ok"])
        self.assertEqual(
            [set(entry) for entry in document["checks"]],
            [{"check", "ok", "detail"}] * 5,
        )
        await self.all_left()

    async def test_what_makes_no_sense_is_one_line_and_status_2(self) -> None:
        for name, value, words in (
            ("server", "cloud", "--server: 'cloud' is not an address"),
            ("server", "", "--server is missing"),
            ("cloud_id", "a--b", "--cloud-id: a Cloud ID is"),
            ("target", "x", "--target: 'x' is not an address"),
            ("target", "https://x", "--target: https targets are not supported yet"),
            ("verify", "none", "--verify is auto or ca"),
            ("max_connections", "many", "--max-connections: a number"),
            ("profile", "x", "--profile is generic, cfos, tq, not 'x'"),
            ("loglevel", "9", "--loglevel is 1 to 4"),
        ):
            with mock.patch("sys.stderr", StringIO()) as err:
                status = await run(reactor, self.arguments(**{name: value}))
            line = err.getvalue()
            self.assertEqual((status, line.count("\n")), (2, 1))
            self.assertIn(f"cfos-cloud device-check: {words}", line)

    async def test_every_option_of_the_device_end_is_taken(self) -> None:
        secret = self.directory / "admin"
        secret.write_text("secret\n")
        found = await self.check(
            0,
            admin_password_file=str(secret),
            users_file=str(self.directory / "users"),
            profile="generic",
            verify="auto",
            max_connections="2",
            loglevel="4",
        )
        self.assertEqual(found["log-in"], "ok, there is an admin password, and 0 users")

    def test_no_option_of_the_device_end_is_unknown_here(self) -> None:
        parser = argparse.ArgumentParser()
        add_parsers(parser.add_subparsers())
        options = Options()
        for name in [*options.longOpt]:
            if name not in {"help", "version"}:
                value = "1" if name.endswith("=") else ""
                parser.parse_args(["device-check", f"--{name}{value}"])
        for letter in options.shortOpt.replace(":", ""):
            parser.parse_args(["device-check", f"-{letter}", "1"])

    async def test_a_missing_admin_password_fails(self) -> None:
        file = self.directory / "admin"
        for text in (None, "\n"):
            if text is not None:
                file.write_text(text)
            found = await self.check(1, admin_password_file=str(file))
            self.assertIn(f"no admin password in {file}", found["log-in"])
        found = await self.check(1, users_file=str(self.directory / "users"))
        self.assertIn("there is no admin password: every", found["log-in"])

    async def test_a_credential_that_the_target_takes_is_ok(self) -> None:
        file = self.directory / "header"
        file.write_text("X-Site-Key: s3cret-canary\n")
        door = Door()
        found = await self.check(
            0,
            target=f"http://127.0.0.1:{self.listen(Site(door))}",
            target_header_file=str(file),
        )
        self.assertTrue(found["credential"].startswith("ok"), found)
        self.assertNotIn("canary", str(found))
        self.assertIn("401", found["target"])

    async def test_a_credential_that_the_target_refuses_fails_with_advice(self) -> None:
        file = self.directory / "header"
        file.write_text("X-Site-Key: wrong-canary\n")
        found = await self.check(
            1,
            target=f"http://127.0.0.1:{self.listen(Site(Door()))}",
            target_header_file=str(file),
        )
        self.assertIn("answers 401 Unauthorized to", found["credential"])
        self.assertIn(f"compare {file}", found["credential"])
        self.assertNotIn("canary", str(found))

    async def test_a_broken_credential_file_fails_and_says_where(self) -> None:
        file = self.directory / "header"
        file.write_text("Host: canary\n")
        found = await self.check(1, target_header_file=str(file))
        self.assertIn(f"{file}: line 1: Host", found["credential"])
        self.assertNotIn("canary", str(found))

    async def test_a_broken_users_file_fails(self) -> None:
        file = self.directory / "users"
        file.write_text("nonsense\n")
        found = await self.check(1, users_file=str(file))
        self.assertIn("line 1", found["log-in"])

    async def test_the_units_state_directory_is_found(self) -> None:
        self.pins.put(f"localhost:{self.port}", "00" * 32)
        environment = {"STATE_DIRECTORY": str(self.directory)}
        with mock.patch.dict("os.environ", environment):
            found = await self.check(1, state_dir="")
        self.assertIn("not the one seen before", found["tls"])

    async def profile(self, status: int, device: IResource, **changed: str) -> str:
        """What is said of a device."""
        target = f"http://127.0.0.1:{self.listen(Site(device))}"
        profile = changed.pop("profile", "cfos")
        found = await self.check(status, target=target, profile=profile, **changed)
        return found[f"profile {profile}"]

    async def test_a_charging_manager_is_known_and_its_password_tried(self) -> None:
        words = (
            "ok, Garage, version 1.22, serial number W00-008J, 2 devices, "
            "it asks for its password"
        )
        self.assertEqual(await self.profile(0, Manager()), words)
        file = self.directory / "admin"
        file.write_text("canary")
        said = await self.profile(0, Manager(), admin_password_file=str(file))
        self.assertIn(f"it takes the password in {file}", said)
        file.write_text("wrong canary")
        said = await self.profile(1, Manager(), admin_password_file=str(file))
        self.assertIn(f"FAILED: it does not take the password in {file}", said)
        self.assertNotIn("canary", said)

    async def test_one_that_asks_for_no_password_is_told_what_to_do(self) -> None:
        said = await self.profile(1, Manager(open_=True))
        self.assertIn("switch off 'localhost is admin' there, or give", said)
        file = self.directory / "admin"
        file.write_text("secret")
        said = await self.profile(0, Manager(open_=True), admin_password_file=str(file))
        self.assertIn(f"so the one in {file} decides", said)

    async def test_another_device_is_not_taken_for_one(self) -> None:
        for profile in ("cfos", "tq"):
            said = await self.profile(1, notFound(), profile=profile)
            self.assertIn("FAILED: the device answers 404 to /", said)

    async def test_a_meter_is_known_by_what_it_refuses(self) -> None:
        said = await self.profile(0, Manager(), profile="tq")
        self.assertEqual(said, "ok, it asks for its password")

    async def all_left(self) -> None:
        while not all(server.lost for server in self.servers):
            await deferLater(reactor, 0.01)


class Door(Resource):
    """Lets in who has the key."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        if request.getHeader("x-site-key") != "s3cret-canary":
            request.setResponseCode(401)
        return b""


class Manager(Resource):
    """A charging manager, as far as it is checked; :param open_: asks for nothing."""

    isLeaf = True

    def __init__(self, *, open_: bool = False) -> None:
        super().__init__()
        self._open = open_

    def render_GET(self, request: Request) -> bytes:
        if b"cmd=get_dev_info" in request.uri:
            params: dict[str, object] = {"title": "Garage", "version": "1.22"}
            params["vsn"] = {"serialno": "W00-008J"}
            return json.dumps({"params": params, "devices": [1, 2]}).encode()
        if not self._open and request.getPassword() != b"canary":
            request.setResponseCode(401)
        return b""


class Talkative(Protocol):
    """Says something in plain text to whoever comes."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"220 mail.example ESMTP\r\n")
        self.transport.loseConnection()
