"""The commands as people type them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import __version__
from cfos_cloud.charging_manager import (
    BadCommandLine,
    certificate_arguments,
    server_arguments,
)
from cfos_cloud.cli import make_parser, modules_for

ROOT = Path(__file__).parent.parent


def commands_of(parser: argparse.ArgumentParser) -> list[str]:
    """The commands that a parser knows."""
    actions = [each for each in parser._actions if isinstance(each.choices, dict)]
    return [name for each in actions for name in each.choices or ()]


class CommandLineCase(SynchronousTestCase):
    def setUp(self) -> None:
        # Trial's mktemp is not for several threads at a time.
        self.state = Path(self.mktemp()).resolve()

    def call(self, function: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = f"from cfos_cloud.cli import {function}; {function}()"
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=ROOT,
            env={**os.environ, "XDG_STATE_HOME": str(self.state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def call_all(
        self, function: str, rows: Sequence[Sequence[str]]
    ) -> list[subprocess.CompletedProcess[str]]:
        """Each of these command lines, several at a time."""
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda words: self.call(function, *words), rows))

    def assert_one_line(
        self, done: subprocess.CompletedProcess[str], status: int
    ) -> None:
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


class ModuleTests(SynchronousTestCase):
    def test_every_command_is_looked_for_where_it_is(self) -> None:
        every = set(commands_of(make_parser()))
        self.assertTrue(every)
        found = {name: modules_for([name, "--json"]) for name in every}
        for name, modules in found.items():
            self.assertEqual(len(modules), 1, name)
            self.assertIn(name, commands_of(make_parser(modules)))

    def test_a_command_line_that_is_not_clear_is_shown_all_commands(self) -> None:
        every = commands_of(make_parser())
        for words in ([], ["--help"], ["nonsense"]):
            self.assertEqual(commands_of(make_parser(modules_for(words))), every)


class MainTests(CommandLineCase):
    def test_the_version_is_the_package_s(self) -> None:
        done = self.call("main", "--version")
        self.assertEqual(
            (done.returncode, done.stdout), (0, f"cfos-cloud {__version__}\n")
        )

    def test_help_lists_the_commands(self) -> None:
        done = self.call("main", "--help")
        for command in ("system", "device-user", "device-check", "demo", "demo-site"):
            self.assertIn(command, done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_bad_usage_is_one_line_and_2(self) -> None:
        rows: tuple[list[str], ...] = (
            [],
            ["unknown"],
            ["two\nlines"],
            ["system"],
            ["system", "explode"],
            ["system", "show"],
            ["system", "show", "a--b"],
            ["system", "list", "--port", "1"],
            ["system", "list", "--state", "asleep"],
            ["system", "rename", "a"],
            ["loglevel", "5"],
            ["cert", "https://localhost:1", "cert.pem"],
            ["cert", "https://localhost:1", "none.pem", "none.pem"],
            ["cert", "a", "b", "c", "d"],
            ["events", "--limit", "none"],
            ["device-user", "list"],
            ["demo", "--port", "none"],
        )
        for done in self.call_all("main", rows):
            self.assert_one_line(done, 2)

    def test_a_password_that_can_t_be_asked_for_is_one_line_and_2(self) -> None:
        self.assert_one_line(self.call("main", "system", "list"), 2)

    def test_a_server_that_is_not_there_is_one_line_and_1(self) -> None:
        file = Path(self.mktemp()).resolve()
        file.write_text("secret")
        words = ["--server", "https://127.0.0.1:1", "--admin-password-file", str(file)]
        done = self.call("main", "system", "list", *words)
        self.assert_one_line(done, 1)
        self.assertIn("can't reach https://127.0.0.1:1", done.stderr)

    def test_every_command_s_help_says_what_its_exit_status_means(self) -> None:
        commands = ("system rotate", "status", "cert", "password", "loglevel", "events")
        rows = [["--help"], *([*each.split(), "--help"] for each in commands)]
        for done in self.call_all("main", rows):
            self.assertEqual(done.returncode, 0)
            self.assertIn("exit status:\n  0    done\n", done.stdout)

    def test_an_error_names_the_whole_command(self) -> None:
        done = self.call("main", "system", "show", "a--b")
        self.assertTrue(done.stderr.startswith("cfos-cloud system show: 'a--b': "))


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

    def test_cloud_cert_becomes_cert(self) -> None:
        three = "https://localhost:4443 cert.pem key.pem"
        for line, expected in (
            (three, f"cert {three}"),
            (f"-json {three}", f"cert --json {three}"),
            (f"{three} -insecure", f"cert --insecure {three}"),
            (
                f"{three} -admin_password_file pw --cafile=ca.pem",
                f"cert --admin-password-file pw --cafile=ca.pem {three}",
            ),
        ):
            found = certificate_arguments(["cloud_cert", *line.split()])
            self.assertEqual(found, expected.split())

    def test_cloud_cert_takes_these_three_and_no_other(self) -> None:
        lines = ("", "https://localhost", "a b", "a b c d", "-cafile a b c")
        rows = [["cloud_cert", *line.split()] for line in lines]
        for words in rows:
            self.assertRaises(BadCommandLine, certificate_arguments, words)
        for done in self.call_all("charging_manager_main", rows):
            self.assert_one_line(done, 2)

    def test_cloud_cert_says_its_own_name(self) -> None:
        done = self.call(
            "charging_manager_main", "cloud_cert", "https://localhost:1", "none", "none"
        )
        self.assert_one_line(done, 2)
        self.assertTrue(
            done.stderr.startswith("charging_manager cloud_cert: can't read none: ")
        )

    def test_help_is_what_there_is(self) -> None:
        for word in ("help", "-h", "-help", "--help"):
            done = self.call("charging_manager_main", word)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("run PORT -cloud_server", done.stdout)
            self.assertIn("cloud_cert URL CERT KEY", done.stdout)

    def test_bad_usage_is_one_line_and_2(self) -> None:
        rows: tuple[list[str], ...] = (
            [],
            ["fly"],
            ["run", "4443"],
            ["run", "4443", "cloud_cert"],
        )
        for done in self.call_all("charging_manager_main", rows):
            self.assert_one_line(done, 2)

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
