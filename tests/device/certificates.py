"""Certificates for tests: made in memory, valid for an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PSS
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
)
from OpenSSL import crypto
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)

if TYPE_CHECKING:
    from cfos_cloud.device.tls_client import TrustRoot

SHA256 = hashes.SHA256()


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes

    def trust_root(self) -> TrustRoot:
        """A trust in nothing but this certificate."""
        shown = Certificate(crypto.X509.from_cryptography(self.certificate))
        root: TrustRoot = trustRootFromCertificates([shown])
        return root


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make_certificate(
    *names: str,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    issuer: Made | None = None,
    algorithm: Any = SHA256,
    rsa_padding: PSS | None = None,
    ca: bool = False,
    expired: bool = False,
) -> Made:
    """
    For ``names`` (``localhost`` and ``127.0.0.1`` by default), with a new EC key unless
    given, signed by ``issuer`` or by itself.
    """
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name.from_rfc4514_string("CN=test CA" if ca else "CN=test")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=2))
        .not_valid_after(now + timedelta(hours=-1 if expired else 1))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [general_name(text) for text in names or ("localhost", "127.0.0.1")]
            ),
            critical=False,
        )
    )
    signer = key if issuer is None else issuer.key
    return Made(builder.sign(signer, algorithm, rsa_padding=rsa_padding), key)


def server_tls(made: Made) -> CertificateOptions:
    """What a server shows ``made`` with."""
    # Objects of cryptography are what Twisted wants, and not what it declares.
    key: Any = made.key
    certificate: Any = made.certificate
    return CertificateOptions(
        privateKey=key,
        certificate=certificate,
        acceptableProtocols=[b"http/1.1"],
    )
