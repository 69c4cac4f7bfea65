"""Files with secrets: how they are read, and that they are whole at any moment."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import skipIf

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.secret_files import (
    MAX_SECRET_BYTES,
    SecretFileError,
    read_secret,
    read_secret_if_any,
    write_secret,
)


class SecretFileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "secret"

    def names(self) -> list[str]:
        """Everything in the directory."""
        return [each.name for each in self.directory.iterdir()]


class ReadTests(SecretFileCase):
    def test_one_line_end_does_not_belong_to_it(self) -> None:
        for content, secret in (
            (b"secret", "secret"),
            (b"secret\n", "secret"),
            (b"secret\r\n", "secret"),
            (b"secret\n\n", "secret\n"),
            (b"secret\r", "secret\r"),
            (b" secret \n", " secret "),
            (b"\n", ""),
            (b"", ""),
            ("sécret\n".encode(), "sécret"),
        ):
            self.path.write_bytes(content)
            self.assertEqual(read_secret(self.path), secret)

    def test_a_missing_file_is_one_line_that_names_it(self) -> None:
        with self.assertRaises(SecretFileError) as caught:
            read_secret(self.path)
        self.assertEqual(
            str(caught.exception), f"can't read {self.path}: No such file or directory"
        )

    def test_one_that_need_not_be_there_is_none_where_it_is_not(self) -> None:
        self.assertIsNone(read_secret_if_any(None))
        self.assertIsNone(read_secret_if_any(self.path))
        self.path.write_text("secret\n")
        self.assertEqual(read_secret_if_any(self.path), "secret")
        self.assertRaises(SecretFileError, read_secret_if_any, self.directory)
        self.assertRaises(SecretFileError, read_secret_if_any, self.path / "below")

    def test_a_directory_is_no_secret(self) -> None:
        self.assertRaises(SecretFileError, read_secret, self.directory)

    def test_what_is_no_text_is_refused_without_being_shown(self) -> None:
        self.path.write_bytes(b"\xffhidden")
        with self.assertRaises(SecretFileError) as caught:
            read_secret(self.path)
        self.assertIn(str(self.path), str(caught.exception))
        self.assertNotIn("hidden", str(caught.exception))

    def test_64_kib_is_the_most(self) -> None:
        self.path.write_bytes(b"x" * MAX_SECRET_BYTES)
        self.assertEqual(len(read_secret(self.path)), MAX_SECRET_BYTES)
        self.path.write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
        self.assertRaises(SecretFileError, read_secret, self.path)


class WriteTests(SecretFileCase):
    def mode(self) -> int:
        return self.path.stat().st_mode & 0o777

    def test_only_the_owner_may_read_it(self) -> None:
        old_mask = os.umask(0)
        self.addCleanup(os.umask, old_mask)
        write_secret(self.path, "secret")
        self.assertEqual(self.mode(), 0o600)
        self.assertEqual(self.path.read_bytes(), b"secret")

    def test_a_file_that_others_could_read_becomes_private(self) -> None:
        self.path.write_bytes(b"old")
        self.path.chmod(0o644)
        write_secret(self.path, b"new")
        self.assertEqual((self.mode(), self.path.read_bytes()), (0o600, b"new"))

    def test_who_has_the_old_one_open_reads_the_old_one(self) -> None:
        write_secret(self.path, "the old content")
        with self.path.open("rb") as reader:
            write_secret(self.path, "new")
            self.assertEqual(reader.read(), b"the old content")

    def test_nothing_else_is_left_in_the_directory(self) -> None:
        write_secret(self.path, "one")
        write_secret(self.path, "two")
        self.assertEqual(self.names(), ["secret"])

    def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(self) -> None:
        write_secret(self.path, "old")

        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", fail)
        self.assertRaises(OSError, write_secret, self.path, "new")
        self.assertEqual(self.path.read_bytes(), b"old")
        self.assertEqual(self.names(), ["secret"])

    def test_what_a_crash_has_left_does_not_hinder(self) -> None:
        left = self.directory / f".secret.{os.getpid()}.new"
        left.write_bytes(b"half of something longer")
        left.chmod(0o644)
        write_secret(self.path, "new")
        self.assertEqual((self.mode(), self.path.read_bytes()), (0o600, b"new"))

    @skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_a_directory_that_is_read_only_is_an_error(self) -> None:
        self.directory.chmod(0o500)
        self.addCleanup(self.directory.chmod, 0o700)
        self.assertRaises(PermissionError, write_secret, self.path, "new")

    def test_a_missing_directory_is_an_error(self) -> None:
        self.assertRaises(
            FileNotFoundError, write_secret, self.directory / "no" / "file", "new"
        )
