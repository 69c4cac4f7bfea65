"""Access keys and ``twistd cfos-device`` as a process that may be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.twistd_command import child_environment, twistd_command
from tests.device.certificates import make_certificate, server_tls
from tests.device.forwarder_support import ServerStream
from tests.device.tunnel_server import CLOUD_ID, Behaviour, TunnelServer

PASSWORD = "correct horse battery"
CERTIFICATE = make_certificate("localhost")
TOKEN = b"header.claims.signature"
READ = b"GET /api/json/x HTTP/1.1\r\nHost: cloud.example.org\r\n\r\n"

reactor: Any = _reactor


class Meter(Resource):
    """Says who asks."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        names = ("cfos-user", "cfos-role", "x-site-key")
        return json.dumps([request.getHeader(name) for name in names]).encode()


class ProcessTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        for name, text in (
            ("password", PASSWORD),
            ("admin", "admin's"),
            ("header", "X-Site-Key: ours"),
        ):
            (self.directory / name).write_text(text + "\n")
            (self.directory / name).chmod(0o600)
        self.servers: list[TunnelServer] = []
        behaviour = Behaviour(PASSWORD, CERTIFICATE)

        def build() -> TunnelServer:
            self.servers.append(TunnelServer(behaviour, reactor))
            return self.servers[-1]

        factory = TLSMemoryBIOFactory(
            server_tls(CERTIFICATE), False, Factory.forProtocol(build), reactor
        )
        self.port = self.listen(factory)
        self.target = self.listen(Site(Meter()))

    def listen(self, factory: object) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def start(self) -> tuple[subprocess.Popen[bytes], TunnelServer]:
        """A device end, and its tunnel when it is up."""
        before = len(self.servers)
        words = {
            "server": f"https://localhost:{self.port}",
            "cloud-id": CLOUD_ID,
            "password-file": "password",
            "admin-password-file": "admin",
            "target-header-file": "header",
            "target": f"http://127.0.0.1:{self.target}",
            "state-dir": "state",
        }
        process = subprocess.Popen(
            twistd_command(
                *("-n", "--pidfile=", "cfos-device"),
                *(
                    word
                    for name, value in words.items()
                    for word in (f"--{name}", value)
                ),
            ),
            env=child_environment(),
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.kill, process)
        while len(self.servers) == before or not self.servers[-1].hellos:
            self.assertIsNone(process.poll(), "it has ended")
            await deferLater(reactor, 0.02)
        # A stream that is opened in the turn of the welcome would overtake it.
        for _ in range(2):
            await deferLater(reactor, 0)
        return process, self.servers[-1]

    async def kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        while process.poll() is None or not all(s.lost for s in self.servers):
            await deferLater(reactor, 0.01)

    async def authorize(self, server: TunnelServer) -> None:
        assert server.control is not None
        params: dict[str, object] = {
            "key": consent_of(grant_of(TOKEN)),
            "name": "evcc",
            "role": "api",
            "expires": "2999-01-01T00:00:00Z",
            "secret": "admin's",
        }
        answer = await server.control.request("authorize", params, 30)
        self.assertEqual(answer, {})

    async def ask(self, server: TunnelServer) -> ServerStream:
        """A request of the key, when there is an answer, or none any more."""
        assert server.multiplexed is not None
        stream = ServerStream()
        server.multiplexed.open_stream(stream)
        line = {
            "kind": "http",
            "grant": grant_of(TOKEN),
            "client": "203.0.113.7",
            "scheme": "https",
            "host": "cloud.example.org",
        }
        stream.stream.write(json.dumps(line).encode() + b"\n" + READ)
        while not stream.lost and b"]" not in stream.data:
            await deferLater(reactor, 0.01)
        return stream

    async def test_a_consent_that_was_answered_survives_kill_9(self) -> None:
        process, server = await self.start()
        self.assertIn("keys", str(server.hellos[0]["capabilities"]))
        await self.authorize(server)
        os.kill(process.pid, signal.SIGKILL)
        await self.kill(process)
        _, server = await self.start()
        stream = await self.ask(server)
        methods = [method for method, _ in server.notifications]
        self.assertEqual(set(methods) - {"status"}, set())
        answer = stream.one()
        self.assertEqual(json.loads(answer.body), ["evcc", "api", "ours"])

    async def test_one_by_another_password_does_not(self) -> None:
        process, server = await self.start()
        await self.authorize(server)
        await self.kill(process)
        (self.directory / "admin").write_text("another\n")
        _, server = await self.start()
        self.assertEqual((await self.ask(server)).data, b"")
        while not server.notifications:
            await deferLater(reactor, 0.01)
        self.assertIn(("revoke", {"grant": grant_of(TOKEN)}), server.notifications)

    async def test_a_password_changed_under_way_ends_what_is_under_way(self) -> None:
        _, server = await self.start()
        await self.authorize(server)
        stream = await self.ask(server)
        self.assertEqual(stream.lost, [])
        new = self.directory / "new"
        new.write_text("another\n")
        new.rename(self.directory / "admin")
        while not stream.lost or not server.notifications:
            await deferLater(reactor, 0.01)
        self.assertIn(("revoke", {"grant": grant_of(TOKEN)}), server.notifications)
        self.assertEqual((await self.ask(server)).data, b"")

    async def test_what_the_server_forgets_is_forgotten(self) -> None:
        process, server = await self.start()
        await self.authorize(server)
        assert server.control is not None
        server.control.notify("forget", {"keys": [consent_of(grant_of(TOKEN)), 7]})
        server.control.notify("forget", {"keys": "no list"})
        self.assertEqual((await self.ask(server)).data, b"")
        await self.kill(process)
        _, server = await self.start()
        self.assertEqual((await self.ask(server)).data, b"")
