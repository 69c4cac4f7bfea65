"""TLS goes through a real server unopened, and ends at the site."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import ADMIN_SECRET, DeviceEnd, Server
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Target
from tests.end_to_end.tls_site import Listener, SiteCertificate, TLSDevice
from tests.listener.test_client_hello import hello, records, server_name

reactor: Any = _reactor

MIB = 2**20
SIZE = 64 * MIB
HOST, ECHO, ENDLESS = (
    "site-7.localhost",
    "echo--site-7.localhost",
    "x--site-7.localhost",
)
PATIENCE = 60.0


def serve_tls(context: ssl.SSLContext, connection: socket.socket) -> None:
    """Takes a body, says what it was, and gives as much."""
    with context.wrap_socket(connection, server_side=True) as tls:
        tls.settimeout(PATIENCE)
        file = tls.makefile("rwb")
        line = file.readline()
        if not line:
            return
        size = int(line)
        hashed, left = hashlib.sha256(), size
        while left:
            data = file.read(min(left, MIB))
            if not data:
                return
            hashed.update(data)
            left -= len(data)
        file.write(hashed.hexdigest().encode() + b"\n")
        for block in blocks(size):
            file.write(block)
        file.flush()


def echo(connection: socket.socket) -> None:
    connection.settimeout(PATIENCE)
    while data := connection.recv(MIB):
        connection.sendall(data)


def talk_endlessly(connection: socket.socket) -> None:
    connection.settimeout(PATIENCE)
    while True:
        connection.sendall(bytes(MIB))


class PassthroughTests(TestCase):
    timeout = 240

    async def setUp(self) -> None:  # type: ignore[override]
        self.directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-passthrough-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.server = Server(self.directory, "--domain=localhost")
        self.addCleanup(self.server.close)
        password = self.server.add_system("Site-7")
        self.certificate = SiteCertificate(self.directory, HOST)
        context = self.certificate.server()
        self.device = TLSDevice(self.server, "Site-7", password, reactor)
        for host, serve in (
            (HOST, lambda connection: serve_tls(context, connection)),
            (ECHO, echo),
            (ENDLESS, talk_endlessly),
        ):
            listener = Listener(serve)
            self.addCleanup(listener.close)
            self.device.ports[host] = listener.port
        self.addCleanup(self.device.stop)
        await self.device.start()
        await self.in_thread(
            lambda: wait_until(lambda: self.system()["online"], "online")
        )

    def in_thread(self, function: Any, *args: Any) -> Deferred[Any]:
        return deferToThread(function, *args)

    def system(self) -> Any:
        return self.server.ask("GET", "/systems/site-7")

    def connect(self, host: str = HOST) -> ssl.SSLSocket:
        """As somebody who takes only the site's certificate."""
        plain = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE)
        try:
            return self.certificate.client().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def raw(self, host: str) -> socket.socket:
        """What follows the ClientHello is nobody's business."""
        plain = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE)
        plain.sendall(records(hello(server_name(host.encode()))))
        return plain

    def served(self, host: str | None) -> bytes | None:
        """The certificate that somebody gets who asks for ``host``."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = ("127.0.0.1", self.server.port)
        with (
            socket.create_connection(address, PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            return tls.getpeercert(binary_form=True)

    def alert(self) -> str:
        """Why there is no connection."""
        with self.assertRaises(ssl.SSLError) as caught:
            self.connect()
        return str(caught.exception.reason)

    async def test_the_site_s_own_certificate_is_for_its_hosts_alone(self) -> None:
        def look() -> None:
            self.assertEqual(self.served(HOST), self.certificate.der)
            for other in ("localhost", "site-8.localhost", None):
                self.assertNotEqual(self.served(other), self.certificate.der)

        await self.in_thread(look)
        self.assertEqual(
            self.device.first_lines,
            [{"kind": "tls", "sni": HOST, "client": "127.0.0.1"}],
        )

    async def test_64_mebibytes_each_way_arrive_bit_for_bit(self) -> None:
        wanted = digest(blocks(SIZE))

        def exchange() -> None:
            with self.connect() as tls:
                tls.settimeout(PATIENCE)
                tls.sendall(b"%d\n" % SIZE)
                for block in blocks(SIZE):
                    tls.sendall(block)
                file = tls.makefile("rb")
                self.assertEqual(file.readline().strip().decode(), wanted)
                received = digest(iter(lambda: file.read(MIB), b""))
                self.assertEqual(received, wanted)

        await self.in_thread(exchange)

    async def test_both_directions_at_once_and_one_ended_before_the_other(self) -> None:
        first = records(hello(server_name(ECHO.encode())))
        wanted = hashlib.sha256(first)
        for block in blocks(SIZE):
            wanted.update(block)

        def exchange() -> None:
            with self.raw(ECHO) as plain:
                plain.settimeout(PATIENCE)

                def send() -> None:
                    for block in blocks(SIZE):
                        plain.sendall(block)
                    plain.shutdown(socket.SHUT_WR)

                sender = threading.Thread(target=send)
                sender.start()
                received = digest(iter(lambda: plain.recv(MIB), b""))
                sender.join()
                self.assertEqual(received, wanted.hexdigest())

        await self.in_thread(exchange)

    async def test_clients_that_do_not_read_cost_little_memory(self) -> None:
        def hold() -> None:
            before = self.server.process.memory("VmRSS")
            clients = [self.raw(ENDLESS) for _ in range(50)]
            for client in clients:
                self.assertEqual(client.recv(1), b"\0")
            taken = self.system()["bytes_in"]

            def has_stopped() -> bool:
                nonlocal taken
                before, taken = taken, self.system()["bytes_in"]
                return bool(before == taken)

            wait_until(has_stopped, "nothing more comes from the device")
            self.assertLess(self.server.process.memory("VmRSS") - before, 100 * MIB)
            for client in clients:
                client.close()
            # And the tunnel serves others.
            self.assertEqual(self.served(HOST), self.certificate.der)

        await self.in_thread(hold)

    async def test_nobody_else_ever_answers_for_it(self) -> None:
        self.device.ports.clear()
        self.assertEqual(await self.in_thread(self.alert), "TLSV1_ALERT_INTERNAL_ERROR")
        await self.device.stop()

        def look() -> None:
            wait_until(lambda: not self.system()["online"], "offline")
            self.assertEqual(self.alert(), "TLSV1_UNRECOGNIZED_NAME")
            self.server.process.stop()
            self.server.restart()
            self.assertTrue(self.system()["end_to_end"])
            self.assertEqual(self.alert(), "TLSV1_UNRECOGNIZED_NAME")

        await self.in_thread(look)

    async def test_the_operator_sees_it_and_the_log_in_does_not(self) -> None:
        def look() -> None:
            self.assertTrue(self.system()["end_to_end"])
            kinds = [
                each["kind"] for each in self.server.ask("GET", "/events")["items"]
            ]
            self.assertIn("end_to_end_on", kinds)
            listed = self.server.tool("system", "list")
            (system,) = json.loads(listed.stdout)["items"]
            self.assertTrue(system["end_to_end"])
            browser: Client = self.server.client()
            self.assertEqual(
                browser.log_in("Site-7", ADMIN_SECRET, as_admin=True).status, 401
            )
            unknown = self.server.client()
            self.assertEqual(
                unknown.log_in("Site-8", ADMIN_SECRET, as_admin=True).status, 401
            )

        await self.in_thread(look)

    async def test_sessions_end_with_the_mode_that_let_them(self) -> None:
        password = self.server.add_system("Site-9")
        target = Target()
        self.addCleanup(target.close)
        private = TLSDevice(self.server, "Site-9", password, reactor)

        def log_in() -> None:
            relayed = DeviceEnd(
                self.server, "Site-9", password, target.url, self.directory
            )
            self.addCleanup(relayed.close)
            relayed.client()

        def look() -> None:
            wait_until(lambda: self.server.is_online("Site-9"), "online")
            events = self.server.ask("GET", "/events?cloud_id=Site-9")["items"]
            told = [(each["kind"], each["detail"]) for each in events]
            self.assertIn(("logged_in", ""), told)
            self.assertIn(("logged_out", "system gone"), told)

        await self.in_thread(log_in)
        self.addCleanup(private.stop)
        await private.start()
        await self.in_thread(look)
