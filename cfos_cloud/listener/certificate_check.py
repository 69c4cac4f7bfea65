"""Is this a pair of certificate and key that the server can serve?"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from cfos_cloud.listener.certificate import (
    Certificate,
    PrivateKey,
    extension,
    issued,
)
from cfos_cloud.listener.certificate_pem import (
    BadCertificate,
    BadKey,
    read_chain,
    read_key,
)

__all__ = ["BadCertificate", "OutOfDate", "check_dates", "check_pair", "read_pair"]

MIN_RSA_BITS = 2048
#: Each handshake costs the server a signature, with twice the bits six times as much.
MAX_RSA_BITS = 4096


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


def read_pair(
    certificate_pem: bytes, key_pem: bytes, *, is_checked: bool = False
) -> Certificate:
    """
    Both as one, if the server can serve it at the right time: PEM, a key that is
    strong enough and belongs to the first certificate, which is made for servers; a
    chain in order; and a signature that a device can bind its log-in to.

    :param is_checked: as for :func:`read_key`.
    :raises BadCertificate: otherwise.
    """
    chain = read_chain(certificate_pem)
    for number, each in enumerate(chain, start=1):
        _check_readable(each, number)
    _check_public_key(chain[0])
    key = read_key(key_pem, is_checked=is_checked)
    _check_belonging(chain, key)
    _check_order(chain)
    _check_purpose(chain)
    _check_signature(chain[0])
    return Certificate(chain, key)


def check_dates(certificate: Certificate, now: datetime) -> None:
    """
    :raises OutOfDate: some certificate of the chain is not valid at ``now``.
    """
    for number, each in enumerate(certificate.chain, start=1):
        which = _which(number)
        if now > each.not_valid_after_utc:
            raise OutOfDate(
                f"{which} expired on {each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            )
        if now < each.not_valid_before_utc:
            raise OutOfDate(
                f"{which} is not valid before "
                f"{each.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            )


def belong_together(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Is ``key`` the private half of the key in ``certificate``?"""
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _which(number: int) -> str:
    return "the certificate" if number == 1 else f"certificate {number} of the chain"


def _check_readable(certificate: x509.Certificate, number: int) -> None:
    # What is within is parsed when it is asked for, each part with its own errors.
    try:
        for name in (certificate.subject, certificate.issuer):
            name.rfc4514_string()
        list(certificate.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise BadCertificate(
            f"{_which(number)} is damaged: its names or extensions can't be read"
        ) from None


def _check_public_key(leaf: x509.Certificate) -> None:
    # Before the private key is read, which takes long for a large one.
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, RSAPublicKey):
        bits = key.key_size
        if bits < MIN_RSA_BITS:
            raise BadCertificate(
                f"the RSA key has {bits} bits, fewer than {MIN_RSA_BITS}"
            )
        if bits > MAX_RSA_BITS:
            raise BadCertificate(
                f"the RSA key has {bits} bits, more than {MAX_RSA_BITS}: "
                "each connection would cost the server too much"
            )
    elif isinstance(key, EllipticCurvePublicKey):
        if not isinstance(key.curve, SECP256R1 | SECP384R1 | SECP521R1):
            # The other curves are too small, or known to no browser.
            raise BadCertificate(
                f"the EC key is on {key.curve.name}: P-256, P-384 and P-521 can be used"
            )
    else:
        kind = type(key).__name__.removesuffix("PublicKey")
        raise BadCertificate(
            f"the certificate's key is neither RSA nor EC, but {kind}"
            if key is not None
            else "the certificate's key is of a kind that is not known"
        )


def _check_belonging(chain: tuple[x509.Certificate, ...], key: PrivateKey) -> None:
    if belong_together(chain[0], key):
        return
    for number, each in enumerate(chain, start=1):
        if belong_together(each, key):
            raise BadCertificate(
                f"the private key belongs to certificate {number} of the chain: "
                "put that one first, then the one that issued it, and so on"
            )
    raise BadKey("the private key belongs to another certificate")


def _check_order(chain: tuple[x509.Certificate, ...]) -> None:
    for number, (subject, issuer) in enumerate(pairwise(chain), start=1):
        if not issued(issuer, subject):
            raise BadCertificate(
                f"the chain is out of order: certificate {number + 1} "
                f"did not issue certificate {number}"
            )
        constraints = extension(issuer, x509.BasicConstraints)
        if constraints is not None and not constraints.ca:
            raise BadCertificate(
                f"certificate {number + 1} of the chain is not an authority's, "
                f"so it can't vouch for certificate {number}"
            )


def _check_purpose(chain: tuple[x509.Certificate, ...]) -> None:
    leaf = chain[0]
    constraints = extension(leaf, x509.BasicConstraints)
    # "openssl req -x509" makes an authority of what people mean to be a server's own.
    # Alone and self-signed it does no harm; anything else is an authority by mistake.
    alone = len(chain) == 1 and issued(leaf, leaf)
    if constraints is not None and constraints.ca and not alone:
        raise BadCertificate("the certificate is an authority's (CA), not a server's")
    purposes = extension(leaf, x509.ExtendedKeyUsage)
    if purposes is not None and not {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    } & set(purposes):
        raise BadCertificate("the certificate is not made for servers (serverAuth)")
    usage = extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        # All our cipher suites have the server sign (RFC 5246 §7.4.2, RFC 8446).
        raise BadCertificate(
            "the certificate's key may not sign (digitalSignature), "
            "which TLS asks of a server's"
        )


def _check_signature(leaf: x509.Certificate) -> None:
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
