"""``twistd cfos-device`` as a process: bad input is one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.twistd_command import child_environment, twistd_command


class CommandLineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.password = self.directory / "password"
        self.password.write_text("correct horse battery\n")

    def run_with(self, **changed: str | None) -> tuple[int, str]:
        """The exit status and the one line on stderr."""
        values: dict[str, str | None] = {
            "server": "https://127.0.0.1:4443",
            "cloud-id": "W00-008J",
            "password-file": str(self.password),
            "target": "http://127.0.0.1:80",
            "state-dir": str(self.directory / "state"),
        }
        values |= {name.replace("_", "-"): value for name, value in changed.items()}
        words = [
            word
            for name, value in values.items()
            if value is not None
            for word in (f"--{name}", value)
            if word
        ]
        done = subprocess.run(
            twistd_command("-n", "--pidfile=", "cfos-device", *words),
            env=child_environment(),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.returncode, done.stderr.removeprefix("twistd cfos-device: ")

    def test_what_is_asked_for_wrongly_is_status_2(self) -> None:
        cases: tuple[tuple[dict[str, str | None], str], ...] = (
            ({"server": None}, "--server is missing"),
            ({"server": "cloud"}, "--server: 'cloud' is not an address"),
            ({"cloud_id": "a--b"}, "--cloud-id: a Cloud ID is"),
            ({"profile": "x"}, "--profile is generic, cfos, tq"),
            ({"verify": "none"}, "--verify is auto or ca"),
            ({"verify": "ca", "server": "http://h"}, "--verify: ca needs"),
            ({"max_connections": "0"}, "--max-connections: a number from 1 to 256"),
            ({"max_connections": "x"}, "--max-connections: a number from 1 to 256"),
            ({"max_connections": "9" * 5000}, "--max-connections: a number from 1"),
            ({"target": "https://h"}, "--target: https targets are not supported yet"),
            ({"also": "meter"}, "--also: 'meter' is not NAME=URL"),
            ({"also": "m=https://h"}, "--also: m: https addresses are not supported"),
            ({"loglevel": "5"}, "--loglevel is 1 to 4"),
            ({"transport": "udp"}, "--transport is auto, upgrade or websocket, not"),
            ({"proxy": "socks5://h:1"}, "--proxy: 'socks5' proxies are not supported"),
            ({"proxy": "http://me:pw@h:x"}, "--proxy: it is not like http://USER@HOST"),
            (
                {"proxy": "http://h:1", "proxy_password_file": "/x"},
                "--proxy: a proxy's password needs a user",
            ),
            ({"tls_key": "f"}, "--tls-key goes with --end-to-end"),
            ({"end_to_end": "", "tls_key": "f"}, "--tls-key go together"),
        )
        for changed, words in cases:
            status, line = self.run_with(**changed)
            self.assertEqual((status, words in line), (2, True), line)

    def test_files_that_can_not_be_used_are_status_1(self) -> None:
        empty = self.directory / "empty"
        empty.write_text("\n")
        for changed, words in (
            ({"password_file": "/nowhere"}, "can't read /nowhere"),
            ({"password_file": str(empty)}, "the password is empty"),
            ({"state_dir": str(empty)}, str(empty)),
            ({"state_dir": "/proc/none"}, "/proc/none"),
            ({"users_file": str(self.directory)}, str(self.directory)),
            ({"target_header_file": "/nowhere"}, "can't read /nowhere"),
            (
                {"proxy": "http://me@h:1", "proxy_password_file": "/nowhere"},
                "can't read /nowhere",
            ),
            ({"target_header_file": str(empty)}, f"{empty}: it must have 1 to 8"),
            (
                {"end_to_end": "", "tls_certificate": "/nowhere", "tls_key": "/n"},
                "can't read /nowhere",
            ),
        ):
            status, line = self.run_with(**changed)
            self.assertEqual((status, words in line), (1, True), line)
