"""Certificates and keys as the PEM texts that people have (RFC 7468)."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cfos_cloud.listener.certificate import PrivateKey

#: Certificates between the server's own and a root; real chains have one or two.
MAX_CHAIN = 10
#: Bytes of a chain, and of a key with the text that some tools write around it.
MAX_CHAIN_BYTES = 48 * 1024
MAX_KEY_BYTES = 16 * 1024
#: Bytes of the key's block alone. RSA with 4,096 bits takes 3.3 KiB; OpenSSL checks
#: a key as it reads it, which for one of twice that size takes seconds.
MAX_KEY_BLOCK = 4 * 1024

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.S
)


class BadCertificate(Exception):
    """
    A pair that can't be served; the message says why in one line.

    :ivar part: which of the two is at fault, ``certificate`` or ``private_key``.
    """

    def __init__(self, reason: str, part: str = "certificate") -> None:
        super().__init__(reason)
        self.part = part


class BadKey(BadCertificate):
    """It is the private key's fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "private_key")


def read_chain(pem: bytes) -> tuple[x509.Certificate, ...]:
    """
    All certificates of a text, never none.

    :raises BadCertificate: not PEM, or no certificate, or too many of them.
    """
    if len(pem) > MAX_CHAIN_BYTES:
        raise BadCertificate(
            f"the certificate is larger than {MAX_CHAIN_BYTES // 1024} KiB"
        )
    count = pem.count(_CERTIFICATE)
    if count == 0:
        if _KEY.search(pem):
            raise BadCertificate(
                "this is a private key and no certificate: are the two swapped?"
            )
        raise BadCertificate(
            "the certificate is not PEM: it has no line -----BEGIN CERTIFICATE-----"
        )
    if count > MAX_CHAIN:
        raise BadCertificate(f"the chain has more than {MAX_CHAIN} certificates")
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion) as error:
        raise BadCertificate("the certificate is damaged") from error
    if len(chain) < count:
        # The library passes over what has a beginning and no end.
        raise BadCertificate(
            f"the chain is damaged: it begins {count} certificates, "
            f"and {len(chain)} can be read"
        )
    return chain


def read_key(pem: bytes, *, is_checked: bool = False) -> PrivateKey:
    """
    The first private key of a text.

    :param is_checked: it was read before without this, so the numbers of an RSA key
        need not be checked once more.
    :raises BadKey: not PEM, encrypted, too large, or neither RSA nor EC.
    """
    if len(pem) > MAX_KEY_BYTES:
        raise BadKey(f"the private key is larger than {MAX_KEY_BYTES // 1024} KiB")
    block = _KEY_BLOCK.search(pem)
    if block is None:
        if _CERTIFICATE in pem and not _KEY.search(pem):
            raise BadKey(
                "this is a certificate and no private key: are the two swapped?"
            )
        raise BadKey("the private key is not PEM, or damaged")
    if len(block[0]) > MAX_KEY_BLOCK:
        raise BadKey("the private key is larger than RSA with 4096 bits")
    try:
        key = load_pem_private_key(
            block[0], password=None, unsafe_skip_rsa_key_validation=is_checked
        )
    except TypeError as error:
        raise BadKey(
            "the private key is encrypted: take its passphrase off "
            "(openssl pkey -in key.pem -out plain.pem)"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey("the private key is not PEM, or damaged") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise BadKey("the private key is neither RSA nor EC")
    return key
