"""A server certificate with its private key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
E = TypeVar("E", bound=x509.ExtensionType)

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


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
        """When all of the chain is valid from."""
        return max(each.not_valid_before_utc for each in self.chain)

    @property
    def not_after(self) -> datetime:
        """When the first of the chain expires; almost always the server's own."""
        return min(each.not_valid_after_utc for each in self.chain)

    def days_left(self, now: datetime) -> int:
        """Whole days until :attr:`not_after`, negative after it."""
        return (self.not_after - now) // timedelta(days=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names and IP addresses that it is for (RFC 5280 §4.2.1.6)."""
        found = extension(self.leaf, x509.SubjectAlternativeName)
        return tuple(
            str(name.value)
            for name in found or ()
            if isinstance(name, x509.DNSName | x509.IPAddress)
        )

    def covers(self, name: str) -> bool:
        """
        Is it for this DNS name, or by a wildcard for one label in its place (RFC
        9525 §6.3)? A ``name`` with a wildcard is covered by the same wildcard alone.
        """
        name = name.lower()
        first, _, rest = name.partition(".")
        ours = {each.lower() for each in self.names}
        return name in ours or (first != "*" and bool(rest) and f"*.{rest}" in ours)

    @property
    def issuer(self) -> str:
        """Who vouches for it, as RFC 4514 writes names."""
        return self.leaf.issuer.rfc4514_string()

    @property
    def key_type(self) -> str:
        """``RSA 2048``, say, or ``EC P-256``."""
        if isinstance(self.key, RSAPrivateKey):
            return f"RSA {self.key.key_size}"
        return f"EC {_CURVES.get(self.key.curve.name, self.key.curve.name)}"

    @property
    def self_signed(self) -> bool:
        """Does nobody but its own key vouch for it?"""
        return issued(self.leaf, self.leaf)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of :attr:`der` the way browsers show it: ``AB:CD:…``."""
        return self.leaf.fingerprint(SHA256()).hex(":").upper()

    @property
    def public_key_hash(self) -> str:
        """
        SHA-256 of its SubjectPublicKeyInfo, in hexadecimal: what device ends and the
        operator's tool know a server by.
        """
        key = self.leaf.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(key).hexdigest()


def issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Do name and signature of ``subject`` say that ``issuer`` issued it?"""
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """The certificate's extension of this kind, if it has one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
