"""What is wrong with a command line is said in one line, and that's it."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cfos_cloud.twistd_command import child_environment, twistd_command
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import run_tool, tool_command, write_secret
from tests.end_to_end.processes import PATIENCE


class CommandLineTests(EndToEndTestCase):
    numbers = itertools.count()

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env={**child_environment(), "XDG_STATE_HOME": str(self.directory)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout, done.stderr

    def check(self, command: list[str], status: int, words: str) -> None:
        returned, output, errors = self.run_command(command)
        self.assertEqual(returned, status, (command, output, errors))
        for line in output.splitlines():
            # Of what went well before, where it got so far.
            self.assertRegex(line, r"\A\d{4}-\S+ (information|warning) ", command)
            self.assertEqual(status, 1, command)
        self.assertEqual(errors.count("\n"), 1, (command, errors))
        self.assertIn(words, errors, command)
        self.assertNotIn("Traceback", errors)

    def check_all(self, rows: Sequence[tuple[list[str], int, str]]) -> None:
        with self.threads(3) as threads:
            list(threads.map(lambda row: self.check(*row), rows))

    def server_command(self, *options: str) -> list[str]:
        if not any(option.startswith("--port=") for option in options):
            options = ("--port=0", "--interface=127.0.0.1", *options)
        # Each its own, since a data directory serves one server at a time.
        data = self.directory / f"data-{next(self.numbers)}"
        options = (f"--data-dir={data}", *options)
        return twistd_command("-n", "--pidfile=", "cfos-cloud", *options)

    def device_command(self, **changed: str | None) -> list[str]:
        good = {
            "server": "https://127.0.0.1:1",
            "cloud-id": "A-1",
            "password-file": str(write_secret(self.directory / "password", "p" * 12)),
            "target": "http://127.0.0.1:1",
            "state-dir": str(self.directory / "state"),
        }
        values = {**good, **{k.replace("_", "-"): v for k, v in changed.items()}}
        options = [f"--{k}={v}" for k, v in values.items() if v is not None]
        return twistd_command("-n", "--pidfile=", "cfos-device", *options)

    def test_a_busy_port_is_said_and_nothing_else_happens(self) -> None:
        port = self.server.port
        for options in (
            (f"--port={port}", "--interface=127.0.0.1"),
            (f"--port=tcp:{port}:interface=127.0.0.1",),
        ):
            self.check(self.server_command(*options), 1, f"port {port}")
        self.assertEqual(self.server.client().get("/cloud/health").status, 200)

    def test_the_servers_bad_options_are(self) -> None:
        missing = str(self.directory / "missing" / "file")
        rows = []
        for options, status, words in (
            (["--port=99999"], 2, "99999"),
            (["--no-such-option"], 2, "no-such-option"),
            (["stray"], 2, ""),
            ([f"--admin-password-file={missing}"], 1, missing),
            ([f"--data-dir={write_secret(self.directory / 'f', '')}"], 1, "f"),
            (["--database=nonsense://"], 1, "nonsense"),
        ):
            rows.append((self.server_command(*options), status, words))
        self.check_all(rows)

    def test_a_data_directory_serves_one_server(self) -> None:
        command = self.server_command(f"--data-dir={self.server.data_dir}")
        self.check(command, 1, str(self.server.data_dir))

    def test_the_device_ends_bad_options_are(self) -> None:
        missing = str(self.directory / "missing")
        empty = str(write_secret(self.directory / "empty", "\n"))
        rows = []
        for changed, status, words in (
            ({"server": None}, 2, "--server"),
            ({"server": "https://127.0.0.1:1/path"}, 2, "--server"),
            ({"cloud_id": "-A"}, 2, "--cloud-id"),
            ({"profile": "wallbox"}, 2, "--profile"),
            ({"password_file": missing}, 1, missing),
            ({"users_file": str(self.bad_users())}, 1, "line 1"),
            ({"state_dir": empty}, 1, empty),
        ):
            rows.append((self.device_command(**changed), status, words))
        self.check_all(rows)

    def bad_users(self) -> Path:
        return write_secret(self.directory / "users", "guest 1234567890\n")

    def test_the_tools_are(self) -> None:
        rows: tuple[tuple[tuple[str, ...], int, str], ...] = (
            ((), 2, "COMMAND"),
            (("nonsense",), 2, "nonsense"),
            (("system", "add", "bad id"), 2, "bad id"),
            (("system", "list", "--server", "nowhere"), 2, "nowhere"),
            (("device-check",), 2, "--server"),
            # No terminal, no file, no variable.
            (("system", "list", "--server", self.server.url), 2, "password"),
        )
        self.check_all([(tool_command(*a), status, words) for a, status, words in rows])

    def test_a_wrong_operator_password_is_said(self) -> None:
        wrong = write_secret(self.directory / "wrong", "not it at all")
        done = run_tool(
            self.directory,
            *("system", "list", "--server", self.server.url),
            *("--admin-password-file", str(wrong)),
        )
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        # The server's key is new to this tool, which it says before.
        self.assertIn("refuses the admin password", done.stderr.splitlines()[-1])

    def test_a_server_that_is_not_there_is_said(self) -> None:
        password = write_secret(self.directory / "password", "x" * 12)
        command = tool_command(
            *("system", "list", "--server", "https://127.0.0.1:1"),
            *("--admin-password-file", str(password)),
        )
        self.check(command, 1, "nobody listens there")
