from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate_check import (
    BadCertificate,
    OutOfDate,
    check_pair,
)
from cfos_cloud.listener.certificate_pem import (
    MAX_CHAIN,
    MAX_CHAIN_BYTES,
    MAX_KEY_BYTES,
    BadKey,
)
from cfos_cloud.listener.certificate_warnings import warnings_of
from tests.listener.authority import NOW, Authority, Key, pem


class CheckPairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Authority("Root")
        self.middle = Authority("Middle", issuer=self.root)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.leaf = self.middle.issue(self.key)

    def refuse(
        self, chain: bytes, key: bytes, reason: str, part: str | None = None
    ) -> None:
        error = self.assertRaises(BadCertificate, check_pair, chain, key, NOW)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))
        if part is not None:
            self.assertEqual(error.part, part)

    def refuse_key(self, key: Key, reason: str) -> None:
        self.refuse(pem(self.middle.issue(key)), pem(key), reason)

    def refuse_leaf(self, leaf: x509.Certificate, reason: str) -> None:
        self.refuse(pem(leaf), pem(self.key), reason, "certificate")

    def test_a_chain_in_order_is_taken_with_and_without_its_root(self) -> None:
        chain = [self.leaf, self.middle.certificate]
        for complete in (chain, [*chain, self.root.certificate]):
            certificate = check_pair(b"".join(map(pem, complete)), pem(self.key), NOW)
            self.assertEqual(len(certificate.chain), len(complete))
            self.assertEqual(certificate.names, ("cloud.example.org",))
            self.assertFalse(certificate.self_signed)

    def test_rsa_from_2048_bits_and_three_curves_are_taken(self) -> None:
        for key, name in (
            (rsa.generate_private_key(65537, 2048), "RSA 2048"),
            (rsa.generate_private_key(65537, 4096), "RSA 4096"),
            (self.key, "EC P-256"),
            (ec.generate_private_key(ec.SECP384R1()), "EC P-384"),
            (ec.generate_private_key(ec.SECP521R1()), "EC P-521"),
        ):
            certificate = check_pair(pem(self.middle.issue(key)), pem(key), NOW)
            self.assertEqual(certificate.key_type, name)

    def test_a_key_is_taken_as_every_openssl_writes_it(self) -> None:
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
        parameters += b"-----END EC PARAMETERS-----\n"
        traditional = self.key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        for key in (
            parameters + traditional,
            b"Private-Key: (256 bit)\npriv: \xc3\xa4\n" + pem(self.key),
            pem(self.key).replace(b"\n", b"\r\n"),
            pem(self.leaf) + pem(self.key),
        ):
            check_pair(pem(self.leaf), key, NOW)

    def test_text_around_certificates_does_no_harm(self) -> None:
        text = b"Bag Attributes\n    friendlyName: caf\xc3\xa9\n"
        chain = text + pem(self.leaf) + text + pem(self.middle.certificate)
        certificate = check_pair(b"\xef\xbb\xbf" + chain, pem(self.key), NOW)
        self.assertEqual(len(certificate.chain), 2)

    def test_a_certificate_without_extended_key_usage_is_taken(self) -> None:
        check_pair(pem(self.middle.issue(self.key, usage=None)), pem(self.key), NOW)

    def test_what_is_not_pem_is_refused(self) -> None:
        for rubbish in (b"", b"rubbish", b"\x00\xff"):
            self.refuse(rubbish, pem(self.key), "the certificate is not PEM")
        good = pem(self.leaf)
        for rubbish in (good[:99], good.replace(b"M", b"?", 1), good[:-30]):
            self.refuse(rubbish, pem(self.key), "damaged", "certificate")
        for rubbish in (b"", b"rubbish", pem(self.key)[:99]):
            self.refuse(
                pem(self.leaf), rubbish, "the private key is not PEM", "private_key"
            )
        damaged = pem(self.key).replace(b"M", b"A", 1)
        self.refuse(pem(self.leaf), damaged, "not PEM, or damaged", "private_key")

    def test_a_chain_whose_end_is_cut_off_is_refused(self) -> None:
        # The library would take the first and pass over the rest.
        cut = pem(self.leaf) + pem(self.middle.certificate)[:200]
        self.refuse(cut, pem(self.key), "it begins 2 certificates, and 1 can be read")

    def test_two_files_that_are_swapped_are_seen(self) -> None:
        self.refuse(pem(self.key), pem(self.leaf), "are the two swapped?")
        self.refuse(pem(self.leaf), pem(self.leaf), "are the two swapped?")

    def test_what_is_too_large_is_refused_before_it_is_read(self) -> None:
        large = b"x" * (MAX_CHAIN_BYTES + 1)
        self.refuse(large + pem(self.leaf), pem(self.key), "larger than 48 KiB")
        large = b"x" * (MAX_KEY_BYTES + 1)
        self.refuse(pem(self.leaf), large + pem(self.key), "larger than 16 KiB")
        block = b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 5000
        block += b"\n-----END PRIVATE KEY-----\n"
        self.refuse(pem(self.leaf), block, "larger than RSA with 4096 bits")

    def test_an_encrypted_key_is_refused(self) -> None:
        encrypted = self.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        old = self.key.private_bytes(
            Encoding.PEM,
            PrivateFormat.TraditionalOpenSSL,
            BestAvailableEncryption(b"secret"),
        )
        for key in (encrypted, old):
            self.refuse(pem(self.leaf), key, "is encrypted", "private_key")

    def test_another_certificates_key_is_refused(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        self.refuse(pem(self.leaf), pem(other), "belongs to another certificate")
        other_kind = rsa.generate_private_key(65537, 2048)
        self.refuse(pem(self.leaf), pem(other_kind), "belongs to another certificate")

    def test_weak_keys_are_refused(self) -> None:
        for bits in (1024, 2047):
            key = rsa.generate_private_key(65537, bits)
            self.refuse_key(key, f"the RSA key has {bits} bits, fewer than 2048")
        self.refuse_key(ec.generate_private_key(ec.SECP224R1()), "secp224r1")

    def test_keys_that_browsers_do_not_know_are_refused(self) -> None:
        self.refuse_key(ec.generate_private_key(ec.SECP256K1()), "secp256k1")
        self.refuse_key(ed25519.Ed25519PrivateKey.generate(), "neither RSA nor EC")

    def test_a_key_that_makes_handshakes_dear_is_refused(self) -> None:
        key = rsa.generate_private_key(65537, 4104)
        self.refuse_key(key, "4104 bits, more than 4096")

    def test_a_chain_that_begins_with_another_is_said_to(self) -> None:
        chain = pem(self.middle.certificate) + pem(self.leaf)
        self.refuse(chain, pem(self.key), "belongs to certificate 2 of the chain")

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

    def test_a_signature_that_was_tampered_with_is_refused(self) -> None:
        der = bytearray(self.leaf.public_bytes(Encoding.DER))
        der[-1] ^= 1
        tampered = x509.load_der_x509_certificate(bytes(der))
        chain = pem(tampered) + pem(self.middle.certificate)
        self.refuse(chain, pem(self.key), "did not issue certificate 1")

    def test_who_is_no_authority_vouches_for_nobody(self) -> None:
        customer = Authority("Customer", issuer=self.middle)
        server = self.middle.issue(customer.key, "Customer")
        chain = pem(customer.issue(self.key)) + pem(server)
        self.refuse(chain, pem(self.key), "certificate 2 of the chain is not an auth")

    def test_an_endless_chain_is_refused(self) -> None:
        chain = pem(self.root.certificate) * (MAX_CHAIN + 1)
        self.refuse(chain, pem(self.key), f"more than {MAX_CHAIN}")

    def test_a_signature_that_a_login_can_not_be_bound_to_is_refused(self) -> None:
        authority = Authority(key=ed25519.Ed25519PrivateKey.generate())
        self.refuse(pem(authority.issue(self.key)), pem(self.key), "RFC 5929")

    def test_a_clients_certificate_is_refused(self) -> None:
        leaf = self.middle.issue(self.key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.refuse_leaf(leaf, "serverAuth")
        every = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
        check_pair(pem(self.middle.issue(self.key, usage=every)), pem(self.key), NOW)

    def test_a_key_that_may_not_sign_is_refused(self) -> None:
        for signs in (True, False):
            usage = key_usage(signs)
            leaf = self.middle.issue(self.key, more=(usage,))
            if signs:
                check_pair(pem(leaf), pem(self.key), NOW)
            else:
                self.refuse_leaf(leaf, "digitalSignature")

    def test_an_authority_s_own_is_refused(self) -> None:
        self.refuse_leaf(self.middle.issue(self.key, is_ca=True), "an authority's (CA)")
        chain = pem(self.middle.certificate) + pem(self.root.certificate)
        self.refuse(chain, pem(self.middle.key), "an authority's (CA)")

    def test_what_openssl_req_makes_for_a_server_is_taken(self) -> None:
        # Its default says CA, of what signs nobody but itself.
        own = Authority("cloud.example.org", self.key).certificate
        certificate = check_pair(pem(own), pem(self.key), NOW)
        self.assertTrue(certificate.self_signed)

    def test_extensions_that_can_t_be_read_are_one_line(self) -> None:
        leaf = self.middle.issue(
            self.key,
            more=(
                x509.UnrecognizedExtension(
                    x509.AuthorityInformationAccess.oid, b"rubbish"
                ),
            ),
        )
        self.refuse_leaf(leaf, "extensions can't be read")

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
        self.assertIsInstance(error, BadKey)
        self.assertNotIsInstance(error, OutOfDate)


class AnyBytesTests(SynchronousTestCase):
    """Whatever comes, it is a line or a certificate that can be told about."""

    authority = Authority()
    key = ec.generate_private_key(ec.SECP256R1())
    der = authority.issue(key).public_bytes(Encoding.DER)

    @given(st.integers(0, len(der) - 1), st.binary(min_size=1, max_size=4))
    def test_a_certificate_with_other_bytes_in_it(self, at: int, other: bytes) -> None:
        der = self.der[:at] + other + self.der[at + len(other) :]
        text = b64encode(der)
        self.check(
            b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n"
        )

    @given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
    def test_pem_with_other_bytes_in_it(self, at: int, other: bytes) -> None:
        good = pem(self.authority.issue(self.key))
        self.check(good[:at] + other + good[at + len(other) :])

    def check(self, certificate_pem: bytes) -> None:
        try:
            certificate = check_pair(certificate_pem, pem(self.key), NOW)
        except BadCertificate as error:
            self.assertNotIn("\n", str(error))
        else:
            self.assertIsInstance(certificate.names, tuple)
            self.assertTrue(certificate.issuer)
            warnings_of(certificate, NOW, ["cloud.example.org"])


def key_usage(digital_signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
