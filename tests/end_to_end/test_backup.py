"""A backup of the running server, and a server made from it."""

from __future__ import annotations

import http.client
import shutil
import signal
import sqlite3
import subprocess
from functools import partial
from pathlib import Path

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID, Server
from tests.end_to_end.processes import wait_until


def extract(archive: Path, data_dir: Path) -> None:
    """As docs/operations.md says."""
    data_dir.mkdir(mode=0o700)
    command = ["tar", "-x", "--no-same-owner", "-f", str(archive), "-C", str(data_dir)]
    subprocess.run(command, check=True)


class BackupTests(EndToEndTestCase):
    def backed_up(self, server: Server, *options: str) -> Path:
        archive = self.directory / "backup.tar"
        done = server.tool("backup", str(archive), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return archive

    def test_a_restored_server_is_the_same_for_everybody(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        cloud_id = site.device.cloud_id
        archive = self.backed_up(server)
        server.add_system("Too-late")

        server.process.stop()
        shutil.rmtree(server.data_dir)
        extract(archive, server.data_dir)
        server.restart()

        # The device end knows the server by its key, and comes back by itself.
        wait_until(lambda: server.is_online(cloud_id), "the device end is back")
        self.assertNotIn("has changed", site.device.process.log)
        self.assertEqual(site.device.client().get("/").status, 200)
        known = {one["cloud_id"] for one in server.ask("GET", "/systems")["items"]}
        self.assertEqual(known, {cloud_id})
        kinds = [one["kind"] for one in server.ask("GET", "/events")["items"]]
        self.assertIn("system_added", kinds)

    def test_one_without_keys_makes_a_server_with_a_new_key(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        archive = self.backed_up(server, "--without-keys")
        server.process.stop()
        shutil.rmtree(server.data_dir)
        extract(archive, server.data_dir)
        server.restart()
        # A generated Cloud password proves the server even so.
        site.device.process.wait_for_log("has changed: accepted, pinned")
        wait_until(
            lambda: server.is_online(site.device.cloud_id), "the device end is back"
        )

    def test_of_a_server_that_does_not_run_it_is_made_from_its_directory(self) -> None:
        server = self.make_server()
        server.add_system("Garage")
        archive = self.directory / "backup.tar"
        offline = ("backup", str(archive), "--data-dir", str(server.data_dir))
        refused = server.tool(*offline)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("another server uses it", refused.stderr)
        self.assertEqual(len(refused.stderr.splitlines()), 1)
        server.process.kill()
        done = server.tool(*offline)
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.rmtree(server.data_dir)
        extract(archive, server.data_dir)
        server.restart()
        self.assertEqual(server.ask("GET", "/systems/garage")["name"], "Site Garage")


class KillTests(EndToEndTestCase):
    def test_the_whole_server_loses_nothing_that_it_has_answered(self) -> None:
        server = self.make_server()
        answered: set[str] = set()
        removed: set[str] = set()
        threads = self.threads(3)

        def work(name: str) -> None:
            """Adds and removes until the server is gone."""
            try:
                for number in range(10_000):
                    cloud_id = f"{name}-{number}"
                    server.ask("POST", "/systems", {"cloud_id": cloud_id})
                    answered.add(cloud_id)
                    if number % 3 == 0:
                        removed.add(cloud_id)
                        server.ask("DELETE", f"/systems/{cloud_id}")
                        answered.discard(cloud_id)
            except (OSError, http.client.HTTPException):
                return
            except AssertionError as error:
                if "Not Found" not in str(error):
                    raise

        def reached(goal: int) -> bool:
            return len(answered) >= goal

        for turn in range(4):
            goal = len(answered) + 15
            workers = [threads.submit(work, f"T{turn}-{n}") for n in range(2)]
            wait_until(partial(reached, goal), "systems are added")
            server.process.signal(signal.SIGKILL)
            server.process.wait()
            for worker in workers:
                worker.result()
            server.restart()
            known = {
                one["cloud_id"]
                for one in server.ask("GET", "/systems?limit=500")["items"]
            }
            # What was under way may have been done or not.
            self.assertEqual(answered - known - removed, set())
            self.assertLessEqual(len(known - answered), 2)
            answered &= known
            answered |= known


class SecretsTests(EndToEndTestCase):
    def test_what_is_stored_has_none_of_the_secrets_that_passed(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        admin, user = site.device.client(), site.device.user_client()
        client = server.client()
        client.log_in(site.device.cloud_id, "canary-of-a-typo", as_admin=True)
        client.log_in("canary-typed-as-id", "canary-too", as_admin=False)
        cookies = [value for one in (admin, user) for value in one.cookies.values()]
        password = site.device.password_file.read_text().strip()
        # All that waits is written.
        kinds = {one["kind"] for one in server.ask("GET", "/events")["items"]}
        self.assertLessEqual({"logged_in", "login_failed", "connected"}, kinds)
        stored = (server.data_dir / "cfos-cloud.sqlite3").read_bytes()
        for secret in (ADMIN_SECRET, USER_ID, password, "canary", *cookies):
            self.assertNotIn(secret.encode(), stored)
        self.assertNotIn("canary", server.process.log)

    def test_a_system_s_traces_go_with_it_on_request(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server, cloud_id="Canary")
        site.device.client()
        server.ask("DELETE", "/systems/canary?erase=true")
        site.device.process.wait_for_log("has removed Canary")
        kinds = [one["kind"] for one in server.ask("GET", "/events")["items"]]
        self.assertIn("system_erased", kinds)
        server.process.stop()
        with sqlite3.connect(server.data_dir / "cfos-cloud.sqlite3") as database:
            self.assertNotIn("canary", "\n".join(database.iterdump()).lower())
        stored = (server.data_dir / "cfos-cloud.sqlite3").read_bytes()
        self.assertNotIn(b"canary", stored.lower())
