"""Full disks, a locked database, files that can't be read any more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import SkipTest

from tests.chaos.case import ChaosTestCase
from tests.chaos.database import locked
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID, DeviceEnd, Server
from tests.end_to_end.keys import KeyAdmin
from tests.end_to_end.processes import wait_until

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class SmallDisk:
    """
    A disk of 4 MiB in place of a directory.

    :raises SkipTest: that takes root.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700)
        if os.geteuid() != 0:
            raise SkipTest("a disk of one's own takes root")
        options = ["-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(directory)]
        done = subprocess.run(
            ["mount", *options], env={"PATH": _PATH}, capture_output=True
        )
        if done.returncode:
            raise SkipTest("no disk can be mounted here")

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is left meanwhile."""
        ballast = self.directory / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue
        try:
            yield
        finally:
            ballast.unlink()

    def close(self) -> None:
        subprocess.run(
            ["umount", "--lazy", str(self.directory)],
            env={"PATH": _PATH},
            capture_output=True,
        )


class FileTestCase(ChaosTestCase):
    def add(self, cloud_id: str) -> int:
        """The status of the operator's wish for a new system."""
        return self.cloud.answer("POST", "/systems", {"cloud_id": cloud_id}).status

    def systems(self) -> set[str]:
        listed = self.cloud.ask("GET", "/systems")["items"]
        return {each["cloud_id"] for each in listed}

    def restart_server(self) -> None:
        self.cloud.process.kill()
        self.cloud.restart()
        self.wait_online()
        self.browser = self.device.client()


class FullDiskTests(FileTestCase):
    def test_a_full_disk_of_the_server_refuses_changes_and_nothing_else(self) -> None:
        disk = SmallDisk(self.directory / "data")
        self.addCleanup(disk.close)
        self.start()
        self.settle()
        self.assertEqual(self.add("Before"), 201)
        with disk.full():
            refused = [self.add(f"Refused-{number}") for number in range(3)]
            self.assertEqual([each for each in refused if each < 500], [])
            self.assert_all_works()
            self.assertNotIn("Refused-0", self.systems())
        self.assertEqual(self.add("After"), 201)
        self.assert_nothing_is_left()
        self.restart_server()
        self.assertEqual(self.systems(), {"Chaos", "Before", "After"})
        self.assert_no_complaints()

    def test_a_full_disk_of_the_device_end_agrees_to_no_key(self) -> None:
        disk = SmallDisk(self.directory / "Chaos.state")
        self.addCleanup(disk.close)
        self.start()
        key = self.keys.create()
        with disk.full():
            if self.end_to_end:
                # Nor does one come to be there, where they are all its own.
                document = {"name": "refused", "role": "api"}
                refused = self.keys.ask("POST", "/keys", document)
                self.assertEqual(refused.status, 503)
            self.assertGreaterEqual(self.keys.authorise(key).status, 500)
            self.assert_all_works()
            self.assertEqual(self.keys.state(key), "pending")
        self.assertEqual(self.keys.authorise(key).status, 200)
        self.device.process.kill()
        self.device.restart()
        self.assert_all_works()
        self.assertEqual(self.read_by_key(key), 200)
        listed = KeyAdmin(self.keys.site, self.browser).ask("GET", "/keys")
        self.assertNotIn(b"refused", listed.body)
        self.assert_no_complaints()


class EndToEndFullDiskTests(FullDiskTests):
    end_to_end = True


class LockedDatabaseTests(FileTestCase):
    def test_changes_wait_or_are_refused_and_devices_notice_nothing(self) -> None:
        self.start()
        self.settle()
        with locked(self.cloud.data_dir):
            self.assertEqual(self.add("Refused"), 503)
            self.assert_all_works()
        self.assertEqual(self.add("After"), 201)
        self.restart_server()
        self.assertEqual(self.systems(), {"Chaos", "After"})
        self.assert_no_complaints()


class UnreadableTests(FileTestCase):
    """A directory in the place of a file can't be read, not even by root."""

    def setUp(self) -> None:
        super().setUp()
        self.start()

    @contextmanager
    def unreadable(self, file: Path) -> Iterator[None]:
        kept = file.with_name(f"{file.name}.kept")
        file.rename(kept)
        file.mkdir()
        try:
            yield
        finally:
            file.rmdir()
            kept.rename(file)

    def log_in(self, secret: str, *, as_admin: bool) -> int:
        client = self.device.stranger(source=self.new_source())
        return client.log_in("Chaos", secret, as_admin=as_admin).status

    def test_without_its_users_file_nobody_logs_in_and_who_is_in_stays(self) -> None:
        guest = self.device.user_client()
        with self.unreadable(self.device.users_file):
            self.device.process.wait_for_log(str(self.device.users_file))
            self.assertEqual(self.log_in(USER_ID, as_admin=False), 401)
            self.assertEqual(guest.get("/").status, 200)
            self.assertEqual(self.browser.get("/").status, 200)
        wait_until(lambda: self.log_in(USER_ID, as_admin=False) == 303, "a log-in")
        self.assertEqual(guest.get("/").status, 200)
        self.assert_no_complaints()

    def test_without_its_admin_password_nobody_logs_in_and_who_is_in_stays(
        self,
    ) -> None:
        guest = self.device.user_client()
        with self.unreadable(self.device.admin_file):
            self.device.process.wait_for_log(str(self.device.admin_file))
            self.assertEqual(self.log_in(ADMIN_SECRET, as_admin=True), 401)
            self.assertEqual(self.log_in(USER_ID, as_admin=False), 401)
            self.assertEqual(guest.get("/").status, 200)
            self.assertEqual(self.browser.get("/").status, 200)
            self.assertEqual(self.read_by_key(), 200)
        secret = ADMIN_SECRET
        wait_until(lambda: self.log_in(secret, as_admin=True) == 303, "a log-in")
        self.assertEqual(guest.get("/").status, 200)
        self.assert_no_complaints()

    def assert_start_names(self, daemon: Server | DeviceEnd, file: Path) -> None:
        """In one line; and nothing is overwritten."""
        before = file.read_bytes()
        with self.unreadable(file):
            daemon.process.kill()
            with self.assertRaises(AssertionError):
                daemon.restart()
            self.assertEqual(daemon.process.wait(), 1, file)
            (line,) = daemon.process.log.splitlines()
            self.assertIn(str(file), line)
        self.assertEqual(file.read_bytes(), before, file)
        daemon.restart()
        if daemon is self.cloud:
            # It would wait for up to a minute.
            self.device.process.kill()
            self.device.restart()
        self.assert_lets_in(file)

    def assert_lets_in(self, file: Path) -> None:
        self.assertEqual(self.device.client().get("/").status, 200, file)
        self.assertEqual(self.read_by_key(), 200, file)

    def needs_at_its_start(self, daemon: Server | DeviceEnd, files: list[Path]) -> None:
        """What it has read then is in memory."""
        for file in files:
            with self.unreadable(file):
                self.assert_lets_in(file)
            self.assert_start_names(daemon, file)

    def files_in(self, directory: Path) -> list[Path]:
        """But for the database, and what is only a sign."""
        files = (each for each in directory.rglob("*") if each.is_file())
        return sorted(each for each in files if "sqlite3" not in each.name)

    def test_a_server_names_each_file_that_it_can_not_start_without(self) -> None:
        files = self.files_in(self.cloud.data_dir)
        self.assertGreaterEqual(len(files), 4)
        operator = self.cloud.directory / "operator"
        self.needs_at_its_start(self.cloud, [*files, operator])

    def test_a_device_end_names_each_file_that_it_can_not_start_without(self) -> None:
        files = self.files_in(self.device.state_dir)
        self.assertGreaterEqual(len(files), 7 if self.end_to_end else 2)
        self.needs_at_its_start(self.device, [*files, self.device.password_file])
        # These it follows.
        self.assert_start_names(self.device, self.device.admin_file)
        self.assert_start_names(self.device, self.device.users_file)


class EndToEndUnreadableTests(UnreadableTests):
    end_to_end = True
