"""``backup`` of the operator API, over a real registry."""

from __future__ import annotations

import io
import tarfile
from typing import Any

from cfos_cloud.events import EventKind
from cfos_cloud.registry import Backups
from cfos_cloud.registry_errors import NoCopy
from cfos_cloud.web.api import backup
from cfos_cloud.web.api.backup import BackupResource
from tests.registry.support import NOON
from tests.web.api.resource_case import ResourceCase
from tests.web.operator_support import Reply, basic


class BackupTests(ResourceCase):
    def more(self) -> tuple[object, ...]:
        self.backups = Backups(self.database, self.data_dir, lambda: NOON)
        return (BackupResource(self.backups, self.clock, self.written),)

    def setUp(self) -> None:
        super().setUp()
        (self.data_dir / "server-secret").write_text("canary")

    def fetch(
        self, query: str = "", *, method: str = "GET", scheme: str = "https"
    ) -> Reply:
        """The answer, whose body is written in several turns."""
        answer = self.treq.request(
            method,
            f"{scheme}://cloud.example/cloud/api/v1/backup{query}",
            headers=basic(),
        )
        for _ in range(100):
            self.clock.advance(0)
            self.treq.flush()
        response = self.successResultOf(answer)
        self.length = response.length
        return Reply(response, self.successResultOf(response.content()))

    def names(self, reply: Reply) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(reply.body)) as archive:
            return archive.getnames()

    def test_it_is_a_tar_file_of_known_length(self) -> None:
        reply = self.fetch()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("content-type"), "application/x-tar")
        self.assertEqual(self.length, len(reply.body))
        self.assertEqual(reply.header("cache-control"), "no-store")
        disposition = reply.header("content-disposition") or ""
        self.assertRegex(
            disposition, r'^attachment; filename="cfos-cloud-[\d-]+\.tar"$'
        )
        self.assertEqual(
            self.names(reply), ["backup.json", "cfos-cloud.sqlite3", "server-secret"]
        )
        self.assertEqual(list(self.data_dir.glob(".backup-*")), [])

    def test_keys_can_be_left_out(self) -> None:
        reply = self.fetch("?keys=false")
        self.assertEqual(self.names(reply), ["backup.json", "cfos-cloud.sqlite3"])
        self.assertNotIn(b"canary", reply.body)

    def test_keys_do_not_leave_the_machine_over_plain_http(self) -> None:
        self.assertEqual(self.fetch(scheme="http").status, 200)
        self.patch(backup, "is_near", lambda request: False)
        self.assert_problem(self.fetch(scheme="http"), 403, "https:// only")
        self.assertEqual(self.fetch("?keys=false", scheme="http").status, 200)
        self.assertEqual(len(self.written.noted), 2)

    def test_each_is_an_event(self) -> None:
        self.fetch()
        self.fetch("?keys=false")
        self.assertEqual(
            self.written.noted,
            [
                (EventKind.BACKUP_MADE, "operator", None, "with keys"),
                (EventKind.BACKUP_MADE, "operator", None, "without keys"),
            ],
        )

    def test_head_makes_none(self) -> None:
        self.assertEqual(self.fetch(method="HEAD").status, 200)
        self.assertEqual(self.written.noted, [])

    def test_without_credentials_there_is_none(self) -> None:
        reply = self.ask("GET", "/backup", headers={})
        self.assertEqual(reply.status, 401)
        self.assertEqual(self.written.noted, [])

    def test_what_keys_is_has_to_be_understood(self) -> None:
        self.assert_problem(self.fetch("?keys=perhaps"), 422, "true or false", "keys")

    def test_on_postgresql_one_line_says_what_to_use(self) -> None:
        def none(*_: Any) -> None:
            raise NoCopy("this server's database is in PostgreSQL: use pg_dump")

        self.patch(self.database._dialect, "copy", none)
        self.assert_problem(self.fetch(), 409, "use pg_dump")

    def test_a_disk_that_is_full_is_a_503(self) -> None:
        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        self.patch(self.database._dialect, "copy", full)
        self.assert_problem(self.fetch(), 503, "No space left on device")
