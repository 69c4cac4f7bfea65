from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate_check import (
    MAX_CHAIN,
    BadCertificate,
    OutOfDate,
    check_pair,
)
from tests.listener.authority import NOW, Authority, Key, pem


class CheckPairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Authority("Root")
        self.middle = Authority("Middle", issuer=self.root)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.leaf = self.middle.issue(self.key)

    def refuse(self, chain: bytes, key: bytes, reason: str) -> None:
        error = self.assertRaises(BadCertificate, check_pair, chain, key, NOW)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))

    def refuse_key(self, key: Key, reason: str) -> None:
        self.refuse(pem(self.middle.issue(key)), pem(key), reason)

    def test_a_chain_in_order_is_taken_with_and_without_its_root(self) -> None:
        chain = [self.leaf, self.middle.certificate]
        for complete in (chain, [*chain, self.root.certificate]):
            certificate = check_pair(b"".join(map(pem, complete)), pem(self.key), NOW)
            self.assertEqual(len(certificate.chain), len(complete))
            self.assertEqual(certificate.names, ("cloud.example.org",))
            self.assertFalse(certificate.self_signed)

    def test_rsa_with_2048_bits_and_p384_are_taken(self) -> None:
        for key in (
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP384R1()),
        ):
            check_pair(pem(self.middle.issue(key)), pem(key), NOW)

    def test_a_certificate_without_extended_key_usage_is_taken(self) -> None:
        check_pair(pem(self.middle.issue(self.key, usage=None)), pem(self.key), NOW)

    def test_what_is_not_pem_is_refused(self) -> None:
        for rubbish in (
            b"",
            b"rubbish",
            b"\x00\xff",
            pem(self.key),
            pem(self.leaf)[:99],
        ):
            self.refuse(rubbish, pem(self.key), "the certificate is not PEM")
        for rubbish in (b"", b"rubbish", pem(self.leaf), pem(self.key)[:99]):
            self.refuse(pem(self.leaf), rubbish, "the private key is not PEM")

    def test_an_encrypted_key_is_refused(self) -> None:
        encrypted = self.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.refuse(pem(self.leaf), encrypted, "encrypted")

    def test_another_certificates_key_is_refused(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        self.refuse(pem(self.leaf), pem(other), "belongs to another certificate")
        other_kind = rsa.generate_private_key(65537, 2048)
        self.refuse(pem(self.leaf), pem(other_kind), "belongs to another certificate")

    def test_weak_keys_are_refused(self) -> None:
        self.refuse_key(rsa.generate_private_key(65537, 1024), "1024 bits")  # noqa: S505
        self.refuse_key(ec.generate_private_key(ec.SECP224R1()), "secp224r1")

    def test_keys_that_browsers_do_not_know_are_refused(self) -> None:
        self.refuse_key(ec.generate_private_key(ec.SECP256K1()), "secp256k1")
        self.refuse_key(ec.generate_private_key(ec.SECP521R1()), "secp521r1")
        self.refuse_key(ed25519.Ed25519PrivateKey.generate(), "neither RSA nor EC")

    def test_a_chain_out_of_order_is_refused(self) -> None:
        chain = [self.leaf, self.root.certificate, self.middle.certificate]
        self.refuse(
            b"".join(map(pem, chain)),
            pem(self.key),
            "certificate 2 did not issue certificate 1",
        )

    def test_an_authority_of_the_same_name_is_told_from_the_right_one(self) -> None:
        chain = [self.leaf, Authority("Middle").certificate]
        self.refuse(b"".join(map(pem, chain)), pem(self.key), "out of order")

    def test_an_endless_chain_is_refused(self) -> None:
        chain = pem(self.root.certificate) * (MAX_CHAIN + 1)
        self.refuse(chain, pem(self.key), f"more than {MAX_CHAIN}")

    def test_a_signature_that_a_login_can_not_be_bound_to_is_refused(self) -> None:
        authority = Authority(key=ed25519.Ed25519PrivateKey.generate())
        self.refuse(pem(authority.issue(self.key)), pem(self.key), "RFC 5929")

    def test_a_clients_certificate_is_refused(self) -> None:
        leaf = self.middle.issue(self.key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.refuse(pem(leaf), pem(self.key), "serverAuth")

    def test_dates_are_checked_for_the_whole_chain(self) -> None:
        day = timedelta(days=1)
        expired = self.middle.issue(self.key, end=NOW - timedelta(seconds=1))
        future = self.middle.issue(self.key, start=NOW + timedelta(seconds=1))
        self.refuse(pem(expired), pem(self.key), "expired on 2030-06-01 11:59 UTC")
        self.refuse(pem(future), pem(self.key), "not valid before 2030-06-01 12:00 UTC")
        old_middle: x509.Certificate = self.root.issue(
            self.middle.key, "Middle", is_ca=True, end=NOW - day / 2
        )
        chain = pem(self.leaf) + pem(old_middle)
        self.refuse(chain, pem(self.key), "certificate 2 of the chain expired")
        self.assertRaises(OutOfDate, check_pair, chain, pem(self.key), NOW)

    def test_an_order_that_is_wrong_is_said_before_dates_that_are(self) -> None:
        expired = self.middle.issue(self.key, end=NOW - timedelta(seconds=1))
        other = ec.generate_private_key(ec.SECP256R1())
        error = self.assertRaises(
            BadCertificate, check_pair, pem(expired), pem(other), NOW
        )
        self.assertNotIsInstance(error, OutOfDate)
