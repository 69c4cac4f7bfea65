"""``status`` of the operator API: how the server stands, at a glance."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from twisted.web.iweb import IRequest

from cfos_cloud import __version__
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_warnings import CertificateWarning
from cfos_cloud.timestamps import rfc3339
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    COUNT,
    MOMENT,
    STRING,
    Operation,
    Shape,
    as_json,
    members,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs

STATUS = Shape(
    "Status",
    members(
        version=STRING,
        started=MOMENT,
        uptime={**COUNT, "description": "seconds"},
        systems=members(total=COUNT, enabled=COUNT, online=COUNT),
        sessions={**COUNT, "description": "browsers that are logged in to a system"},
        database=members(ok=BOOLEAN),
        certificate=members(
            not_after={**MOMENT, "description": "of the first to expire"},
            days_left={"type": "integer"},
            self_signed=BOOLEAN,
        ),
        warnings={
            "type": "array",
            "items": members(code=STRING, text=STRING),
            "description": "what the operator should do something about",
        },
    ),
)


class KnownSystem(typing.Protocol):
    @property
    def enabled(self) -> bool: ...


class KnownSystems(typing.Protocol):
    """All systems; the registry has them."""

    def __iter__(self) -> Iterator[KnownSystem]: ...


class Counted(typing.Protocol):
    """A table with so many entries."""

    def __len__(self) -> int: ...


class DatabaseHealth(typing.Protocol):
    """Who asks the database now and then."""

    @property
    def ok(self) -> bool: ...


class CertificatesInUse(typing.Protocol):
    """What the server shows; the certificate service knows."""

    @property
    def certificate(self) -> Certificate: ...

    @property
    def first_to_end(self) -> Certificate: ...

    @property
    def days_left(self) -> int: ...

    @property
    def warnings(self) -> tuple[CertificateWarning, ...]: ...


@dataclass(frozen=True)
class StatusParts:
    """What is looked at; ``now`` is the time, aware of its zone."""

    systems: KnownSystems
    online: Counted
    sessions: Counted
    health: DatabaseHealth
    certificates: CertificatesInUse
    now: Callable[[], datetime]


class StatusResource:
    """The server has started when this was made."""

    def __init__(self, parts: StatusParts) -> None:
        self._parts = parts
        self._started = parts.now()

    @route(
        "/status",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("How the server stands", {200: as_json(STATUS)}),
    )
    async def show(self, request: IRequest) -> Answer:
        parts = self._parts
        certificates = parts.certificates
        enabled = [system.enabled for system in parts.systems]
        body = {
            "version": __version__,
            "started": rfc3339(self._started),
            "uptime": max(0, int((parts.now() - self._started).total_seconds())),
            "systems": {
                "total": len(enabled),
                "enabled": sum(enabled),
                "online": len(parts.online),
            },
            "sessions": len(parts.sessions),
            "database": {"ok": parts.health.ok},
            "certificate": {
                "not_after": rfc3339(certificates.first_to_end.not_after),
                "days_left": certificates.days_left,
                "self_signed": certificates.certificate.self_signed,
            },
            "warnings": list(self._warnings()),
        }
        return Answer(200, body)

    def _warnings(self) -> Iterator[dict[str, str]]:
        if not self._parts.health.ok:
            text = "the database does not answer"
            yield {"code": "database", "text": text}
        for warning in self._parts.certificates.warnings:
            yield {"code": f"certificate-{warning.code.value}", "text": warning.text}
