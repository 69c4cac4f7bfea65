"""Certificates that come into the running server, and what clients feel of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import signal
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cfos_cloud.device.pins import PinFile, pin_of
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.twistd_command import child_environment
from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import OPERATOR_PASSWORD, Server
from tests.end_to_end.processes import PATIENCE, Process, ReservedPort, wait_until
from tests.end_to_end.target import Request
from tests.listener.authority import Authority, Key, pem


@dataclass(frozen=True)
class Pair:
    """As an operator has it: a chain and its key, in PEM."""

    leaf: x509.Certificate
    certificate: bytes
    key: bytes

    @property
    def fingerprint(self) -> str:
        return self.leaf.fingerprint(SHA256()).hex(":").upper()

    @property
    def document(self) -> dict[str, str]:
        return {
            "certificate": self.certificate.decode(),
            "private_key": self.key.decode(),
        }

    def write(self, directory: Path) -> tuple[str, str]:
        """The names of its files, as ``cert.pem`` and ``key.pem``."""
        (directory / "cert.pem").write_bytes(self.certificate)
        (directory / "key.pem").write_bytes(self.key)
        return "cert.pem", "key.pem"


def make_pair(
    key: Key | None = None,
    *,
    end: timedelta = timedelta(days=80),
    name: str = "Test",
    host: str = "localhost",
) -> Pair:
    """A server's certificate by an authority of its own, valid now."""
    now = datetime.now(UTC)
    start = now - timedelta(days=365)
    root = Authority(f"{name} CA")
    key = key or new_key()
    leaf = root.issue(key, host, start=start, end=now + end)
    authority = root.issue(
        root.key, root.name, start=start, end=now + timedelta(days=999), is_ca=True
    )
    return Pair(leaf, pem(leaf) + pem(authority), pem(key))


def served(client: Client) -> str:
    """The fingerprint of what a client receives."""
    with client.connect() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        der = connection.getpeercert(binary_form=True)
        assert der is not None
        return hashlib.sha256(der).digest().hex(":").upper()


