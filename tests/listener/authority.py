"""A certificate authority for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_numbers = count(1)


def pem(thing: x509.Certificate | Key) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Authority:
    """Issues certificates under its own name."""

    name: str = "Test CA"
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    issuer: Authority | None = None

    @property
    def certificate(self) -> x509.Certificate:
        return (self.issuer or self).issue(self.key, self.name, is_ca=True)

    def issue(
        self,
        key: Key,
        name: str = "cloud.example.org",
        *,
        start: datetime = NOW - timedelta(days=1),
        end: datetime = NOW + timedelta(days=89),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
        is_ca: bool = False,
        more: tuple[x509.ExtensionType, ...] = (),
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(next(_numbers))
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return builder.sign(self.key, None)
        return builder.sign(self.key, SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
