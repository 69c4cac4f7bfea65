"""``certificate`` and ``certificates`` of the operator API: what the server shows."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import BadCertificate
from cfos_cloud.listener.certificate_warnings import CertificateWarning
from cfos_cloud.listener.self_signed import made_here
from cfos_cloud.timestamps import moment
from cfos_cloud.web.answers import is_secure
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    COUNT,
    MOMENT,
    STRING,
    Operation,
    Parameter,
    Schema,
    Shape,
    as_json,
    listed,
    members,
)
from cfos_cloud.web.api.query import read_text
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.problem import InvalidInput, NeedsTLS

_STRINGS = {"type": "array", "items": STRING}

_CERTIFICATE: Mapping[str, Schema] = {
    "names": {**_STRINGS, "description": "DNS names and IP addresses it is for"},
    "issuer": STRING,
    "not_before": MOMENT,
    "not_after": MOMENT,
    "days_left": {"type": "integer"},
    "self_signed": BOOLEAN,
    "imported": {**BOOLEAN, "description": "by the operator, not made here"},
    "fingerprint": {**STRING, "description": "SHA-256, as browsers show it"},
    "key_type": STRING,
    "chain": {**COUNT, "description": "how many certificates it comes with"},
    "warnings": {"type": "array", "items": members(code=STRING, text=STRING)},
}
CERTIFICATE = Shape("Certificate", members(**_CERTIFICATE))
LISTED_CERTIFICATE = Shape(
    "ListedCertificate",
    members(
        **_CERTIFICATE,
        default={
            **BOOLEAN,
            "description": "served to whoever asks for no name that another is for",
        },
        public_key={
            **STRING,
            "description": "SHA-256 of the public key, as device ends remember it",
        },
    ),
)
NEW_CERTIFICATE = Shape(
    "NewCertificate",
    members(
        certificate={
            **STRING,
            "format": "certificate",
            "description": "PEM, the server's own one first",
        },
        private_key={
            **STRING,
            "format": "private-key",
            "description": "PEM, not encrypted",
        },
    ),
)


class Certificates(typing.Protocol):
    """Who serves certificates and takes others; the certificate service does."""

    @property
    def certificate(self) -> Certificate: ...

    @property
    def certificates(self) -> tuple[Certificate, ...]: ...

    def choose(self, name: str) -> Certificate: ...

    def days_left_of(self, certificate: Certificate) -> int: ...

    def warnings_of(
        self, certificate: Certificate
    ) -> tuple[CertificateWarning, ...]: ...

    def replace(self, certificate_pem: bytes, key_pem: bytes) -> Certificate: ...

    def remove(self, fingerprint: str) -> Certificate: ...


@dataclass(frozen=True)
class NewCertificate:
    """Both in PEM, the server's own certificate first."""

    certificate: bytes
    private_key: bytes

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> NewCertificate:
        """:raises InvalidInput: with the member that is at fault."""
        return cls(_pem(data, "certificate"), _pem(data, "private_key"))


class CertificateResource:
    """``certificates`` checks, stores, serves and removes."""

    def __init__(
        self, certificates: Certificates, events: EventLog = NO_EVENTS
    ) -> None:
        self._certificates = certificates
        self._events = events

    @route(
        "/certificate",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The certificate in use",
            {200: as_json(CERTIFICATE)},
            description="""
            Of several it is the default: the one that clients get which ask for no
            name that another is for.
            """,
        ),
    )
    async def show(self, request: IRequest) -> Answer:
        return Answer(200, self._json(self._certificates.certificate))

    @route(
        "/certificate",
        method="PUT",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Import a certificate with its key",
            {200: as_json(CERTIFICATE)},
            description="""
            Checked first, stored, then served to new connections; open ones keep
            theirs. After any error the old one stays in use. It takes the place of
            imported ones whose names it has, all of them, and stands beside others.
            """,
            body=as_json(NEW_CERTIFICATE),
            problems={403: "This is plain HTTP; or as for every call."},
        ),
    )
    async def replace(self, request: IRequest) -> Answer:
        if not is_secure(request):
            raise NeedsTLS("a private key is taken over https:// only")
        new = NewCertificate.from_json(read_object(request))
        try:
            certificate = self._certificates.replace(new.certificate, new.private_key)
        except BadCertificate as error:
            raise InvalidInput(error.part, str(error)) from error
        self._events.note(
            EventKind.CERTIFICATE_IMPORTED,
            operator_of(request),
            detail=f"SHA-256 {certificate.fingerprint}",
        )
        return Answer(200, self._json(certificate))

    @route(
        "/certificates",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "All certificates in use, the one that was imported last first",
            {200: as_json(listed(LISTED_CERTIFICATE))},
            description="""
            Always the whole list. A client gets the one for the name that it asks
            for (SNI), else one with a wildcard, else the default. Where none is
            imported, the server's own self-signed one is the only one.
            """,
            query=(
                Parameter("name", STRING, "Only the one that it gets who asks for it."),
            ),
        ),
    )
    async def list_all(self, request: IRequest) -> Answer:
        certificates = self._certificates
        name = read_text(request, "name")
        found = [certificates.choose(name)] if name else certificates.certificates
        return Answer(200, {"items": [*map(self._listed, found)], "next": None})

    @route(
        "/certificates/<fingerprint>",
        method="DELETE",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Remove an imported certificate with its key",
            {204: None},
            description="""
            New connections get another one from now on, after the last one the
            server's own self-signed one; open ones keep it. Neither case nor colons
            matter in the fingerprint.
            """,
            problems={409: "It is the server's own."},
        ),
    )
    async def remove(self, request: IRequest, fingerprint: str) -> Answer:
        certificate = self._certificates.remove(fingerprint)
        names = ", ".join(certificate.names)
        self._events.note(
            EventKind.CERTIFICATE_REMOVED,
            operator_of(request),
            detail=f"SHA-256 {certificate.fingerprint} {names}",
        )
        return Answer(204)

    def _listed(self, certificate: Certificate) -> dict[str, object]:
        return {
            **self._json(certificate),
            "default": certificate == self._certificates.certificate,
            "public_key": certificate.public_key_hash,
        }

    def _json(self, certificate: Certificate) -> dict[str, object]:
        # The times are those of the first of the chain to expire.
        return {
            "names": list(certificate.names),
            "issuer": certificate.issuer,
            "not_before": moment(certificate.not_before),
            "not_after": moment(certificate.not_after),
            "days_left": self._certificates.days_left_of(certificate),
            "self_signed": certificate.self_signed,
            "imported": not made_here(certificate.leaf),
            "fingerprint": certificate.fingerprint,
            "key_type": certificate.key_type,
            "chain": len(certificate.chain),
            "warnings": [
                {"code": warning.code.value, "text": warning.text}
                for warning in self._certificates.warnings_of(certificate)
            ],
        }


def _pem(data: Mapping[str, object], name: str) -> bytes:
    value = data.get(name)
    if not isinstance(value, str):
        raise InvalidInput(name, "PEM is needed, as a string")
    try:
        return value.encode("ascii")
    except UnicodeEncodeError:
        # Tools write names around the blocks in whatever language they speak.
        return value.encode("utf-8", "replace")