class SwapTests(EndToEndTestCase):
    swaps = 100

    def test_swaps_fail_no_handshake_and_break_no_download(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        size = 240_000 * self.swaps
        more: SimpleQueue[bool] = SimpleQueue()

        def slowly(request: Request) -> None:
            request.begin("200 OK", f"Content-Length: {size}")
            for block in blocks(size):
                request.send(block)
                # A piece a swap, and what is left after the last of them.
                more.get(timeout=PATIENCE)

        site.target.routes["/slowly"] = slowly
        wire = self.begin("/slowly", client=site.device.client())
        wire.read_head()

        stop = threading.Event()
        failures: list[BaseException] = []
        seen: set[str] = set()
        counts = [0, 0]

        def visit(number: int) -> None:
            while not stop.is_set():
                client = server.client(source=f"127.0.0.{number + 2}")
                try:
                    seen.add(served(client))
                    answer = client.request("GET", "/cloud/health")
                    assert answer.status == 200, answer
                    counts[number] += 1
                except BaseException as error:
                    failures.append(error)

        pairs = [make_pair(), make_pair(rsa.generate_private_key(65537, 2048))]
        known = {served(server.client()), *(pair.fingerprint for pair in pairs)}
        with self.threads(3) as threads:
            visits = [threads.submit(visit, number) for number in range(2)]
            hashed = threads.submit(lambda: digest([wire.read(size)]))
            try:
                for number in range(self.swaps):
                    pair = pairs[number % 2]
                    answer = server.ask("PUT", "/certificate", pair.document)
                    self.assertEqual(answer["fingerprint"], pair.fingerprint)
                    more.put(True)
                wait_until(lambda: min(counts) > 20, "clients have come and gone")
            finally:
                stop.set()
                for _ in range(2 * self.swaps):
                    more.put(True)
            for each in visits:
                each.result(PATIENCE)
            self.assertEqual(hashed.result(PATIENCE), digest(blocks(size)))
        self.assertEqual(failures, [])
        self.assertEqual(seen - known, set())
        self.assertGreaterEqual(len(seen), 2)
        # Nor did the tunnel notice.
        self.assertEqual(site.device.process.log.count("connected to "), 1)
        self.assertEqual(site.device.client().get("/").status, 200)
        self.assertEqual(server.process.log.count("certificate imported"), self.swaps)

    def test_a_device_end_with_a_generated_password_comes_back_by_itself(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        server.ask("PUT", "/certificate", make_pair().document)
        site.device.process.kill()
        site.device.restart()
        self.assertEqual(site.device.client().get("/").status, 200)
        site.device.process.wait_for_log("has changed: accepted, pinned")


class NamesTests(EndToEndTestCase):
    """Clients of these tests ask for ``localhost``."""

    def test_certificates_that_come_and_go_fail_no_handshake_of_another(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        own = make_pair()
        server.ask("PUT", "/certificate", own.document)
        stop = threading.Event()
        failures: list[BaseException] = []
        seen: set[str] = set()
        counts = [0, 0]

        def visit(number: int) -> None:
            while not stop.is_set():
                client = server.client(source=f"127.0.0.{number + 2}")
                try:
                    seen.add(served(client))
                    answer = client.request("GET", "/cloud/health")
                    assert answer.status == 200, answer
                    counts[number] += 1
                except BaseException as error:
                    failures.append(error)

        pairs = [make_pair(host=f"{number}.example") for number in range(5)]
        with self.threads(2) as threads:
            visits = [threads.submit(visit, number) for number in range(2)]
            try:
                for number in range(50):
                    pair = pairs[number % 5]
                    server.ask("PUT", "/certificate", pair.document)
                    shown = server.ask("GET", "/certificate")
                    self.assertEqual(shown["fingerprint"], pair.fingerprint)
                    if number % 2:
                        server.ask("DELETE", f"/certificates/{pair.fingerprint}")
                wait_until(lambda: min(counts) > 20, "clients have come and gone")
            finally:
                stop.set()
            for each in visits:
                each.result(PATIENCE)
        self.assertEqual(failures, [])
        self.assertEqual(seen, {own.fingerprint})
        self.assertEqual(site.device.process.log.count("connected to "), 1)
        self.assertEqual(site.device.client().get("/").status, 200)

    def test_a_device_end_binds_its_log_in_to_what_its_server_s_name_brings(
        self,
    ) -> None:
        server = self.make_server()
        by_name, default = make_pair(), make_pair(host="other.example")
        for pair in (by_name, default):
            server.ask("PUT", "/certificate", pair.document)
        password = server.add_system("W00-008J")
        target = self.make_target()
        # Who connects to an address asks for no name.
        for host, pair in (("localhost", by_name), ("127.0.0.1", default)):
            address = f"{host}:{server.port}"
            device = self.make_device(
                *(server, "W00-008J", password, target.url),
                f"--server=https://{address}",
                name=host,
            )
            pins = PinFile(device.state_dir)
            self.assertEqual(pins.get(address), pin_of(pair.leaf))
            self.assertEqual(device.client().get("/").status, 200)
            device.close()
        # And so it is for a server that starts again.
        server.process.kill()
        server.restart()
        self.assertEqual(served(server.client()), by_name.fingerprint)

    def test_the_tool_goes_on_with_the_key_that_it_is_shown(self) -> None:
        server = self.make_server()
        files = [self.directory / name for name in ("cert.pem", "key.pem")]
        for pair in (make_pair(), make_pair(host="other.example"), make_pair()):
            files[0].write_bytes(pair.certificate)
            files[1].write_bytes(pair.key)
            done = server.tool("cert", server.url, *map(str, files))
            self.assertEqual(done.returncode, 0, done.stderr)
            done = server.tool("certificates", "list")
            self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)["items"]
        self.assertEqual(
            [each["names"] for each in found], [["localhost"], ["other.example"]]
        )
        for each in found:
            words = ("certificates", "remove", each["fingerprint"], "--yes")
            done = server.tool(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = server.tool("cert")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse(json.loads(done.stdout)["imported"])


class RefusalTests(EndToEndTestCase):
    def test_each_bad_pair_is_refused_with_its_reason_and_the_old_one_served(
        self,
    ) -> None:
        server = self.make_server()
        good, other = make_pair(), make_pair(name="Other")
        server.ask("PUT", "/certificate", good.document)
        lines = good.certificate.splitlines(keepends=True)
        middle = good.certificate.index(b"-----END")
        key = new_key()
        encrypted = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
        certificate = good.certificate + other.certificate
        for bad, words in (
            (Pair(good.leaf, b"rubbish", good.key), "not PEM"),
            (Pair(good.leaf, b"".join(lines[:-2]), good.key), "damaged"),
            (Pair(good.leaf, good.certificate[:middle], good.key), "damaged"),
            (Pair(good.leaf, certificate, good.key), "out of order"),
            (Pair(good.leaf, good.certificate, other.key), "another certificate"),
            (Pair(good.leaf, good.certificate, b"rubbish"), "key.pem is not PEM"),
            (Pair(good.leaf, make_pair(key).certificate, encrypted), "is encrypted"),
            (Pair(good.leaf, good.key, good.certificate), "swapped"),
            (make_pair(end=timedelta(days=-1)), "expired"),
            (make_pair(short), "1024 bits"),
            (make_pair(ed25519.Ed25519PrivateKey.generate()), "neither RSA nor EC"),
        ):
            done = server.tool(
                "cert", server.url, *map(str, self.files(bad.certificate, bad.key))
            )
            # What is no PEM at all does not even leave the tool.
            self.assertIn((done.returncode, done.stdout), ((1, ""), (2, "")), words)
            (line,) = done.stderr.splitlines()[-1:]
            self.assertIn(words, line)
            self.assertTrue(line.startswith("cfos-cloud cert: "), line)
            self.assertEqual(served(server.client()), good.fingerprint, words)
        found = server.ask("GET", "/certificate")
        self.assertEqual(found["fingerprint"], good.fingerprint)
        # And so it is on the disk.
        server.process.kill()
        server.restart()
        self.assertEqual(served(server.client()), good.fingerprint)

    def files(self, certificate: bytes, key: bytes) -> tuple[Path, Path]:
        paths = self.directory / "cert.pem", self.directory / "key.pem"
        for path, data in zip(paths, (certificate, key), strict=True):
            path.write_bytes(data)
        return paths

    def test_a_key_does_not_go_over_plain_http(self) -> None:
        server = self.make_server("--allow-http")
        before = served(server.client())
        body = json.dumps(make_pair().document).encode()
        client = server.client(tls=False)
        credentials = b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
        answer = client.request(
            "PUT",
            "/cloud/api/v1/certificate",
            body,
            [("Authorization", f"Basic {credentials}")],
        )
        self.assertEqual(answer.status, 403)
        self.assertIn(b"over https:// only", answer.body)
        self.assertEqual(served(server.client()), before)


class KillTests(EndToEndTestCase):
    def test_a_server_killed_in_the_middle_of_imports_serves_a_whole_pair(
        self,
    ) -> None:
        server = self.make_server()
        pairs = [make_pair(), make_pair()]
        server.ask("PUT", "/certificate", pairs[0].document)
        moments = random.Random(7)  # noqa: S311 - not for secrets
        for _ in range(5):
            imported = self.imports_until_killed(server, pairs, moments.uniform(0, 0.1))
            server.restart()
            found = server.ask("GET", "/certificate")["fingerprint"]
            self.assertEqual(served(server.client()), found)
            # What was answered was on the disk; the next may be there, too.
            order = [pair.fingerprint for pair in pairs]
            following = order[(order.index(imported[-1]) + 1) % 2]
            self.assertIn(found, (imported[-1], following))

    def imports_until_killed(
        self, server: Server, pairs: list[Pair], seconds: float
    ) -> list[str]:
        """The fingerprints of what was imported, before ``server`` was killed."""
        killed = threading.Event()
        imported: list[str] = []

        def import_in_turn() -> None:
            with contextlib.suppress(Exception):
                while not killed.is_set():
                    for pair in pairs:
                        server.ask("PUT", "/certificate", pair.document)
                        imported.append(pair.fingerprint)

        with self.threads(1) as threads:
            importing = threads.submit(import_in_turn)
            wait_until(lambda: len(imported) > 1, "imports have begun")
            killed.wait(seconds)
            server.process.kill()
            killed.set()
            importing.result(PATIENCE)
        return imported


class CommandLineTests(EndToEndTestCase):
    """The vendor's own command lines, as they are typed."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **child_environment(),
            "HOME": str(self.directory),
            "XDG_DATA_HOME": str(self.directory / "share"),
            "XDG_STATE_HOME": str(self.directory / "state"),
        }

    def command(self, *words: str) -> list[str]:
        program = "from cfos_cloud.cli import charging_manager_main as m; m()"
        return [sys.executable, "-P", "-c", program, *words]

    def run_server(self, *words: str) -> Process:
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        command = ["env", *environment, *self.command(*words)]
        process = Process("charging_manager", command, self.directory)
        self.addCleanup(process.kill)
        process.wait_for_log(" at ")
        return process

    def test_run_serves_tls_and_plain_http_and_cloud_cert_imports(self) -> None:
        reserved = ReservedPort()
        self.addCleanup(reserved.close)
        port = reserved.number
        words = ("run", str(port), "-cloud_server", "-allow_http", "loglevel", "4")
        process = self.run_server(*words)
        for tls in (True, False):
            answer = Client(port, tls=tls).request("GET", "/cloud/health")
            self.assertEqual(answer.status, 200)
        data = self.directory / "share" / "cfos-cloud"
        password = (data / "initial-admin-password").read_text().strip()

        pair = make_pair()
        typed = ("cloud_cert", f"https://localhost:{port}", *pair.write(self.directory))
        done = self.run_command(typed, CFOS_CLOUD_ADMIN_PASSWORD=password)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("The certificate is in use.", done.stdout)
        self.assertEqual(served(Client(port)), pair.fingerprint)
        # The tool knows the server by its new key: no word about it.
        second = make_pair()
        second.write(self.directory)
        done = self.run_command(typed, CFOS_CLOUD_ADMIN_PASSWORD=password)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(served(Client(port)), second.fingerprint)

        done = self.run_command(typed)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        process.signal(signal.SIGTERM)
        process.wait()
        # Kept over restarts.
        self.run_server(*words)
        self.assertEqual(served(Client(port)), second.fingerprint)

    def run_command(
        self, words: tuple[str, ...], **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
