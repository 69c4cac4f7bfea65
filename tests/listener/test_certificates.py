from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from cfos_cloud.listener import imported
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
        (certificate,) = CertificateStore(self.data_dir, wanted, now).load()
        return certificate

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
        self.assertGreater(renewed.not_after, self.now + timedelta(days=360))
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
        self.fails("the certificate is not PEM")
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

    def test_near_its_end_and_after_it_it_is_left_alone(self) -> None:
        for left in (timedelta(days=1), timedelta(seconds=-1)):
            leaf = self.issue(left)
            self.put(leaf, pem(self.key))
            self.assertEqual(self.load().certificate_pem, leaf)
            self.assertEqual(self.certificate_path.read_bytes(), leaf)

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


class ImportedCertificateTests(StoreTests):
    def setUp(self) -> None:
        super().setUp()
        self.imported_path = self.data_dir / "tls" / "imported.pem"
        self.store = CertificateStore(
            self.data_dir, server_names("cellar"), lambda: self.now
        )
        (self.own,) = self.store.load()

    def keep(self, end: timedelta = timedelta(days=80)) -> Certificate:
        root = Authority()
        key = new_key()
        leaf = root.issue(key, end=NOW + end)
        certificate = Certificate((leaf, root.certificate), key)
        self.store.keep(certificate)
        return certificate

    def test_it_is_there_after_a_restart_with_its_chain_and_key(self) -> None:
        kept = self.keep()
        for found in (*self.store.load(), self.load()):
            self.assertEqual(found, kept)
            self.assertEqual(found.key_pem, kept.key_pem)

    def test_the_one_made_here_stays_for_the_day_when_it_is_gone(self) -> None:
        self.keep()
        self.imported_path.unlink()
        self.assertEqual(self.store.load(), (self.own,))

    def test_nothing_that_renews_our_own_touches_it(self) -> None:
        kept = self.keep()
        data = self.imported_path.read_bytes()
        for later in (timedelta(0), timedelta(days=79), timedelta(days=1000)):
            self.now = NOW + later
            self.assertEqual(self.load("other.example"), kept)
        self.assertEqual(self.imported_path.read_bytes(), data)
        self.assertEqual(self.certificate_path.read_bytes(), self.own.certificate_pem)

    def test_the_next_one_takes_its_place(self) -> None:
        self.keep()
        second = self.keep()
        self.assertEqual(self.store.load(), (second,))

    def test_only_the_owner_can_read_it(self) -> None:
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        self.imported_path.touch(mode=0o666)
        self.keep()
        self.assertEqual(self.imported_path.stat().st_mode & 0o777, 0o600)

    def test_one_that_is_damaged_is_one_clear_line_and_stays(self) -> None:
        kept = self.keep()
        good = self.imported_path.read_bytes()
        for bad, reason in (
            (b"", "imported.pem: the certificate is not PEM"),
            (kept.certificate_pem, "imported.pem: this is a certificate and no"),
            (good[:-40], "imported.pem: the chain is damaged"),
        ):
            self.imported_path.write_bytes(bad)
            self.fails(reason)

    def test_what_can_t_be_written_leaves_the_old_one(self) -> None:
        kept = self.keep()

        def no_room(path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        self.patch(imported, "write_secret", no_room)
        error = self.assertRaises(CertificateError, self.keep)
        self.assertEqual(
            str(error),
            f"can't write {self.imported_path}: No space left on device",
        )
        self.assertEqual(self.store.load(), (kept,))

    def test_what_a_crash_left_is_removed_and_nothing_else(self) -> None:
        kept = self.keep()
        leftover = self.imported_path.with_name(".imported.pem.4711.new")
        leftover.write_bytes(kept.key_pem)
        self.store.tidy()
        self.assertEqual(
            {path.name for path in self.imported_path.parent.iterdir()},
            {"imported.pem", "key.pem", "certificate.pem"},
        )

    def test_a_key_is_read_once_as_long_as_its_file_stays(self) -> None:
        kept = self.keep()
        self.assertIs(self.store.load()[0], self.store.load()[0])
        self.imported_path.write_bytes(self.imported_path.read_bytes() + b"\n\n")
        self.assertEqual(self.store.load(), (kept,))
