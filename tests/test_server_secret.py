"""The server's own secret: made once, kept, and split by purpose."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.server_secret import FILE, SECRET_BYTES, ServerSecret


class ServerSecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / FILE

    def test_the_first_start_makes_it_for_the_owner_alone(self) -> None:
        ServerSecret.in_directory(self.directory)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(bytes.fromhex(self.path.read_text())), SECRET_BYTES)

    def test_later_starts_have_the_same(self) -> None:
        first = ServerSecret.in_directory(self.directory)
        second = ServerSecret.in_directory(self.directory)
        self.assertEqual(first.derive("a"), second.derive("a"))

    def test_another_server_has_another(self) -> None:
        other = self.directory / "other"
        other.mkdir()
        first = ServerSecret.in_directory(self.directory)
        self.assertNotEqual(
            first.derive("a"), ServerSecret.in_directory(other).derive("a")
        )

    def test_each_purpose_has_a_key_of_its_own(self) -> None:
        secret = ServerSecret(bytes(range(32)))
        keys = {secret.derive(purpose) for purpose in ("", "a", "b", "ab")}
        self.assertEqual(len(keys), 4)
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertNotIn(bytes(range(32)), keys)

    def test_what_is_none_is_refused_and_left_alone(self) -> None:
        for content in ("", "zz" * 32, "00" * 31, "00" * 33, "0" * 63):
            self.path.write_text(content)
            with self.assertRaises(SecretFileError) as caught:
                ServerSecret.in_directory(self.directory)
            self.assertIn(str(self.path), str(caught.exception))
            self.assertEqual(self.path.read_text(), content)

    def test_a_directory_that_is_missing_is_an_error(self) -> None:
        self.assertRaises(
            FileNotFoundError, ServerSecret.in_directory, self.directory / "none"
        )
