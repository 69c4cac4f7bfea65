"""The daemons under a service manager: readiness, sockets, secrets, logs."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from cfos_cloud.twistd_command import child_environment, twistd_command
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import OPERATOR_PASSWORD, run_tool, write_secret
from tests.end_to_end.processes import PATIENCE, Process, wait_until

#: Becomes its arguments, with the socket of the first one as systemd hands it over.
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """Reads what a service tells with ``sd_notify``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)
        self.said: list[str] = []

    def wait_for(self, state: str) -> None:
        """Wait until the service says this."""
        deadline = time.monotonic() + PATIENCE
        while state not in self.said:
            if time.monotonic() > deadline:
                raise AssertionError(f"{state} was not said, but {self.said}")
            self.said += self._socket.recv(4096).decode().splitlines()

    def close(self) -> None:
        self._socket.close()


class ServiceManagerCase(EndToEndTestCase):
    def manager(self) -> Manager:
        # The path of a UNIX socket is short.
        path = Path(f"/tmp/cfos-{os.getpid()}.notify")  # noqa: S108 - short
        path.unlink(missing_ok=True)
        manager = Manager(path)
        self.addCleanup(path.unlink, missing_ok=True)
        self.addCleanup(manager.close)
        return manager

    def start(self, name: str, command: list[str], **environment: str) -> Process:
        settings = [f"{each}={value}" for each, value in environment.items()]
        process = Process(name, ["env", *settings, *command], self.directory)
        self.addCleanup(process.kill)
        return process

    def server_command(self, *options: str) -> list[str]:
        return twistd_command(
            *("-n", "--pidfile=", "cfos-cloud"),
            *(f"--data-dir={self.directory / 'data'}", *options),
        )

    def port_of(self, process: Process) -> int:
        process.wait_for_log("serving 0 systems at ")
        (number,) = re.findall(
            r"(?m)serving 0 systems at .*? port (\d+)\b", process.log
        )
        return int(number)


class ReadinessTests(ServiceManagerCase):
    def test_the_server_is_ready_when_it_serves_and_says_when_it_stops(self) -> None:
        manager = self.manager()
        process = self.start(
            "server",
            self.server_command("--port=0", "--interface=127.0.0.1"),
            NOTIFY_SOCKET=str(manager.path),
            WATCHDOG_USEC="200000",
        )
        manager.wait_for("READY=1")
        client = Client(self.port_of(process))
        self.assertEqual(client.request("GET", "/cloud/health").status, 200)
        manager.said.clear()
        for _ in range(3):
            manager.wait_for("WATCHDOG=1")
            manager.said.clear()
        process.signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        process.wait()

    def test_a_server_that_can_t_start_never_says_that_it_has(self) -> None:
        manager = self.manager()
        process = self.start(
            "server",
            self.server_command(f"--admin-password-file={self.directory / 'none'}"),
            NOTIFY_SOCKET=str(manager.path),
        )
        self.assertEqual(process.wait(), 1)
        manager._socket.settimeout(0)
        with self.assertRaises(BlockingIOError):
            manager.wait_for("READY=1")

    def test_the_device_end_is_ready_after_its_first_attempt(self) -> None:
        manager = self.manager()
        credentials = self.directory / "credentials"
        credentials.mkdir()
        # By the name that the unit gives it, and by no option.
        write_secret(credentials / "cloud-password", "p" * 12)
        process = self.start(
            "device",
            twistd_command(
                *("-n", "--pidfile=", "cfos-device", "--server=https://127.0.0.1:1"),
                *("--cloud-id=A", "--target=http://127.0.0.1:1"),
                f"--state-dir={self.directory / 'state'}",
            ),
            NOTIFY_SOCKET=str(manager.path),
            CREDENTIALS_DIRECTORY=str(credentials),
            WATCHDOG_USEC="200000",
        )
        manager.wait_for("READY=1")
        manager.said.clear()
        manager.wait_for("WATCHDOG=1")
        process.signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        process.wait()


