"""What is said of certificates that work all the same."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_warnings import warnings_of
from cfos_cloud.listener.self_signed import make_self_signed, new_key
from tests.listener.authority import NOW, Authority


def download_of_issuer() -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier("http://ca.example/ca.der"),
            )
        ]
    )


class WarningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = Authority()

    def codes(self, certificate: Certificate, *wanted: str) -> list[str]:
        return [each.code.value for each in warnings_of(certificate, NOW, wanted)]

    def ending(self, left: timedelta) -> Certificate:
        key = new_key()
        start = NOW - timedelta(days=90)
        leaf = self.authority.issue(key, start=start, end=NOW + left)
        return Certificate((leaf,), key)

    def test_time_is_told_from_21_days_on(self) -> None:
        second = timedelta(seconds=1)
        for left, codes in (
            (timedelta(days=21) + second, []),
            (timedelta(days=21), ["expires-soon"]),
            (second, ["expires-soon"]),
            (-second, ["expired"]),
        ):
            self.assertEqual(self.codes(self.ending(left)), codes, left)

    def test_one_that_is_not_valid_yet_is_told(self) -> None:
        key = new_key()
        leaf = self.authority.issue(key, start=NOW + timedelta(hours=1))
        self.assertEqual(self.codes(Certificate((leaf,), key)), ["not-yet-valid"])

    def test_an_authority_that_expires_first_counts(self) -> None:
        key = new_key()
        leaf = self.authority.issue(key)
        old = self.authority.issue(
            self.authority.key, is_ca=True, end=NOW + timedelta(days=3)
        )
        certificate = Certificate((leaf, old), key)
        self.assertEqual(self.codes(certificate), ["expires-soon"])
        self.assertEqual(certificate.days_left(NOW), 3)

    def test_names_that_it_is_not_for_are_told(self) -> None:
        certificate = make_self_signed(new_key(), ["A.example", "*.b.example"], NOW)
        for wanted, covered in (
            ("a.example", True),
            ("A.EXAMPLE", True),
            ("x.a.example", False),
            ("x.b.example", True),
            ("*.b.example", True),
            ("b.example", False),
            ("x.y.b.example", False),
            ("*.a.example", False),
            ("example", False),
            ("127.0.0.1", False),
        ):
            codes = [] if covered else ["name-missing"]
            self.assertEqual(self.codes(certificate, wanted), codes, wanted)
        (warning,) = warnings_of(certificate, NOW, ["c.example", "*.c.example"])
        self.assertEqual(
            warning.text, "the certificate is not for c.example and *.c.example"
        )

    def test_a_chain_that_lacks_its_issuer_is_told(self) -> None:
        key = new_key()
        leaf = self.authority.issue(key, more=(download_of_issuer(),))
        alone = Certificate((leaf,), key)
        self.assertEqual(self.codes(alone), ["chain-incomplete"])
        self.assertEqual(
            self.codes(Certificate((leaf, self.authority.certificate), key)), []
        )

    def test_one_of_a_private_authority_or_of_its_own_is_not(self) -> None:
        key = new_key()
        own = make_self_signed(key, ["localhost"], NOW)
        for certificate in (own, Certificate((self.authority.issue(key),), key)):
            self.assertEqual(self.codes(certificate), [])

    def test_a_curve_that_browsers_lack_is_told(self) -> None:
        key = ec.generate_private_key(ec.SECP521R1())
        certificate = Certificate((self.authority.issue(key),), key)
        self.assertEqual(self.codes(certificate), ["rare-curve"])
