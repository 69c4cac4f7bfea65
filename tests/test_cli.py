"""The commands as people type them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import __version__
from cfos_cloud.charging_manager import BadCommandLine, server_arguments

ROOT = Path(__file__).parent.parent


class CommandLineCase(SynchronousTestCase):
    def call(self, function: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = f"from cfos_cloud.cli import {function}; {function}()"
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=ROOT,
            env={**os.environ, "XDG_STATE_HOME": str(Path(self.mktemp()).resolve())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def assert_one_line(
        self, done: subprocess.CompletedProcess[str], status: int
    ) -> None:
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


class MainTests(CommandLineCase):
    def test_the_version_is_the_package_s(self) -> None:
        done = self.call("main", "--version")
        self.assertEqual(
            (done.returncode, done.stdout), (0, f"cfos-cloud {__version__}\n")
        )

    def test_help_lists_the_commands(self) -> None:
        done = self.call("main", "--help")
        for command in ("system", "device-user", "device-check", "demo"):
            self.assertIn(command, done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_bad_usage_is_one_line_and_2(self) -> None:
        for words in (
            [],
            ["unknown"],
            ["two\nlines"],
            ["system"],
            ["system", "explode"],
            ["system", "show"],
            ["system", "show", "a--b"],
            ["system", "list", "--port", "1"],
            ["device-user", "list"],
            ["demo", "--port", "none"],
        ):
            self.assert_one_line(self.call("main", *words), 2)

    def test_a_password_that_can_t_be_asked_for_is_one_line_and_2(self) -> None:
        self.assert_one_line(self.call("main", "system", "list"), 2)

    def test_a_server_that_is_not_there_is_one_line_and_1(self) -> None:
        file = Path(self.mktemp()).resolve()
        file.write_text("secret")
        words = ["--server", "https://127.0.0.1:1", "--admin-password-file", str(file)]
        done = self.call("main", "system", "list", *words)
        self.assert_one_line(done, 1)
        self.assertIn("can't reach https://127.0.0.1:1", done.stderr)


class ChargingManagerTests(CommandLineCase):
    def test_the_vendor_s_words_become_ours(self) -> None:
        for line, expected in (
            ("run 4443 -cloud_server", "--port 4443"),
            ("run 80 -cloud_server -allow_http", "--port 80 --allow-http"),
            ("run 80 -loglevel 4 -cloud_server", "--port 80 --loglevel 4"),
            ("run 80 -cloud_server loglevel 1", "--port 80 --loglevel 1"),
        ):
            self.assertEqual(server_arguments(line.split()), expected.split())

    def test_anything_else_is_refused(self) -> None:
        for line in (
            "",
            "run",
            "run 4443",
            "run port -cloud_server",
            "run 0 -cloud_server",
            "run 65536 -cloud_server",
            "run ² -cloud_server",
            "run 4443 cloud_server",
            "run 4443 -cloud_server --allow-http",
            "run 4443 -cloud_server -loglevel",
            "run 4443 -cloud_server -loglevel 5",
            "run 4443 -cloud_server -loglevel 0",
            "stop 4443",
        ):
            self.assertRaises(BadCommandLine, server_arguments, line.split())

    def test_bad_usage_is_one_line_and_2(self) -> None:
        for words in ([], ["fly"], ["run", "4443"]):
            self.assert_one_line(self.call("charging_manager_main", *words), 2)

    def test_it_becomes_twistd(self) -> None:
        program = (
            "import os; from cfos_cloud import cli;"
            "os.execve = lambda *what: print(*what[1]);"
            "cli.charging_manager_main(['run', '4443', '-cloud_server'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.stderr, "")
        self.assertTrue(
            done.stdout.endswith(" -n --pidfile= cfos-cloud --port 4443\n"), done.stdout
        )
