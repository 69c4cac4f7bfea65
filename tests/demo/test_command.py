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
from cfos_cloud.demo.directory import directory_for
from cfos_cloud.demo.processes import ChildEnded, Children
from cfos_cloud.demo.site.accounts import write_admin_password
from cfos_cloud.demo.site.settings import CloudSettings
from cfos_cloud.demo.site_directory import USER
from cfos_cloud.demo.state import DemoState
from cfos_cloud.demo.words import what_to_do
from cfos_cloud.device.argon2_hash import SALT_BYTES, Recipe
from cfos_cloud.device.user_tool import UsersFile
from cfos_cloud.device.users import Users
from cfos_cloud.secret_files import read_secret


class DemoStateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = DemoState(Path(self.mktemp()) / "demo")
        self.state.prepare()

    def content(self) -> dict[Path, bytes]:
        paths = self.state.directory.rglob("*")
        return {path: path.read_bytes() for path in paths if path.is_file()}

    def test_everything_in_it_is_its_owners_only(self) -> None:
        self.assertEqual(self.state.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.state.site.directory.stat().st_mode & 0o777, 0o700)
        files = self.content()
        self.assertEqual(len(files), 6)
        for path in files:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)

    def test_its_secrets_work(self) -> None:
        password = read_secret(self.state.cloud_password)
        self.assertTrue(cloud_password.is_generated(password))
        user_id = self.state.site.shown_user_id()
        assert user_id is not None
        self.assertEqual(Users.load(self.state.site.users).match(user_id), USER)
        self.assertTrue(self.state.site.shown_admin_password())

    def test_the_next_start_finds_the_same(self) -> None:
        before = self.content()
        self.state.prepare()
        self.assertEqual(self.content(), before)

    def test_a_lost_user_id_is_not_shown_and_nobody_is_added(self) -> None:
        self.state.site.user_id.unlink()
        self.state.prepare()
        self.assertIsNone(self.state.site.shown_user_id())
        self.assertEqual(list(Users.load(self.state.site.users).hashes), [USER])

    def test_a_user_who_was_removed_does_not_come_back(self) -> None:
        UsersFile(self.state.site.users).remove(USER)
        self.state.prepare()
        self.assertIsNone(self.state.site.shown_user_id())
        self.assertEqual(list(Users.load(self.state.site.users).hashes), [])

    def test_a_password_that_somebody_has_set_is_theirs(self) -> None:
        recipe = Recipe(bytes(SALT_BYTES), memory_kib=8, passes=1)
        write_admin_password(self.state.site.admin_password, "canary secret", recipe)
        self.state.prepare()
        self.assertIsNone(self.state.site.shown_admin_password())
        cloud = CloudSettings(True, "https://localhost:1", "demo", "x")
        said = what_to_do(self.state, 1, "http://127.0.0.1:2", cloud)
        self.assertIn("that you have set", said)
        self.assertNotIn("canary", said)

    def test_the_directory_of_an_earlier_version_goes_on(self) -> None:
        old = DemoState(Path(self.mktemp()) / "old")
        old.directory.mkdir(parents=True)
        user_id = UsersFile(old.directory / "users").add(USER)
        (old.directory / "user-id").write_text(f"{user_id}\n")
        (old.directory / "admin-password").write_text("0123456789ab\n")
        (old.directory / "device-end").mkdir()
        (old.directory / "device-end" / "server-keys.json").write_text("{}\n")
        old.prepare()
        self.assertEqual(old.site.shown_user_id(), user_id)
        self.assertEqual(old.site.shown_admin_password(), "0123456789ab")
        self.assertTrue((old.site.directory / "device-end/server-keys.json").exists())
        self.assertFalse((old.directory / "users").exists())


class OursTests(SynchronousTestCase):
    def test_a_cloud_service_that_leads_elsewhere_is_left_alone(self) -> None:
        for server, cloud_id, ours in (
            ("https://localhost:4443", "demo", True),
            ("https://127.0.0.1:5", "demo", True),
            ("https://localhost:4443", "mine", False),
            ("https://cloud.example.org", "demo", False),
            ("", "demo", False),
        ):
            cloud = CloudSettings(True, server, cloud_id, "x")
            self.assertEqual(command.is_ours(cloud), ours, cloud)


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
        directory = Path(self.mktemp()).absolute()
        address = self.children.start_and_read(
            "site", [sys.executable, "-P", "-m", "cfos_cloud.demo", str(directory)]
        )
        with urlopen(address + "/cnf?cmd=get_dev_info") as answer:  # noqa: S310 - http
            self.assertIn(b"W00-", answer.read())
        process = self.children._processes["site"]
        assert process.stdin is not None
        process.stdin.close()
        self.assertEqual(process.wait(30), 0)

    def test_a_site_that_can_not_start_says_why_in_one_line(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        (directory / "settings.json").write_text("{")
        error = self.assertRaises(
            ChildEnded,
            self.children.start_and_read,
            "site",
            [sys.executable, "-P", "-m", "cfos_cloud.demo", str(directory)],
        )
        first, second = str(error).splitlines()
        self.assertEqual(first, "site has ended with status 1")
        self.assertIn("settings.json", second)

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
        with directory_for(path, "test"):
            status, errors = self.run_demo("--port", "0", "--data-dir", str(path))
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn("another demo runs in", errors)

    def test_the_state_can_be_made_in_a_directory_that_is_kept(self) -> None:
        with directory_for(Path(self.mktemp()), "test") as path:
            DemoState(path).prepare()
            self.assertTrue((path / "site" / "users").exists())

    def test_a_temporary_directory_is_gone_afterwards(self) -> None:
        with directory_for(None, "test") as path:
            (path / "logs").mkdir()
        self.assertFalse(path.exists())

    def test_a_port_is_a_number(self) -> None:
        for word in ("http", "-1", "65536", "1.5"):
            with redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, self.arguments, "--port", word)
