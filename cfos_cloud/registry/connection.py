"""A system's connections and what they moved, as the registry keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class TunnelRecord:
    """
    How a connection stands; times aware, in UTC; the byte counts are those of the
    whole connection, ``bytes_in`` from the device. ``session`` names it from its
    beginning.
    """

    session: str
    cloud_id: str
    started: datetime
    seen: datetime
    agent: str | None
    client: str | None
    bytes_in: int
    bytes_out: int
    #: ``None``: it is there still.
    ended: datetime | None = None
    #: Why it ended: ``replaced``, ``disabled``, ``removed``, ``shutdown``, ``lost``, …
    reason: str | None = None


@dataclass(frozen=True)
class ConnectionPage:
    """The newest first; ``next`` leads to older ones."""

    items: tuple[TunnelRecord, ...]
    next: str | None


@dataclass(frozen=True)
class TrafficHour:
    """Bytes of one hour; those of an idle connection may be 5 minutes late."""

    hour: datetime
    bytes_in: int
    bytes_out: int
