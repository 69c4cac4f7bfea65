"""A tar file, piece by piece."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry.archive import PIECE, Archive, Member
from tests.registry.support import temporary_directory

NOON = 1_763_812_800.0


class ArchiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = temporary_directory(self)
        self.large = self.directory / "large"
        self.large.write_bytes(bytes(range(256)) * 1000)

    def members(self) -> list[Member]:
        return [
            Member("empty", b"", NOON),
            Member("folder", None, NOON),
            Member("folder/small", b"some text\n", NOON),
            Member("exactly-a-block", b"x" * 512, NOON),
            Member("large", self.large, NOON),
            Member("ü" * 120, b"a long name\n", NOON),
        ]

    def test_a_reader_finds_what_was_put_in(self) -> None:
        data = b"".join(Archive(self.members()).pieces())
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found = archive.getmembers()
            self.assertEqual(
                [(one.name, one.size, one.mode, one.mtime) for one in found],
                [
                    ("empty", 0, 0o600, NOON),
                    ("folder", 0, 0o700, NOON),
                    ("folder/small", 10, 0o600, NOON),
                    ("exactly-a-block", 512, 0o600, NOON),
                    ("large", 256_000, 0o600, NOON),
                    ("ü" * 120, 12, 0o600, NOON),
                ],
            )
            content = archive.extractfile("large")
            assert content is not None
            self.assertEqual(content.read(), self.large.read_bytes())

    def test_tar_itself_extracts_it(self) -> None:
        data = b"".join(Archive(self.members()).pieces())
        target = self.directory / "target"
        target.mkdir()
        command = ["tar", "-x", "-f", "-", "-C", str(target), "--no-same-owner"]
        subprocess.run(command, input=data, check=True)
        self.assertEqual((target / "large").read_bytes(), self.large.read_bytes())
        self.assertEqual((target / "folder/small").read_text(), "some text\n")
        self.assertEqual((target / "folder").stat().st_mode & 0o777, 0o700)
        self.assertEqual((target / "large").stat().st_mode & 0o777, 0o600)

    def test_the_length_is_known_before(self) -> None:
        for members in ([], self.members()[:2], self.members()):
            archive = Archive(members)
            self.assertEqual(archive.length, len(b"".join(archive.pieces())))

    def test_no_piece_is_large(self) -> None:
        members = [*self.members(), Member("bytes", bytes(3 * PIECE + 1), NOON)]
        self.assertLessEqual(max(map(len, Archive(members).pieces())), PIECE)

    def test_a_file_that_has_become_shorter_is_an_error(self) -> None:
        archive = Archive(self.members())
        self.large.write_bytes(b"")
        self.assertRaises(OSError, list, archive.pieces())

    def test_one_that_has_become_longer_is_cut(self) -> None:
        archive = Archive(self.members())
        with self.large.open("ab") as file:
            file.write(b"more")
        self.assertEqual(archive.length, len(b"".join(archive.pieces())))

    def test_a_missing_file_is_an_error_at_once(self) -> None:
        missing = Path(self.directory / "missing")
        self.assertRaises(OSError, Archive, [Member("a", missing, NOON)])
