"""How the server starts: what is its own, and what it says of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cfos_cloud.twistd_command import child_environment, twistd_command
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.processes import PATIENCE, Process


class DataDirectoryTests(EndToEndTestCase):
    def files(self, directory: Path) -> dict[Path, bytes]:
        """What is in a directory, but for the database at work."""
        return {
            path: path.read_bytes()
            for path in directory.rglob("*")
            if path.is_file() and "sqlite3" not in path.name
        }

    def test_a_second_server_changes_nothing_of_the_first_ones(self) -> None:
        server = self.make_server("--domain=first.example")
        before = self.files(server.data_dir)
        self.assertIn(server.data_dir / "tls" / "certificate.pem", before)
        done = subprocess.run(
            twistd_command(
                *("-n", "--pidfile=", "cfos-cloud", "--port=0"),
                *("--interface=127.0.0.1", f"--data-dir={server.data_dir}"),
                "--domain=second.example",
            ),
            cwd=self.directory,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("another server uses it", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(self.files(server.data_dir), before)
        self.assertEqual(server.client().get("/cloud/health").status, 200)

    def test_a_damaged_certificate_is_said_in_one_line(self) -> None:
        data = self.directory / "data"
        (data / "tls").mkdir(parents=True, mode=0o700)
        (data / "tls" / "certificate.pem").write_text("nonsense")
        (data / "tls" / "certificate.pem").chmod(0o600)
        done = subprocess.run(
            twistd_command(
                *("-n", "--pidfile=", "cfos-cloud", "--port=0"),
                *("--interface=127.0.0.1", f"--data-dir={data}"),
            ),
            cwd=self.directory,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(data / "tls"), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_paths_in_the_log_are_whole_wherever_it_was_started(self) -> None:
        process = Process(
            "relative",
            twistd_command(
                *("-n", "--pidfile=", "cfos-cloud", "--port=0"),
                *("--interface=127.0.0.1", "--data-dir=data"),
            ),
            self.directory,
        )
        self.addCleanup(process.kill)
        process.wait_for_log("serving ")
        found = re.search(r"admin password.* (\S+/initial-admin-password)", process.log)
        assert found is not None, process.log
        self.assertEqual(
            Path(found[1]), self.directory / "data" / "initial-admin-password"
        )
        self.assertRegex(process.log, r"serving 0 systems at 127\.0\.0\.1 port \d+\n")