class SocketActivationTests(ServiceManagerCase):
    def activate(
        self, listening: socket.socket, endpoint: str
    ) -> subprocess.Popen[bytes]:
        log = (self.directory / "server.log").open("ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _ACTIVATE, str(listening.fileno())),
                *self.server_command(f"--port={endpoint}"),
            ],
            env=child_environment(),
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        return process

    def listen(self, family: socket.AddressFamily, address: str) -> socket.socket:
        listening = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind((address, 0))
        listening.listen(100)
        return listening

    def test_a_socket_outlives_the_server_and_keeps_who_comes_meanwhile(self) -> None:
        listening = self.listen(socket.AF_INET, "127.0.0.1")
        port = listening.getsockname()[1]
        # Nobody is there yet: the connection waits.
        early = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.addCleanup(early.close)
        first = self.activate(listening, "systemd:INET:0")
        self.assertIn(b"308 ", self.plain_answer(early))
        client = Client(port)
        self.assertEqual(client.request("GET", "/cloud/health").status, 200)

        first.send_signal(signal.SIGTERM)
        first.wait(PATIENCE)
        early = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.addCleanup(early.close)
        self.activate(listening, "systemd:domain=INET:name=web")
        self.assertIn(b"308 ", self.plain_answer(early))
        self.assertEqual(client.request("GET", "/cloud/health").status, 200)

    def plain_answer(self, connection: socket.socket) -> bytes:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return connection.recv(4096)

    def test_one_socket_for_both_families_tells_ipv4_clients_apart(self) -> None:
        # Clients come to it as they do to "::".
        listening = self.listen(socket.AF_INET6, "::ffff:127.0.0.1")
        port = listening.getsockname()[1]
        self.activate(listening, "systemd:domain=INET6:index=0")
        wait_until(lambda: self.is_healthy(port), "the server answers")
        client = Client(port, source="127.0.0.9")
        wrong = [("Authorization", "Basic YWRtaW46d3Jvbmc=")]
        answer = client.request("GET", "/cloud/api/v1/systems", fields=wrong)
        self.assertEqual(answer.status, 401)
        self.assertIn("from 127.0.0.9 ", (self.directory / "server.log").read_text())

    def is_healthy(self, port: int) -> bool:
        try:
            return Client(port).request("GET", "/cloud/health").status == 200
        except (OSError, http.client.HTTPException):
            return False


class SecretTests(ServiceManagerCase):
    def test_the_admin_password_may_be_a_credential_and_is_the_authority(self) -> None:
        credentials = self.directory / "credentials"
        credentials.mkdir()
        write_secret(credentials / "admin-password", OPERATOR_PASSWORD)
        process = self.start(
            "server",
            self.server_command("--port=0", "--interface=127.0.0.1"),
            CREDENTIALS_DIRECTORY=str(credentials),
        )
        url = f"https://127.0.0.1:{self.port_of(process)}"
        password = write_secret(self.directory / "password", OPERATOR_PASSWORD)
        new = write_secret(self.directory / "new", "another password")
        common = ("--server", url, "--admin-password-file", str(password))
        self.assertEqual(
            run_tool(self.directory, "system", "list", *common).returncode, 0
        )
        done = run_tool(
            self.directory, "password", "--new-password-file", str(new), *common
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("--admin-password-file", done.stderr)
        self.assertFalse((self.directory / "data" / "initial-admin-password").exists())


class LogTests(ServiceManagerCase):
    def test_every_line_is_an_object_if_one_wants_it(self) -> None:
        process = self.start(
            "server",
            self.server_command(
                "--port=0", "--interface=127.0.0.1", "--log-format=json", "--loglevel=4"
            ),
        )
        port = self.port_of(process)
        self.assertEqual(Client(port).request("GET", "/cloud/health").status, 200)
        process.signal(signal.SIGTERM)
        process.wait()
        records = [json.loads(line) for line in process.log.splitlines()]
        self.assertGreater(len(records), 3)
        for record in records:
            self.assertLessEqual({"time", "level", "namespace", "message"}, set(record))
        (serving,) = [r for r in records if r["message"].startswith("serving ")]
        self.assertIn(f"port {port}", serving["fields"]["addresses"])
