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
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import USER_ID
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
        keys = KeyAdmin(Site(self.device, self.make_target()), self.browser)
        with disk.full():
            key = keys.create()
            self.assertGreaterEqual(keys.authorise(key).status, 500)
            self.assert_all_works()
            self.assertEqual(keys.state(key), "pending")
        self.assertEqual(keys.authorise(key).status, 200)
        self.assert_no_complaints()


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
        client = self.cloud.client(source=self.new_source())
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

    def test_without_its_certificate_a_running_server_serves_and_a_new_one_says_why(
        self,
    ) -> None:
        certificate = self.cloud.data_dir / "tls" / "certificate.pem"
        with self.unreadable(certificate):
            self.assert_all_works()
            self.cloud.process.kill()
            with self.assertRaises(AssertionError):
                self.cloud.restart()
            self.assertEqual(self.cloud.process.status, 1)
            (line,) = self.cloud.process.log.splitlines()
            self.assertIn(str(certificate), line)
        self.cloud.restart()
        self.wait_online()
        self.assert_all_works()

    def test_without_its_cloud_password_a_device_end_says_why(self) -> None:
        with self.unreadable(self.device.password_file):
            self.assert_all_works()
            self.device.process.kill()
            self.device.restart(wait=False)
            self.assertEqual(self.device.process.wait(), 1)
            (line,) = self.device.process.log.splitlines()
            self.assertIn(str(self.device.password_file), line)
        self.device.restart()
        self.assert_all_works()
