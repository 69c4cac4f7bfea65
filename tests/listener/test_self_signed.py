from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate_check import check_pair
from cfos_cloud.listener.self_signed import (
    made_here,
    make_self_signed,
    new_key,
    server_names,
)
from tests.listener.authority import NOW, Authority


class NamesTests(SynchronousTestCase):
    def test_a_server_is_reached_by_its_host_name_and_on_loopback(self) -> None:
        self.assertEqual(
            server_names("Cellar"), ("cellar", "localhost", "127.0.0.1", "::1")
        )

    def test_a_domain_comes_first_with_all_hosts_below(self) -> None:
        self.assertEqual(
            server_names("cellar", "Cloud.Example.org"),
            (
                "cloud.example.org",
                "*.cloud.example.org",
                "cellar",
                "localhost",
                "127.0.0.1",
                "::1",
            ),
        )

    def test_names_come_once(self) -> None:
        self.assertEqual(
            server_names("localhost", "localhost"),
            ("localhost", "*.localhost", "127.0.0.1", "::1"),
        )

    def test_a_host_name_that_dns_can_not_have_is_left_out(self) -> None:
        for name in ("", "my_host", "größe", "a..b", "-a", "x" * 64):
            self.assertEqual(server_names(name), ("localhost", "127.0.0.1", "::1"))

    def test_a_domain_that_is_none_is_refused(self) -> None:
        for name in ("", "a b", "*.example.org", "exa\nmple", "example.org."):
            with self.assertRaises(ValueError):
                server_names("cellar", name)


class SelfSignedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.key = new_key()
        self.names = server_names("cellar", "cloud.example.org")
        self.certificate = make_self_signed(self.key, self.names, NOW)

    def test_it_is_ecdsa_on_p256_with_sha256(self) -> None:
        self.assertIsInstance(self.key.curve, SECP256R1)
        self.assertIsInstance(self.certificate.leaf.signature_hash_algorithm, SHA256)
        self.assertTrue(self.certificate.self_signed)

    def test_it_is_for_all_names(self) -> None:
        self.assertEqual(self.certificate.names, self.names)
        names = self.certificate.leaf.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
        self.assertEqual(
            [str(ip) for ip in names.get_values_for_type(x509.IPAddress)],
            ["127.0.0.1", "::1"],
        )

    def test_it_is_a_servers_and_no_authoritys(self) -> None:
        extensions = self.certificate.leaf.extensions
        self.assertFalse(
            extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        )
        self.assertEqual(
            list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value),
            [ExtendedKeyUsageOID.SERVER_AUTH],
        )

    def test_it_is_valid_for_a_year_in_all(self) -> None:
        lifetime = self.certificate.not_after - self.certificate.not_before
        self.assertEqual(lifetime, timedelta(days=365))
        self.assertLess(self.certificate.not_before, NOW)

    def test_each_has_a_serial_number_of_its_own(self) -> None:
        other = make_self_signed(self.key, self.names, NOW)
        self.assertNotEqual(
            other.leaf.serial_number, self.certificate.leaf.serial_number
        )

    def test_the_first_name_is_the_common_name_if_it_fits(self) -> None:
        long = "a" * 60 + ".example.org"
        for names, expected in (
            (self.names, "cloud.example.org"),
            (server_names("cellar", long), "cfos-cloud"),
        ):
            [common_name] = make_self_signed(
                self.key, names, NOW
            ).leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            self.assertEqual(common_name.value, expected)

    def test_it_is_told_from_those_of_others(self) -> None:
        self.assertTrue(made_here(self.certificate.leaf))
        self.assertFalse(made_here(Authority().certificate))
        self.assertFalse(made_here(Authority().issue(self.key)))

    def test_it_passes_our_own_checks(self) -> None:
        checked = check_pair(
            self.certificate.certificate_pem, self.certificate.key_pem, NOW
        )
        self.assertEqual(checked, self.certificate)

    def test_the_key_does_not_show_when_it_is_printed(self) -> None:
        self.assertNotIn("key", repr(self.certificate).lower())

    def test_the_fingerprint_is_what_browsers_show(self) -> None:
        self.assertRegex(
            self.certificate.fingerprint, r"\A(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\Z"
        )

    def test_the_time_of_its_making_may_have_fractions(self) -> None:
        now = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        made = make_self_signed(self.key, self.names, now)
        self.assertEqual(made.not_before.microsecond, 0)
