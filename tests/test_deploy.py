"""What ``deploy/`` has fits what the programs are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.options import Options as DeviceOptions
from cfos_cloud.server.options import Options as ServerOptions
from tests.tree import ROOT

DEPLOY = ROOT / "deploy"
SYSTEMD = DEPLOY / "systemd"
UNITS = ("cfos-cloud.service", "cfos-device.service")
#: Exposure by systemd-analyze's own measure, in tenths.
MOST_EXPOSURE = 20


def settings(unit: str) -> dict[str, list[str]]:
    """The values of a unit, by name."""
    found: dict[str, list[str]] = {}
    for line in (SYSTEMD / unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


class UnitTests(SynchronousTestCase):
    def systemd_analyze(self, *words: str) -> subprocess.CompletedProcess[str]:
        tool = shutil.which("systemd-analyze")
        if tool is None:
            raise SkipTest("systemd-analyze is not installed")
        return subprocess.run(
            [tool, *words], capture_output=True, text=True, timeout=60, cwd=SYSTEMD
        )

    def test_they_are_exposed_little(self) -> None:
        for unit in UNITS:
            done = self.systemd_analyze(
                "security",
                "--offline=true",
                f"--threshold={MOST_EXPOSURE}",
                f"./{unit}",
            )
            if "--offline" in done.stderr:
                raise SkipTest("this systemd-analyze is too old")
            last = done.stdout.strip().splitlines()[-1]
            self.assertEqual(done.returncode, 0, last)
            self.assertIn("Overall exposure level", last)

    def test_systemd_understands_all_of_them(self) -> None:
        for path in sorted(SYSTEMD.glob("*.s[eo]*[et]")):
            done = self.systemd_analyze("verify", f"./{path.name}")
            complaints = [
                line
                for line in done.stderr.splitlines()
                if path.name in line and "is not executable" not in line
            ]
            self.assertEqual(complaints, [], path.name)

    def test_they_wait_for_ready_and_watch(self) -> None:
        for unit in UNITS:
            found = settings(unit)
            self.assertEqual(found["Type"], ["notify"])
            self.assertGreaterEqual(int(found["WatchdogSec"][0]), 30)
            # A wrong command line stays wrong.
            self.assertEqual(found["RestartPreventExitStatus"], ["2"])

    def test_openssl_gets_the_memory_that_it_needs(self) -> None:
        for unit in UNITS:
            self.assertNotIn("MemoryDenyWriteExecute", settings(unit))

    def test_both_are_hardened_alike(self) -> None:
        server, device = map(settings, UNITS)
        own = {"SocketBindDeny", "LoadCredential", "LimitNOFILE", "Environment"}
        names = {*server, *device} - own
        different = {name for name in names if server.get(name) != device.get(name)}
        self.assertEqual(
            different,
            {
                *("Description", "EnvironmentFile", "ExecStart", "User"),
                *("StateDirectory", "Restart", "TimeoutStopSec"),
            },
        )

    def test_their_users_are_made(self) -> None:
        made = (SYSTEMD / "cfos-cloud.sysusers").read_text()
        for unit in UNITS:
            (user,) = settings(unit)["User"]
            self.assertRegex(made, rf"(?m)^u {user} ")

    def test_their_command_lines_are_taken(self) -> None:
        (server,) = settings(UNITS[0])["Environment"]
        words = server.strip('"').removeprefix("OPTIONS=").split()
        ServerOptions().parseOptions(words)
        for unit, command in zip(UNITS, ("cfos-cloud", "cfos-device"), strict=True):
            (line,) = settings(unit)["ExecStart"]
            self.assertTrue(
                line.endswith(f"/twistd -n --pidfile= {command} $OPTIONS"), line
            )

    def test_credentials_have_the_names_that_are_looked_for(self) -> None:
        looked_for = {"cloud-password", "admin-password", "users"}
        text = "".join((SYSTEMD / unit).read_text() for unit in UNITS)
        names = set(re.findall(r"(?m)^#?LoadCredential=([^:]+):", text))
        self.assertEqual(names - looked_for, set())
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "cloud-password").write_text("secret")
        self.patch_environment("CREDENTIALS_DIRECTORY", str(directory))
        options = DeviceOptions()
        options.parseOptions(
            ["--server=https://h", "--cloud-id=A", "--target=http://h"]
        )
        self.assertEqual(options["password-file"], str(directory / "cloud-password"))

    def patch_environment(self, name: str, value: str) -> None:
        self.patch(os, "environ", {**os.environ, name: value})

    def test_the_socket_s_endpoint_is_one(self) -> None:
        text = (SYSTEMD / "cfos-cloud.socket").read_text()
        (endpoint,) = re.findall(r"OPTIONS=--port (\S+)", text)
        try:
            ServerOptions().parseOptions(["--port", endpoint])
        except usage.UsageError as error:
            self.fail(str(error))


class ImageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")

    def copied(self) -> set[str]:
        found: set[str] = set()
        for words in re.findall(r"(?m)^COPY (?!--from)(.*)$", self.lines):
            found.update(words.split()[:-1])
        return found

    def test_what_it_copies_exists_and_is_not_ignored(self) -> None:
        taken = {
            line[1:]
            for line in (ROOT / ".dockerignore").read_text().splitlines()
            if line.startswith("!")
        }
        for name in self.copied():
            self.assertTrue((ROOT / name).exists(), name)
        self.assertEqual(self.copied(), taken)

    def test_it_has_all_that_a_wheel_is_made_of(self) -> None:
        needed = {"setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"}
        self.assertEqual(
            {*needed, "cfos_cloud", "twisted", "ui"} - self.copied(), set()
        )

    def test_nothing_in_it_runs_as_root(self) -> None:
        last = self.lines.rpartition("\nFROM ")[2]
        self.assertIn("\nUSER cfos-cloud\n", last)
        after = last.partition("\nUSER cfos-cloud\n")[2]
        self.assertNotRegex(after, r"(?m)^(USER|RUN)\b")

    def test_its_command_is_one_of_the_server_s(self) -> None:
        (command,) = re.findall(r"(?m)^CMD \[(.*)\]$", self.lines)
        words = [word.strip(' "') for word in command.split(",")]
        self.assertEqual(words[0], "cfos-cloud")
        ServerOptions().parseOptions(words[1:])

    def test_the_health_check_says_what_is_wrong_and_ends(self) -> None:
        done = subprocess.run(
            [sys.executable, DEPLOY / "healthcheck.py", "https://127.0.0.1:1/"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1)
