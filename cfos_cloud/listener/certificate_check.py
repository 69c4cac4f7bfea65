"""Is this a pair of certificate and key that the server can serve?"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from cfos_cloud.listener.certificate import Certificate, PrivateKey, issued

MIN_RSA_BITS = 2048

#: Certificates between the server's own and a root; real chains have one or two.
MAX_CHAIN = 10


class BadCertificate(Exception):
    """A pair that can't be served; the message says why in one line."""


class OutOfDate(BadCertificate):
    """Nothing is wrong with the pair, but it is not valid at this time."""


def check_pair(certificate_pem: bytes, key_pem: bytes, now: datetime) -> Certificate:
    """
    Both as one, if the server can serve it at ``now`` (aware of its time zone).

    :raises BadCertificate: what :func:`read_pair` and :func:`check_dates` say.
    """
    certificate = read_pair(certificate_pem, key_pem)
    check_dates(certificate, now)
    return certificate


def read_pair(certificate_pem: bytes, key_pem: bytes) -> Certificate:
    """
    Both as one, if the server can serve it at the right time: PEM, the key
    belongs to the first certificate and is strong enough, the chain is in order,
    and a device can bind its log-in to it.

    :raises BadCertificate: otherwise.
    """
    chain = read_chain(certificate_pem)
    key = read_key(key_pem)
    if not belong_together(chain[0], key):
        raise BadCertificate("the private key belongs to another certificate")
    _check_key(key)
    for number, (subject, issuer) in enumerate(pairwise(chain), start=1):
        if not issued(issuer, subject):
            raise BadCertificate(
                f"the chain is out of order: certificate {number + 1} "
                f"did not issue certificate {number}"
            )
    _check_purpose(chain[0])
    _check_binding(chain[0])
    return Certificate(chain, key)


def check_dates(certificate: Certificate, now: datetime) -> None:
    """
    :raises OutOfDate: some certificate of the chain is not valid at ``now``.
    """
    for number, each in enumerate(certificate.chain, start=1):
        if now > each.not_valid_after_utc:
            raise OutOfDate(
                f"certificate {number} of the chain expired on "
                f"{each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            )
        if now < each.not_valid_before_utc:
            raise OutOfDate(
                f"certificate {number} of the chain is not valid before "
                f"{each.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            )


def read_chain(pem: bytes) -> tuple[x509.Certificate, ...]:
    """
    :raises BadCertificate: not PEM, or no certificate, or too many of them.
    """
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise BadCertificate("the certificate is not PEM, or damaged") from error
    if len(chain) > MAX_CHAIN:
        raise BadCertificate(f"the chain has more than {MAX_CHAIN} certificates")
    return chain


def read_key(pem: bytes) -> PrivateKey:
    """
    :raises BadCertificate: not PEM, encrypted, or neither RSA nor EC.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise BadCertificate(
            "the private key is encrypted: remove its passphrase"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCertificate("the private key is not PEM, or damaged") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise BadCertificate("the private key is neither RSA nor EC")
    return key


def belong_together(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Is ``key`` the private half of the key in ``certificate``?"""
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _check_key(key: PrivateKey) -> None:
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise BadCertificate(
                f"the RSA key has {key.key_size} bits, fewer than {MIN_RSA_BITS}"
            )
    elif not isinstance(key.curve, SECP256R1 | SECP384R1):
        # The other curves are too small, or left out by browsers.
        raise BadCertificate(
            f"the EC key is on {key.curve.name}: P-256 and P-384 can be used"
        )


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise BadCertificate("the certificate's extensions are damaged") from error
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise BadCertificate("the certificate is not made for servers (serverAuth)")


def _check_binding(leaf: x509.Certificate) -> None:
    # RFC 5929 §4.1 takes the hash of the certificate's own signature, and leaves
    # tls-server-end-point undefined where that has none, as with Ed25519.
    try:
        has_hash = leaf.signature_hash_algorithm is not None
    except UnsupportedAlgorithm:
        has_hash = False
    if not has_hash:
        raise BadCertificate(
            "the certificate's signature has no hash that devices could bind "
            "their log-in to (RFC 5929): Ed25519 and Ed448 can't be used"
        )
