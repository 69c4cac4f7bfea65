"""The servers' keys that a device end remembers."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.pins import PinFile, PinFileError, pin_of
from tests.device.certificates import make_certificate

PIN = "ab" * 32
OTHER = "cd" * 32
SERVER = "cloud.example:4443"


class PinFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "deep" / "state"
        self.pins = PinFile(self.directory)
        self.pins.check_writable()

    def test_a_pin_outlives_the_process(self) -> None:
        self.assertIsNone(self.pins.get(SERVER))
        self.pins.put(SERVER, PIN)
        again = PinFile(self.directory)
        self.assertEqual(again.get(SERVER), PIN)
        self.assertIsNone(again.get("cloud.example:443"))

    def test_servers_do_not_disturb_each_other(self) -> None:
        self.pins.put(SERVER, PIN)
        self.pins.put("other.example:4443", OTHER)
        self.pins.put(SERVER, OTHER)
        self.assertEqual(
            json.loads(self.pins.path.read_text()),
            {SERVER: OTHER, "other.example:4443": OTHER},
        )

    def test_file_and_directory_are_the_owners_only(self) -> None:
        self.pins.put(SERVER, PIN)
        self.assertEqual(stat.S_IMODE(self.pins.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)

    def test_what_a_person_deletes_is_gone_at_once(self) -> None:
        self.pins.put(SERVER, PIN)
        self.pins.path.unlink()
        self.assertIsNone(self.pins.get(SERVER))

    def test_a_damaged_file_is_an_error_and_never_no_pin(self) -> None:
        for text in ("", "{", "[]", '{"a": 1}', '{"a": "xyz"}', " " * 70_000, "\udcff"):
            self.pins.path.write_bytes(text.encode("utf-8", "surrogateescape"))
            pins = PinFile(self.directory)
            error = self.assertRaises(PinFileError, pins.get, SERVER)
            self.assertIn(str(pins.path), str(error))
            self.assertRaises(PinFileError, pins.check_writable)
            self.assertRaises(PinFileError, pins.put, SERVER, PIN)

    def test_a_pin_that_can_not_be_written_is_known_for_this_process(self) -> None:
        self.pins.put(SERVER, PIN)
        full = OSError(28, "No space left on device")
        with mock.patch("cfos_cloud.device.pins.write_secret", side_effect=full):
            error = self.assertRaises(PinFileError, self.pins.put, SERVER, OTHER)
        self.assertIn("No space left", str(error))
        self.assertEqual(self.pins.get(SERVER), OTHER)
        self.assertEqual(PinFile(self.directory).get(SERVER), PIN)

    def test_a_directory_that_can_not_be_made_is_an_error(self) -> None:
        (self.directory / "file").write_text("")
        pins = PinFile(self.directory / "file" / "state")
        self.assertRaises(PinFileError, pins.check_writable)

    def test_a_directory_that_can_not_be_written_is_an_error(self) -> None:
        if os.geteuid() == 0:
            with mock.patch("os.access", return_value=False):
                self.assertRaises(PinFileError, self.pins.check_writable)
            return
        self.directory.chmod(0o500)
        self.assertRaises(PinFileError, self.pins.check_writable)


class PinTests(SynchronousTestCase):
    def test_it_is_the_hash_of_the_public_key(self) -> None:
        made = make_certificate()
        key = made.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.assertEqual(pin_of(made.certificate), hashlib.sha256(key).hexdigest())

    def test_a_renewed_certificate_with_the_same_key_has_the_same_pin(self) -> None:
        made = make_certificate()
        renewed = make_certificate(key=made.key)
        self.assertNotEqual(made.certificate, renewed.certificate)
        self.assertEqual(pin_of(made.certificate), pin_of(renewed.certificate))
