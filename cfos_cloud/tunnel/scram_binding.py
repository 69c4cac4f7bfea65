"""What a proof is bound to: the certificate of the TLS connection."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes


class UnsupportedCertificate(ValueError):
    """A certificate to which ``tls-server-end-point`` can't bind."""


def end_point_binding(certificate_der: bytes) -> bytes:
    """
    The ``tls-server-end-point`` of a certificate (RFC 5929 §4.1): its hash by the
    hash of its own signature, by SHA-256 in place of MD5 and SHA-1.

    :raises UnsupportedCertificate: not a certificate, or its signature has no such
        hash (Ed25519, Ed448).
    """
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        algorithm = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnsupportedCertificate(
            "the certificate or the algorithm of its signature is not known"
        ) from error
    if algorithm is None:
        raise UnsupportedCertificate(
            "the certificate is signed by an algorithm without a hash of its own "
            "(Ed25519, for one), so nothing can be bound to it"
        )
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate_der)
    return digest.finalize()
