"""What an operator should know about a certificate that works all the same."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP521R1,
    EllipticCurvePrivateKey,
)
from cryptography.x509.oid import AuthorityInformationAccessOID

from cfos_cloud.listener.certificate import Certificate, extension

#: Days before its end at which to complain about a certificate.
WARN_DAYS = 21


class WarningCode(enum.StrEnum):
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    NAME_MISSING = "name-missing"
    CHAIN_INCOMPLETE = "chain-incomplete"
    RARE_CURVE = "rare-curve"


@dataclass(frozen=True)
class CertificateWarning:
    """``text`` is a line in English; ``code`` is for who says it otherwise."""

    code: WarningCode
    text: str

    def about(self, names: str) -> CertificateWarning:
        """The same, which says of a certificate for ``names`` that it is about it."""
        return replace(self, text=f"{names or 'no name'}: {self.text}")


def warnings_of(
    certificate: Certificate, now: datetime, wanted: Iterable[str] = ()
) -> tuple[CertificateWarning, ...]:
    """
    :param wanted: the names under which the server is meant to be reached.
    """
    return tuple(_warnings(certificate, now, wanted))


def _warnings(
    certificate: Certificate, now: datetime, wanted: Iterable[str]
) -> Iterator[CertificateWarning]:
    yield from _of_time(certificate, now)
    missing = [name for name in wanted if not certificate.covers(name)]
    if missing:
        yield CertificateWarning(
            WarningCode.NAME_MISSING,
            f"the certificate is not for {' and '.join(missing)}",
        )
    # An issuer that offers its certificate for download is hardly one of the roots
    # that clients have already.
    if len(certificate.chain) == 1 and _issuer_is_elsewhere(certificate.leaf):
        yield CertificateWarning(
            WarningCode.CHAIN_INCOMPLETE,
            "its issuer's certificate is missing: clients that do not know that "
            "one will not trust this one (import fullchain.pem, not cert.pem)",
        )
    key = certificate.key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP521R1):
        yield CertificateWarning(
            WarningCode.RARE_CURVE,
            "Chrome and browsers like it take no keys on P-521",
        )


def _of_time(certificate: Certificate, now: datetime) -> Iterator[CertificateWarning]:
    end = certificate.not_after
    days = certificate.days_left(now)
    if now > end:
        yield CertificateWarning(
            WarningCode.EXPIRED, f"the certificate expired on {end:%Y-%m-%d}"
        )
    elif now < certificate.not_before:
        yield CertificateWarning(
            WarningCode.NOT_YET_VALID,
            f"the certificate is not valid before {certificate.not_before:%Y-%m-%d}",
        )
    elif end - now <= timedelta(days=WARN_DAYS):
        left = {0: "within a day", 1: "in 1 day"}.get(days, f"in {days} days")
        yield CertificateWarning(
            WarningCode.EXPIRES_SOON,
            f"the certificate expires {left}, on {end:%Y-%m-%d}",
        )


def _issuer_is_elsewhere(leaf: x509.Certificate) -> bool:
    access = extension(leaf, x509.AuthorityInformationAccess)
    return access is not None and any(
        each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        for each in access
    )
