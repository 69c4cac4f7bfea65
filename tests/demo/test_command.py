"""``cfos-cloud demo``: what it makes, and how it fails."""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path
from urllib.request import urlopen

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import cloud_password
from cfos_cloud.demo import command
from cfos_cloud.demo.processes import ChildEnded, Children
from cfos_cloud.demo.state import USER, DemoState
from cfos_cloud.device.users import Users
from cfos_cloud.secret_files import read_secret


class DemoStateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = DemoState(Path(self.mktemp()) / "demo")
        self.state.prepare()

    def test_everything_in_it_is_its_owners_only(self) -> None:
        self.assertEqual(self.state.directory.stat().st_mode & 0o777, 0o700)
        files = [path for path in self.state.directory.iterdir() if path.is_file()]
        self.assertEqual(len(files), 5)
        for path in files:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_its_secrets_work(self) -> None:
        password = read_secret(self.state.cloud_password)
        self.assertTrue(cloud_password.is_generated(password))
        user_id = read_secret(self.state.user_id)
        self.assertEqual(Users.load(self.state.users).match(user_id), USER)

    def test_the_next_start_finds_the_same(self) -> None:
        def content() -> dict[str, bytes]:
            paths = self.state.directory.iterdir()
            return {path.name: path.read_bytes() for path in paths if path.is_file()}

        before = content()
        self.state.prepare()
        self.assertEqual(content(), before)

    def test_a_lost_user_id_is_replaced(self) -> None:
        self.state.user_id.unlink()
        self.state.prepare()
        user_id = read_secret(self.state.user_id)
        self.assertEqual(Users.load(self.state.users).match(user_id), USER)


class ChildrenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.logs = Path(self.mktemp())
        self.logs.mkdir()
        self.children = Children(self.logs)
        self.addCleanup(self.children.stop)

    def test_one_that_ends_is_named_with_its_last_words(self) -> None:
        code = "import sys; print('on my way'); sys.exit('out of luck')"
        self.children.start("server", [sys.executable, "-c", code])
        error = self.assertRaises(ChildEnded, self.wait_for_an_end)
        self.assertEqual(
            str(error), "server has ended with status 1\n  on my way\n  out of luck"
        )

    def test_one_that_is_killed_is_named_with_the_signal(self) -> None:
        code = "import os; os.kill(os.getpid(), 9)"
        self.children.start("site", [sys.executable, "-c", code])
        error = self.assertRaises(ChildEnded, self.wait_for_an_end)
        self.assertEqual(str(error), "site has ended with signal 9")

    def test_one_that_says_nothing_is_an_error(self) -> None:
        error = self.assertRaises(
            ChildEnded,
            self.children.start_and_read,
            "site",
            [sys.executable, "-c", "raise SystemExit(3)"],
        )
        self.assertEqual(str(error), "site has ended with status 3")

    def test_stragglers_are_killed(self) -> None:
        self.patch(sys.modules[Children.__module__], "PATIENCE", 0.2)
        code = (
            "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "print(os.getpid(), flush=True); time.sleep(60)"
        )
        pid = self.children.start_and_read("site", [sys.executable, "-c", code])
        self.children.stop()
        self.assertRaises(ProcessLookupError, os.kill, int(pid), 0)

    def test_the_site_serves_and_ends_with_its_starter(self) -> None:
        port = self.children.start_and_read(
            "site", [sys.executable, "-P", "-m", "cfos_cloud.demo"]
        )
        with urlopen(f"http://127.0.0.1:{port}/") as page:
            self.assertIn(b"Demo site", page.read())
        process = self.children._processes["site"]
        assert process.stdin is not None
        process.stdin.close()
        self.assertEqual(process.wait(30), 0)

    def wait_for_an_end(self) -> None:
        for _ in range(600):
            self.children.check()
            time.sleep(0.05)


class CommandTests(SynchronousTestCase):
    def arguments(self, *words: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        command.add_parsers(parser.add_subparsers())
        return parser.parse_args(["demo", *words])

    def run_demo(self, *words: str) -> tuple[int, str]:
        errors = io.StringIO()
        with redirect_stderr(errors):
            status = command.run(self.arguments(*words))
        return status, errors.getvalue()

    def test_a_busy_port_is_one_line(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            status, errors = self.run_demo("--port", str(port))
        self.assertEqual(status, 1)
        self.assertEqual(
            errors,
            f"cfos-cloud demo: can't listen on 127.0.0.1:{port}: "
            "Address already in use\n",
        )
        self.assertIs(signal.getsignal(signal.SIGTERM), before)

    def test_a_directory_that_can_not_be_used_is_one_line(self) -> None:
        path = Path(self.mktemp())
        path.write_text("a file")
        status, errors = self.run_demo("--port", "0", "--data-dir", str(path))
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn(str(path), errors)

    def test_a_directory_serves_one_demo_at_a_time(self) -> None:
        path = Path(self.mktemp())
        with command._directory(path):
            status, errors = self.run_demo("--port", "0", "--data-dir", str(path))
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn("another demo runs in", errors)

    def test_the_state_can_be_made_in_a_directory_that_is_kept(self) -> None:
        with command._directory(Path(self.mktemp())) as path:
            DemoState(path).prepare()
            self.assertTrue((path / "users").exists())

    def test_a_temporary_directory_is_gone_afterwards(self) -> None:
        with command._directory(None) as path:
            (path / "logs").mkdir()
        self.assertFalse(path.exists())

    def test_a_port_is_a_number(self) -> None:
        for word in ("http", "-1", "65536", "1.5"):
            with redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, self.arguments, "--port", word)
