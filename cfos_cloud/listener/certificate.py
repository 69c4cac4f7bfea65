"""A server certificate with its private key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificate:
    """
    :param chain: the server's certificate, then those that vouch for it, each
        issued by the next. Never empty.
    :param key: the private key of the first one.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False, compare=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own certificate."""
        return self.chain[0]

    @property
    def der(self) -> bytes:
        """The server's own certificate as it goes over the wire."""
        return self.leaf.public_bytes(Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        """The whole chain."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.chain)

    @property
    def key_pem(self) -> bytes:
        """The private key in PKCS #8, not encrypted: a secret."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def not_before(self) -> datetime:
        return self.leaf.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.leaf.not_valid_after_utc

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names and IP addresses that it is for (RFC 5280 §4.2.1.6)."""
        try:
            found = self.leaf.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except x509.ExtensionNotFound:
            return ()
        return tuple(
            str(name.value)
            for name in found
            if isinstance(name, x509.DNSName | x509.IPAddress)
        )

    @property
    def self_signed(self) -> bool:
        """Does nobody but its own key vouch for it?"""
        return issued(self.leaf, self.leaf)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of :attr:`der` the way browsers show it: ``AB:CD:…``."""
        return self.leaf.fingerprint(SHA256()).hex(":").upper()


def issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Do name and signature of ``subject`` say that ``issuer`` issued it?"""
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
