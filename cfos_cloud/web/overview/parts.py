"""What the overview asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cfos_cloud.gateway.further_sessions import FurtherSessions
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.overview.devices import Tunnel


class SystemNote(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def last_seen(self) -> datetime | None: ...


class Systems(Protocol):
    """Where systems are looked up, in memory."""

    def get(self, cloud_id: str) -> SystemNote | None: ...


class Tunnels(Protocol):
    """Who is online; the exchange knows."""

    def session(self, cloud_id: str) -> Tunnel | None: ...


class Codes(Protocol):
    """Brings a session to the host of a device."""

    def issue(self, session: Session, device: DeviceHost, path: bytes) -> str:
        """A code for ``/cloud/enter/<code>`` there, good once, for a short time."""


@dataclass(frozen=True)
class OverviewParts:
    """
    :ivar codes: ``None``: there is one host for all devices.
    :ivar login_csrf: of the log-out's form.
    :ivar takes_keys: whether there is a page of access keys.
    """

    sessions: SessionTable
    systems: Systems
    tunnels: Tunnels
    hosts: Hosts
    further: FurtherSessions
    login_csrf: Csrf
    codes: Codes | None = None
    takes_keys: bool = True
