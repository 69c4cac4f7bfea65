"""The certificate that a server makes for itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cfos_cloud.listener.certificate import Certificate, PrivateKey

#: Browsers refuse server certificates that are valid for more than 398 days; Mozilla's
#: "intermediate" profile asks for no more than 366.
VALIDITY = timedelta(days=365)

#: The clock of a client may be a little behind ours.
BACKDATED = timedelta(hours=1)

#: What tells a certificate made here from one that somebody put in its place.
ORGANIZATION = "cfos-cloud self-signed"

#: X.520's upper bound for a common name (RFC 5280 appendix A.1, ub-common-name).
MAX_COMMON_NAME = 64

_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    re.ASCII,
)


def domain_names(domain: str | None) -> tuple[str, ...]:
    """
    The names that ``--domain`` brings: itself, and all hosts right below.

    :raises ValueError: ``domain`` is no DNS name.
    """
    if domain is None:
        return ()
    domain = domain.lower()
    if _DNS_NAME.match(domain) is None:
        raise ValueError(f"{domain!r} is not a domain name")
    return (domain, f"*.{domain}")


def server_names(host_name: str, domain: str | None = None) -> tuple[str, ...]:
    """
    The names under which a server is reached: its domain and all hosts right
    below, the machine's name, ``localhost`` and both loopback addresses, each once.

    The machine's name is taken as it is set, and left out where it can't be a DNS
    name. Its fully qualified form is not looked up: that waits for DNS at the
    start, and an answer which comes and goes would make a new certificate, with a
    new warning in every browser, each time.

    :param host_name: as :func:`socket.gethostname` tells it.
    :param domain: as given by ``--domain``.
    :raises ValueError: ``domain`` is no DNS name.
    """
    names = list(domain_names(domain))
    if _DNS_NAME.match(host_name.lower()):
        names.append(host_name.lower())
    names += ["localhost", "127.0.0.1", "::1"]
    return tuple(dict.fromkeys(names))


def new_key() -> EllipticCurvePrivateKey:
    """A key for ECDSA on P-256, which everything that speaks TLS 1.2 can use."""
    return generate_private_key(SECP256R1())


def make_self_signed(
    key: PrivateKey, names: Sequence[str], now: datetime
) -> Certificate:
    """
    A certificate for ``names``, of which the first becomes the common name,
    signed by ``key`` itself with SHA-256, valid for :data:`VALIDITY` in all.

    :param now: aware of its time zone.
    """
    common_name = names[0] if len(names[0]) <= MAX_COMMON_NAME else "cfos-cloud"
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    start = now.replace(microsecond=0) - BACKDATED
    public_key = key.public_key()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALIDITY)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False
        )
        .sign(key, SHA256())
    )
    return Certificate((leaf,), key)


def made_here(certificate: x509.Certificate) -> bool:
    """Did :func:`make_self_signed` make it?"""
    organizations = certificate.subject.get_attributes_for_oid(
        NameOID.ORGANIZATION_NAME
    )
    return certificate.issuer == certificate.subject and [
        each.value for each in organizations
    ] == [ORGANIZATION]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
