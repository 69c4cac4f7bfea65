"""Fingerprints as people compare them: on a telephone, or beside a browser's window."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: Hexadecimal digits between two blanks.
GROUP = 4


@dataclass(frozen=True)
class Fingerprints:
    """
    Of one certificate. ``key`` is the SHA-256 of its public key (SPKI, RFC 7469 §2.4),
    in groups; it stays when a certificate is renewed with its key. ``certificate`` is
    the SHA-256 of all of it, as browsers write it: ``AB:CD:…``.
    """

    key: str
    certificate: str

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Fingerprints:
        """Those of ``certificate``."""
        return cls(
            grouped(_digest(certificate).hex()),
            certificate.fingerprint(SHA256()).hex(":").upper(),
        )


def pin_of(certificate: x509.Certificate) -> str:
    """
    The fingerprint of its public key as programs take it (RFC 7469 §2.4): base64.
    """
    return base64.b64encode(_digest(certificate)).decode("ascii")


def grouped(digits: str) -> str:
    """``0123 4567 …``"""
    return " ".join(digits[i : i + GROUP] for i in range(0, len(digits), GROUP))


def _digest(certificate: x509.Certificate) -> bytes:
    spki = certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).digest()
