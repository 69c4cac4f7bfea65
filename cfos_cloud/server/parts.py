"""What the pages of people and of the operator are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twisted.internet.interfaces import IReactorTime

from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.logs import LogLevel
from cfos_cloud.server.stores import Stores
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.web.api.health import Health
from cfos_cloud.workers import Worker


@dataclass(frozen=True, kw_only=True)
class ServerParts:
    """
    :ivar verifiers: computes those of new Cloud passwords.
    :ivar seconds: a clock that nobody sets.
    :ivar now: the time, aware of its zone.
    :ivar time_of_day: the same, for whoever wants a clock.
    """

    stores: Stores
    exchange: Exchange
    sessions: SessionTable
    certificates: CertificateService
    health: Health
    level: LogLevel
    verifiers: Worker
    clock: IReactorTime
    seconds: Callable[[], float]
    now: Callable[[], datetime]
    time_of_day: IReactorTime
