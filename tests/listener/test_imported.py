"""Several certificates of the operator's in the data directory."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener import imported
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import read_pair
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.certificates import (
    CertificateError,
    CertificateStore,
    NotImported,
)
from cfos_cloud.listener.imported import MAX_IMPORTED
from cfos_cloud.secret_files import write_secret
from tests.listener.authority import NOW
from tests.listener.several import certificate_for


class ImportedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp())
        self.directory = self.data_dir / "tls"
        self.store = self.again()

    def again(self) -> CertificateStore:
        """The store of a server that starts now."""

        def now() -> datetime:
            return NOW

        return CertificateStore(self.data_dir, ["localhost"], now)

    def names(self) -> set[str]:
        return {path.name for path in self.directory.iterdir()}

    def keep(self, *names: str) -> Certificate:
        certificate = certificate_for(*names)
        self.assertEqual(self.store.keep(certificate)[0], certificate)
        return certificate

    def assert_stored(self, *certificates: Certificate) -> None:
        for store in (self.store, self.again()):
            found = store.load()
            self.assertEqual(found, certificates)
            self.assertEqual(
                [each.key_pem for each in found],
                [each.key_pem for each in certificates],
            )


class ImportTests(ImportedCase):
    def test_those_for_other_names_stay_the_last_comes_first(self) -> None:
        a = self.keep("a.example")
        b = self.keep("b.example")
        c = self.keep("*.example")
        self.assert_stored(c, b, a)

    def test_one_for_the_same_names_is_replaced_wherever_it_is(self) -> None:
        a = self.keep("a.example")
        self.keep("b.example")
        b = self.keep("b.example")
        self.assert_stored(b, a)
        a = self.keep("a.example")
        self.assert_stored(a, b)
        self.assertEqual(len(self.names()), 2)

    def test_those_whose_names_it_has_all_are_replaced(self) -> None:
        self.keep("a.example")
        b = self.keep("b.example", "c.example")
        self.keep("d.example")
        both = self.keep("a.example", "d.example", "c.example")
        self.assert_stored(both, b)

    def test_the_last_one_is_where_earlier_versions_look(self) -> None:
        for names in (("a.example",), ("b.example",), ("a.example",)):
            last = self.keep(*names)
            content = (self.directory / "imported.pem").read_bytes()
            self.assertEqual(content, last.key_pem + last.certificate_pem)

    def test_one_of_an_earlier_version_is_read_as_it_is(self) -> None:
        old = certificate_for("old.example")
        self.directory.mkdir(parents=True)
        path = self.directory / "imported.pem"
        path.write_bytes(b"by hand\n" + old.key_pem + old.certificate_pem)
        before = path.read_bytes()
        self.store.tidy()
        self.assert_stored(old)
        self.assertEqual(path.read_bytes(), before)
        self.assert_stored(self.keep("new.example"), old)

    def test_only_the_owner_can_read_them(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        for name in ("a.example", "b.example", "c.example"):
            self.keep(name)
        modes = {path.stat().st_mode & 0o777 for path in self.directory.iterdir()}
        self.assertEqual(modes, {0o600})

    def test_there_is_room_for_so_many_and_for_what_replaces_one(self) -> None:
        key = certificate_for().key
        for number in range(MAX_IMPORTED):
            self.store.keep(certificate_for(f"{number}.example", key=key))
        before = self.store.load()
        self.assertEqual(len(before), MAX_IMPORTED)
        error = self.assertRaises(
            BadCertificate, self.store.keep, certificate_for("more.example", key=key)
        )
        self.assertIn("remove one first", str(error))
        self.assertEqual(self.again().load(), before)
        renewed = self.keep("7.example")
        self.assertEqual(len(self.store.load()), MAX_IMPORTED)
        self.assertEqual(self.again().load()[0], renewed)

    def test_of_more_that_somebody_put_there_the_latest_are_used(self) -> None:
        key = certificate_for().key
        self.directory.mkdir(parents=True)
        for number in range(1, MAX_IMPORTED + 3):
            each = certificate_for(f"{number}.example", key=key)
            path = self.directory / f"imported-{number}.pem"
            path.write_bytes(each.key_pem + each.certificate_pem)
        found = self.store.load()
        self.assertEqual(len(found), MAX_IMPORTED)
        self.assertEqual(found[0].names, (f"{MAX_IMPORTED + 2}.example",))
        self.assertEqual(found[-1].names, ("3.example",))

    def test_keys_of_rsa_are_checked_once_and_not_at_each_start(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        first = certificate_for("a.example", key=key)
        self.store.keep(first)
        self.keep("b.example")
        checks: list[bool] = []
        load = read_pair

        def note(one: bytes, two: bytes, *, is_checked: bool) -> Certificate:
            checks.append(is_checked)
            return load(one, two, is_checked=is_checked)

        self.patch(imported, "read_pair", note)
        store = self.again()
        self.assertIn(first, store.load())
        store.load()
        self.assertEqual(checks, [False, True])

    def test_no_room_on_the_disk_changes_nothing(self) -> None:
        a, b = self.keep("a.example"), self.keep("b.example")
        write = write_secret
        for fatal in ("imported-2.pem", "imported.pem"):

            def fail(path: Path, data: bytes, fatal: str = fatal) -> None:
                if path.name == fatal:
                    raise OSError(28, "No space left on device")
                write(path, data)

            self.patch(imported, "write_secret", fail)
            error = self.assertRaises(CertificateError, self.keep, "c.example")
            self.assertIn("No space left on device", str(error))
            self.assert_stored(b, a)
            self.assertEqual(self.names(), {"imported.pem", "imported-1.pem"})

    def test_a_damaged_one_is_one_clear_line(self) -> None:
        self.keep("a.example")
        self.keep("b.example")
        (self.directory / "imported-1.pem").write_bytes(b"damaged")
        error = self.assertRaises(CertificateError, self.again().load)
        self.assertIn("imported-1.pem: ", str(error))
        self.assertNotIn("\n", str(error))

    def test_an_import_leaves_a_damaged_one_alone(self) -> None:
        self.keep("a.example")
        self.keep("b.example")
        damaged = self.directory / "imported-1.pem"
        damaged.write_bytes(b"damaged")
        self.assertEqual(len(self.store.keep(certificate_for("c.example"))), 2)
        self.assertEqual(damaged.read_bytes(), b"damaged")


class RemoveTests(ImportedCase):
    def test_the_others_stay_in_their_order(self) -> None:
        a, b, c = (self.keep(f"{name}.example") for name in "abc")
        self.assertEqual(self.store.remove(b), (c, a))
        self.assert_stored(c, a)
        self.assertEqual(self.store.remove(c), (a,))
        self.assert_stored(a)
        self.assertEqual(self.names(), {"imported.pem"})

    def test_after_the_last_one_our_own_is_there_again(self) -> None:
        (own,) = self.store.load()
        a = self.keep("a.example")
        self.assertEqual(self.store.remove(a), (own,))
        self.assert_stored(own)
        self.assertEqual(self.names(), {"key.pem", "certificate.pem"})

    def test_what_is_not_imported_can_t_be_removed(self) -> None:
        (own,) = self.store.load()
        self.assertRaises(NotImported, self.store.remove, own)
        a = self.keep("a.example")
        for other in (own, certificate_for("a.example")):
            self.assertRaises(NotImported, self.store.remove, other)
        self.assert_stored(a)

    def test_without_one_to_take_its_place_the_last_stays(self) -> None:
        self.store.load()
        a = self.keep("a.example")
        (self.directory / "key.pem").write_bytes(b"damaged")
        self.assertRaises(CertificateError, self.store.remove, a)
        self.assert_stored(a)

    def test_one_that_a_crash_left_does_not_come_back(self) -> None:
        old, other = self.keep("a.example"), self.keep("b.example")
        left = (self.directory / "imported-1.pem").read_bytes()
        new = self.keep("a.example")
        (self.directory / "imported-1.pem").write_bytes(left)
        self.assert_stored(new, other)
        self.store.remove(new)
        self.assert_stored(other)
        self.assertNotIn(old, self.again().load())

    def test_what_another_has_replaced_goes_at_the_start(self) -> None:
        self.keep("a.example")
        self.keep("b.example")
        left = (self.directory / "imported-1.pem").read_bytes()
        self.keep("a.example")
        (self.directory / "imported-1.pem").write_bytes(left)
        self.again().tidy()
        self.assertEqual(self.names(), {"imported.pem", "imported-2.pem"})
