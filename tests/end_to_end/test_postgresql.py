"""The server on PostgreSQL: one at a time, and through its absences."""

from __future__ import annotations

from functools import cached_property

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import Server
from tests.end_to_end.processes import wait_until
from tests.postgresql import PASSWORD, Cluster, cluster


class PostgreSQLTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster: Cluster = cluster()
        self.name = self.cluster.create_database()
        self.addCleanup(self.cluster.drop_database, self.name)

    @cached_property
    def url(self) -> str:
        return self.cluster.tcp_url(self.name)

    def make(self) -> Server:
        return self.make_server("--database", self.url)

    def health(self, server: Server) -> int:
        return server.client().request("GET", "/cloud/health").status

    def write(self, server: Server, cloud_id: str) -> int:
        """The status of the operator API's answer to a change."""
        try:
            server.ask("POST", "/systems", {"cloud_id": cloud_id})
        except AssertionError as error:
            self.assertIn("the database does not answer", str(error))
            return 503
        return 201

    def test_what_is_kept_is_there_after_a_restart(self) -> None:
        server = self.make()
        site = self.make_site(server=server)
        site.device.client()
        server.process.stop()
        server.restart()
        site.device.wait_online(2)
        kinds = {one["kind"] for one in server.ask("GET", "/events")["items"]}
        self.assertLessEqual(
            {"system_added", "connected", "disconnected", "logged_in"}, kinds
        )
        self.assertFalse((server.data_dir / "cfos-cloud.sqlite3").exists())
        self.assertNotIn(PASSWORD, server.process.log)

    def test_without_it_changes_fail_and_all_else_goes_on(self) -> None:
        server = self.make()
        site = self.make_site(server=server)
        client = site.device.client()
        self.cluster.stop()
        try:
            self.assertEqual(self.write(server, "Barn"), 503)
            wait_until(lambda: self.health(server) == 503, "health says it")
            # Sessions and tunnels don't need it, nor do log-ins and reconnects.
            self.assertEqual(client.get("/").status, 200)
            self.assertEqual(site.device.client().get("/").status, 200)
            site.device.process.kill()
            site.device.restart()
            self.assertEqual(site.device.client().get("/").status, 200)
        finally:
            self.cluster.start()
        wait_until(lambda: self.health(server) == 200, "health says that it is back")
        self.assertEqual(self.write(server, "Barn"), 201)
        known = {one["cloud_id"] for one in server.ask("GET", "/systems")["items"]}
        self.assertEqual(known, {site.device.cloud_id, "Barn"})
        self.assertNotIn(PASSWORD, server.process.log)

    def test_what_happened_meanwhile_is_written_down_when_it_is_back(self) -> None:
        server = self.make()
        site = self.make_site(server=server)
        self.cluster.stop()
        try:
            site.device.client()
            self.assertEqual(self.write(server, "Barn"), 503)
        finally:
            self.cluster.start()
        wait_until(lambda: self.health(server) == 200, "health says that it is back")
        kinds = [one["kind"] for one in server.ask("GET", "/events")["items"]]
        self.assertIn("logged_in", kinds)

    def test_one_that_hangs_is_given_up_and_taken_up_again(self) -> None:
        server = self.make()
        site = self.make_site(server=server)
        client = site.device.client()
        with self.cluster.paused():
            self.assertEqual(self.write(server, "Barn"), 503)
            self.assertEqual(client.get("/").status, 200)
            wait_until(lambda: self.health(server) == 503, "health says it")
        wait_until(lambda: self.health(server) == 200, "health says that it is back")
        wait_until(lambda: self.write(server, "Barn") == 201, "changes work again")

    def test_a_second_server_is_refused_in_one_line(self) -> None:
        first = self.make()
        directory = self.directory / "second"
        directory.mkdir()
        with self.assertRaises(AssertionError):
            Server(directory, "--database", self.url)
        log = (directory / "server.log").read_text()
        (line,) = [each for each in log.splitlines() if "can't be used" in each]
        self.assertIn("another server uses it (its session ", line)
        self.assertNotIn(PASSWORD, log)
        self.assertNotIn("Traceback", log)
        self.assertEqual(self.health(first), 200)

    def test_a_backup_is_pg_dump_s(self) -> None:
        server = self.make()
        done = server.tool("backup", str(self.directory / "backup.tar"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("use pg_dump", done.stderr)
        self.assertFalse((self.directory / "backup.tar").exists())
