"""``cfos-cloud backup``."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from cfos_cloud.operator_tool import backup_command, commands
from cfos_cloud.operator_tool.backup_command import WITH_KEYS, WITHOUT_KEYS
from cfos_cloud.operator_tool.errors import BadUsage, ToolError
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.registry import Backups
from cfos_cloud.web.api.backup import BackupResource
from tests.operator_tool.support import CommandCase
from tests.registry.support import NOON, temporary_directory


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cfos-cloud")
    backup_command.add_parsers(parser.add_subparsers(dest="command"))
    return parser.parse_args(["backup", *words])


class BackupCase(CommandCase):
    def resources(self) -> tuple[object, ...]:
        backups = Backups(self.database, self.data_dir, lambda: NOON)
        resource = BackupResource(backups, self.clock, self.events)
        return (*super().resources(), resource)

    def setUp(self) -> None:
        super().setUp()
        (self.data_dir / "server-secret").write_text("canary")
        self.target = temporary_directory(self) / "backup.tar"

    def names(self, path: Path | None = None) -> list[str]:
        with tarfile.open(path or self.target) as archive:
            return [name for name in archive.getnames() if "/" not in name]

    def remains(self) -> list[str]:
        """What is where the backup goes, besides it."""
        found = (path.name for path in self.target.parent.iterdir())
        return [name for name in found if name != self.target.name]


class OnlineTests(BackupCase):
    def begin(self, *words: str) -> tuple[Deferred[Any], io.StringIO]:
        arguments, file = parse(*words), io.StringIO()
        work = arguments.prepare(arguments)
        session = self.session(Output(arguments.json, file))
        done = Deferred.fromCoroutine(commands.perform(work, session))
        for _ in range(100):
            self.clock.advance(0)
            self.treq.flush()
        return done, file

    def test_the_file_has_it_all_and_is_its_owner_s_alone(self) -> None:
        done, output = self.begin(str(self.target))
        self.successResultOf(done)
        self.assertIn("server-secret", self.names())
        self.assertEqual(self.target.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.remains(), [])
        first, second = output.getvalue().splitlines()
        self.assertTrue(first.startswith(f"{self.target}: "), first)
        self.assertEqual(second, WITH_KEYS)

    def test_one_without_keys_says_what_that_means(self) -> None:
        done, output = self.begin(str(self.target), "--without-keys")
        self.successResultOf(done)
        self.assertEqual(self.names(), ["backup.json", "cfos-cloud.sqlite3"])
        self.assertEqual(output.getvalue().splitlines()[1], WITHOUT_KEYS)

    def test_programs_get_json(self) -> None:
        done, output = self.begin(str(self.target), "--json", "--without-keys")
        self.successResultOf(done)
        size = self.target.stat().st_size
        self.assertEqual(
            output.getvalue(),
            f'{{"file": "{self.target}", "bytes": {size}, "keys": false}}\n',
        )

    def test_an_older_one_is_replaced_as_a_whole(self) -> None:
        self.target.write_text("the old one")
        done, _ = self.begin(str(self.target))
        self.successResultOf(done)
        self.assertIn("server-secret", self.names())

    def test_a_refusal_leaves_the_older_one(self) -> None:
        self.target.write_text("the old one")
        self.successResultOf(self.database.close())
        done, _ = self.begin(str(self.target))
        self.failureResultOf(done, ToolError)
        self.assertEqual(self.target.read_text(), "the old one")
        self.assertEqual(self.remains(), [])

    def test_a_part_is_no_backup(self) -> None:
        self.target.write_text("the old one")
        self.patch(self.treq, "get", self.half)
        done, _ = self.begin(str(self.target))
        failure = self.failureResultOf(done, ToolError)
        self.assertIn("no backup at", str(failure.value))
        self.assertEqual(self.target.read_text(), "the old one")
        self.assertEqual(self.remains(), [])

    def half(self, *_: object, **__: object) -> Deferred[Any]:
        """An answer that ends too early, and does not say so."""

        class Response:
            code = 200

            def collect(self, collector: Any) -> Deferred[None]:
                collector(b"backup.json" + bytes(700))
                done: Deferred[None] = Deferred()
                done.callback(None)
                return done

        answer: Deferred[Any] = Deferred()
        answer.callback(Response())
        return answer

    def test_a_full_disk_is_one_line(self) -> None:
        class Full(io.BytesIO):
            def write(self, data: Any) -> int:
                raise OSError(28, "No space left on device")

        self.patch(os, "fdopen", lambda *_: Full())
        done, _ = self.begin(str(self.target))
        failure = self.failureResultOf(done, ToolError)
        self.assertEqual(
            str(failure.value), f"no backup at {self.target}: No space left on device"
        )

    def test_what_can_t_be_a_file_is_refused_before_anybody_is_asked(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        self.patch(sys, "stdout", Terminal())
        for name in ("/nowhere/backup.tar", "-"):
            arguments = parse(name)
            self.assertRaises(BadUsage, arguments.prepare, arguments)


class OfflineTests(BackupCase):
    def make(self, *words: str) -> str:
        self.patch(sys, "stdout", output := io.StringIO())
        arguments = parse(*words, "--data-dir", str(self.data_dir))
        backup_command.offline(IReactorFromThreads(reactor), arguments)
        return output.getvalue()

    def test_a_data_directory_without_a_server_is_enough(self) -> None:
        self.successResultOf(self.database.close())
        output = self.make(str(self.target))
        self.assertIn("server-secret", self.names())
        self.assertIn(WITH_KEYS, output)
        self.assertEqual(self.remains(), [])
        self.assertEqual(list(self.data_dir.glob(".backup*")), [])

    def test_with_a_server_on_it_one_line_says_so(self) -> None:
        error = self.assertRaises(ToolError, self.make, str(self.target))
        self.assertIn("another server uses it", str(error))
        self.assertEqual(self.remains(), [])
        self.assertFalse(self.target.exists())
