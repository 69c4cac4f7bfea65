"""A copy of all that a server has."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import capturedLogs

from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.self_signed import make_self_signed
from cfos_cloud.registry import Backups, DatabaseError, Overloaded
from cfos_cloud.registry.backup import KEYS as ALL_KEYS
from cfos_cloud.registry.backup import MAX_FILE, MAX_STRANGE, Backup, make_offline
from cfos_cloud.server_secret import ServerSecret
from tests.registry.support import NOON, ManualWorker, RegistryCase, verifier

KEYS = {
    "server-secret": b"5ecre7",
    "signing-keys.json": b"private keys of access keys",
    "tls/key.pem": b"a private key",
    "tls/certificate.pem": b"a certificate",
    "tls/imported.pem": b"a key and its certificate",
}
NO_KEYS = (
    "initial-admin-password",
    "twistd.pid",
    "server.log",
    "cfos-cloud.sqlite3.before-0001",
    "cfos-cloud.sqlite3-journal",
    ".server-secret.17.new",
    "backup.json",
)
#: What somebody has put there.
STRANGE = ("admin-password", "pgpass", "tls/wildcard.pem", "keys/1.pem")


def contents(backup: Backup) -> dict[str, bytes]:
    """The files that are in it."""
    data = b"".join(backup.archive.pieces())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {each.name: archive.extractfile(each) for each in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


class BackupCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        strange = dict.fromkeys((*STRANGE, *NO_KEYS), b"canary")
        for name, content in (KEYS | strange).items():
            path = self.data_dir / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        self.successResultOf(self.systems.add("Garage", verifier(), "The garage"))
        self.backups = Backups(self.database, self.data_dir, lambda: NOON)

    def make(self, *, with_keys: bool = True) -> Backup:
        return self.successResultOf(self.backups.make(with_keys=with_keys))

    def systems_in(self, files: dict[str, bytes]) -> list[str]:
        path = self.data_dir / "extracted.sqlite3"
        path.write_bytes(files["cfos-cloud.sqlite3"])
        with sqlite3.connect(path) as connection:
            rows = connection.execute("SELECT cloud_id FROM system").fetchall()
        return [row[0] for row in rows]

    def copies(self) -> list[str]:
        return [path.name for path in self.data_dir.glob(".backup-*")]


class OnlineTests(BackupCase):
    def test_the_database_and_all_keys_are_in_it(self) -> None:
        files = contents(self.make())
        self.assertEqual(self.systems_in(files), ["Garage"])
        self.assertEqual({name: files.get(name) for name in KEYS}, KEYS)

    def test_and_nothing_else(self) -> None:
        files = contents(self.make())
        self.assertEqual(set(files), {"backup.json", "cfos-cloud.sqlite3", *KEYS})
        del files["cfos-cloud.sqlite3"]
        self.assertNotIn("canary", str(files))

    def test_it_says_what_it_is(self) -> None:
        about = json.loads(contents(self.make())["backup.json"])
        self.assertEqual(
            (about["made"], about["keys"]), (NOON.isoformat("T", "seconds"), True)
        )
        self.assertIn("private keys", about["note"])

    def test_without_keys_it_has_none_and_says_so(self) -> None:
        files = contents(self.make(with_keys=False))
        self.assertEqual(set(files), {"backup.json", "cfos-cloud.sqlite3"})
        about = json.loads(files["backup.json"])
        self.assertIs(about["keys"], False)
        self.assertIn("without certificate, keys and server-secret", about["note"])

    def test_it_is_of_the_moment_at_which_it_was_asked_for(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.backups = Backups(self.database, self.data_dir, lambda: NOON)
        made = self.backups.make(with_keys=False)
        added = self.systems.add("Later", verifier())
        worker.run_all()
        self.successResultOf(added)
        self.assertEqual(
            self.systems_in(contents(self.successResultOf(made))), ["Garage"]
        )

    def test_what_it_took_is_given_back(self) -> None:
        backup = self.make()
        (copy,) = self.data_dir.glob(".backup-*")
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        backup.close()
        self.assertEqual(self.copies(), [])

    def test_two_at_a_time_are_enough(self) -> None:
        first, _ = self.make(), self.make()
        self.failureResultOf(self.backups.make(with_keys=True), Overloaded)
        first.close()
        self.make()

    def test_one_that_fails_leaves_nothing(self) -> None:
        def broken(engine: object, path: Path) -> None:
            path.write_text("a part")
            raise sqlite3.OperationalError("the disk is full")

        self.patch(self.database._dialect, "copy", broken)
        for _ in range(5):
            self.failureResultOf(self.backups.make(with_keys=True))
        self.assertEqual(self.copies(), [])

    def test_a_file_too_large_for_a_key_is_left_out_and_named(self) -> None:
        (self.data_dir / "tls/imported.pem").write_bytes(bytes(MAX_FILE + 1))
        backup = self.make()
        self.assertEqual(backup.left_out, ["tls/imported.pem"])
        self.assertNotIn("tls/imported.pem", contents(backup))

    def test_what_somebody_has_put_there_is_named(self) -> None:
        with capturedLogs() as logs:
            self.make()
        (event,) = (event for event in logs if "names" in event)
        self.assertEqual(
            event["names"], "admin-password, keys, pgpass, tls/wildcard.pem"
        )
        with capturedLogs() as logs:
            self.make(with_keys=False)
        self.assertEqual([event for event in logs if "names" in event], [])

    def test_all_that_a_server_writes_is_known(self) -> None:
        data_dir = self.data_dir / "new"
        data_dir.mkdir()
        ServerSecret.in_directory(data_dir)
        SigningKeys.in_directory(data_dir, lambda: NOON)
        store = CertificateStore(data_dir, ["localhost"], lambda: NOON)
        (own,) = store.load()
        store.keep(own)
        store.keep(make_self_signed(own.key, ["other.example"], NOON))
        self.backups = Backups(self.database, data_dir, lambda: NOON)
        backup = self.make()
        self.assertEqual(backup.strange, [])
        written = {
            path.relative_to(data_dir).as_posix()
            for path in data_dir.rglob("[!.]*")
            if path.is_file()
        }
        self.assertEqual(written - set(contents(backup)), set())
        self.assertEqual(written, {*ALL_KEYS, "tls/imported-1.pem"})

    def test_of_much_that_was_put_there_the_first_are_named(self) -> None:
        for number in range(1000):
            (self.data_dir / f"a{number:04}").touch()
        self.assertEqual(len(self.make().strange), MAX_STRANGE)

    def test_links_are_not_followed(self) -> None:
        path = self.data_dir / "tls/imported.pem"
        path.unlink()
        path.symlink_to("/etc/passwd")
        backup = self.make()
        self.assertNotIn("tls/imported.pem", contents(backup))
        self.assertIn("tls/imported.pem", backup.strange)

    def test_what_a_killed_server_left_is_cleaned_up(self) -> None:
        (self.data_dir / ".backup-0123").write_text("a part")
        self.backups.clean()
        self.assertEqual(self.copies(), [])


class OfflineTests(BackupCase):
    def make_it(self, **more: Any) -> Backup:
        more.setdefault("data_dir", self.data_dir)
        return make_offline(
            IReactorFromThreads(reactor),
            scratch=self.data_dir,
            now=NOON,
            with_keys=True,
            **more,
        )

    def test_it_is_what_the_running_server_would_give(self) -> None:
        online = contents(self.make())
        self.successResultOf(self.database.close())
        backup = self.make_it()
        offline = contents(backup)
        self.assertEqual(self.systems_in(offline), ["Garage"])
        del online["cfos-cloud.sqlite3"], offline["cfos-cloud.sqlite3"]
        self.assertEqual(offline, online)
        backup.close()

    def test_the_data_stay_as_they_are_and_the_next_server_starts(self) -> None:
        self.successResultOf(self.database.close())
        file = self.data_dir / "cfos-cloud.sqlite3"
        before = file.read_bytes()
        self.make_it().close()
        self.assertEqual(file.read_bytes(), before)
        self.start()

    def test_a_running_server_is_not_disturbed(self) -> None:
        error = self.assertRaises(DatabaseError, self.make_it)
        self.assertIn(f"another server uses it (process {os.getpid()})", str(error))

    def test_where_there_is_no_database_none_is_made(self) -> None:
        empty = self.data_dir / "empty"
        empty.mkdir()
        error = self.assertRaises(DatabaseError, self.make_it, data_dir=empty)
        self.assertIn("there is no cfos-cloud.sqlite3 in", str(error))
        self.assertEqual(list(empty.iterdir()), [])
