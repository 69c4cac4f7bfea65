"""Certificates for names, by an authority of tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from cfos_cloud.listener.certificate import Certificate, PrivateKey
from cfos_cloud.listener.self_signed import new_key
from tests.listener.authority import NOW


def certificate_for(
    *names: str,
    start: datetime = NOW - timedelta(days=1),
    end: datetime = NOW + timedelta(days=89),
    key: PrivateKey | None = None,
) -> Certificate:
    """One that is valid at ``NOW`` unless said otherwise."""
    key = key or new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(_general_names(names)), critical=False
        )
    return Certificate((builder.sign(new_key(), SHA256()),), key)


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found
