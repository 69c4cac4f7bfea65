from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from cfos_cloud.listener.certificates import (
    Certificate,
    CertificateError,
    CertificateStore,
)
from cfos_cloud.listener.self_signed import new_key, server_names
from tests.listener.authority import NOW, Authority, pem


def public_key(certificate: Certificate) -> bytes:
    return certificate.leaf.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp())
        self.key_path = self.data_dir / "tls" / "key.pem"
        self.certificate_path = self.data_dir / "tls" / "certificate.pem"
        self.now = NOW
        self.events: list[LogEvent] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            self.events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def load(self, *names: str) -> Certificate:
        def now() -> datetime:
            return self.now

        wanted = names or server_names("cellar")
        return CertificateStore(self.data_dir, wanted, now).load()

    def put(self, certificate: bytes, key: bytes) -> None:
        self.key_path.parent.mkdir(parents=True, exist_ok=True)
        self.certificate_path.write_bytes(certificate)
        self.key_path.write_bytes(key)

    def fails(self, reason: str) -> None:
        before = {path: path.read_bytes() for path in self.key_path.parent.iterdir()}
        error = self.assertRaises(CertificateError, self.load)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))
        after = {path: path.read_bytes() for path in self.key_path.parent.iterdir()}
        self.assertEqual(before, after)

    def levels(self) -> list[str]:
        return [
            event["log_level"].name
            for event in self.events
            if event.get("log_namespace", "").startswith("cfos_cloud")
        ]


class OwnCertificateTests(StoreTests):
    def test_the_first_use_makes_one_which_later_uses_find(self) -> None:
        made = self.load()
        self.assertTrue(made.self_signed)
        self.assertEqual(made.names, server_names("cellar"))
        self.assertEqual(self.load(), made)
        self.assertEqual(self.certificate_path.read_bytes(), made.certificate_pem)

    def test_only_the_owner_can_read_the_files(self) -> None:
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        self.load()
        for path, mode in (
            (self.key_path, 0o600),
            (self.certificate_path, 0o600),
            (self.key_path.parent, 0o700),
        ):
            self.assertEqual(path.stat().st_mode & 0o777, mode)

    def test_nothing_else_is_left_in_the_directory(self) -> None:
        self.load()
        self.assertEqual(
            {path.name for path in self.key_path.parent.iterdir()},
            {"key.pem", "certificate.pem"},
        )

    def test_it_is_renewed_with_the_same_key_30_days_before_its_end(self) -> None:
        old = self.load()
        self.now = old.not_after - timedelta(days=30)
        self.assertEqual(self.load(), old)
        self.now += timedelta(seconds=1)
        renewed = self.load()
        self.assertEqual(public_key(renewed), public_key(old))
        self.assertGreater(renewed.not_after, self.now + timedelta(days=390))
        self.assertEqual(self.load(), renewed)

    def test_one_that_is_long_expired_is_renewed_with_the_same_key(self) -> None:
        old = self.load()
        self.now = old.not_after + timedelta(days=1000)
        renewed = self.load()
        self.assertEqual(public_key(renewed), public_key(old))
        self.assertGreater(renewed.not_after, self.now)

    def test_one_from_the_future_is_made_again_with_the_same_key(self) -> None:
        old = self.load()
        self.now -= timedelta(days=1)
        again = self.load()
        self.assertLess(again.not_before, self.now)
        self.assertEqual(public_key(again), public_key(old))

    def test_other_names_make_another_with_the_same_key(self) -> None:
        old = self.load()
        new = self.load("cloud.example.org", "localhost")
        self.assertEqual(new.names, ("cloud.example.org", "localhost"))
        self.assertEqual(public_key(new), public_key(old))

    def test_the_same_names_in_another_order_are_no_reason(self) -> None:
        old = self.load("a.example", "b.example")
        self.assertEqual(self.load("b.example", "a.example"), old)

    def test_a_crash_between_key_and_certificate_keeps_the_key(self) -> None:
        old = self.load()
        self.certificate_path.unlink()
        self.assertEqual(public_key(self.load()), public_key(old))

    def test_a_certificate_of_another_key_is_made_again_with_the_key(self) -> None:
        old = self.load()
        other = new_key()
        self.key_path.write_bytes(pem(other))
        made = self.load()
        self.assertNotEqual(public_key(made), public_key(old))
        self.assertEqual(made.key_pem, pem(other))

    def test_a_lost_key_makes_both_new(self) -> None:
        old = self.load()
        self.key_path.unlink()
        new = self.load()
        self.assertNotEqual(public_key(new), public_key(old))
        self.assertEqual(self.load(), new)

    def test_damaged_files_are_one_clear_line_and_stay(self) -> None:
        made = self.load()
        self.certificate_path.write_bytes(b"")
        self.fails("the certificate is not PEM, or damaged")
        self.certificate_path.write_bytes(b"\xff\xfe")
        self.fails("certificate.pem is not UTF-8 text")
        self.certificate_path.write_bytes(made.certificate_pem)
        self.key_path.write_bytes(made.key_pem[:50])
        self.fails("the private key is not PEM, or damaged")

    def test_a_directory_that_can_not_be_written_is_one_clear_line(self) -> None:
        self.data_dir.write_text("a file")
        error = self.assertRaises(CertificateError, self.load)
        self.assertIn(str(self.data_dir), str(error))
        self.assertNotIn("\n", str(error))

    def test_the_log_has_the_fingerprint_and_not_the_key(self) -> None:
        made = self.load()
        text = repr([event for event in self.events if "fingerprint" in event])
        self.assertIn(made.fingerprint, text)
        self.assertNotIn("PRIVATE", text)


class OperatorsCertificateTests(StoreTests):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        self.key = ec.generate_private_key(ec.SECP256R1())

    def issue(self, end: timedelta) -> bytes:
        return pem(self.authority.issue(self.key, end=NOW + end))

    def test_it_is_served_whatever_our_names_are(self) -> None:
        leaf = self.issue(timedelta(days=80))
        self.put(leaf, pem(self.key))
        self.assertEqual(self.load().certificate_pem, leaf)
        self.assertEqual(self.levels(), [])

    def test_near_its_end_it_is_left_alone_with_a_warning(self) -> None:
        leaf = self.issue(timedelta(days=29))
        self.put(leaf, pem(self.key))
        self.assertEqual(self.load().certificate_pem, leaf)
        self.assertEqual(self.certificate_path.read_bytes(), leaf)
        self.assertEqual(self.levels(), ["warn"])

    def test_after_its_end_it_is_still_served_with_an_error(self) -> None:
        leaf = self.issue(timedelta(seconds=-1))
        self.put(leaf, pem(self.key))
        self.assertEqual(self.load().certificate_pem, leaf)
        self.assertEqual(self.levels(), ["error"])

    def test_a_self_signed_one_of_somebody_else_is_the_operators_too(self) -> None:
        own = Authority("my own", self.key).certificate
        self.put(pem(own), pem(self.key))
        self.assertEqual(self.load().leaf, own)

    def test_a_pair_that_does_not_match_is_one_clear_line_and_stays(self) -> None:
        self.put(self.issue(timedelta(days=80)), pem(new_key()))
        self.fails("the private key belongs to another certificate")

    def test_a_missing_key_is_one_clear_line(self) -> None:
        self.put(self.issue(timedelta(days=80)), pem(self.key))
        self.key_path.unlink()
        self.fails("key.pem is missing")
