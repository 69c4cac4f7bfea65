"""A system as the registry knows it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime

from cfos_cloud.tunnel.scram import Verifier


@dataclass(frozen=True)
class System:
    """
    ``cloud_id`` as it was typed; times aware, in UTC; ``agent``, ``client`` and
    ``last_seen`` of the last connection that was recorded; ``bytes_in`` and
    ``bytes_out`` the sums over all recorded ones.
    """

    cloud_id: str
    name: str
    verifier: Verifier
    enabled: bool
    created: datetime
    last_seen: datetime | None = None
    agent: str | None = None
    client: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    def connected(self, record: ConnectionRecord) -> System:
        """The system after ``record``."""
        return replace(
            self,
            last_seen=record.last_seen,
            agent=record.agent,
            client=record.client,
            bytes_in=self.bytes_in + record.bytes_in,
            bytes_out=self.bytes_out + record.bytes_out,
        )


@dataclass(frozen=True)
class ConnectionRecord:
    """What to keep of a connection; the byte counts are those since the last one."""

    last_seen: datetime
    agent: str | None
    client: str | None
    bytes_in: int
    bytes_out: int

    def after(self, earlier: ConnectionRecord | None) -> ConnectionRecord:
        """This record with the bytes of an earlier one that is not kept yet."""
        if earlier is None:
            return self
        return replace(
            self,
            bytes_in=self.bytes_in + earlier.bytes_in,
            bytes_out=self.bytes_out + earlier.bytes_out,
        )


class ChangeKind(enum.Enum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class SystemChange:
    """``system`` after the change (when removed: as it was), ``before`` it."""

    kind: ChangeKind
    system: System
    before: System | None

    @property
    def disabled(self) -> bool:
        """Whether this change switched the system off."""
        before = self.before
        return before is not None and before.enabled and not self.system.enabled

    @property
    def password_changed(self) -> bool:
        """Whether this change gave the system another password."""
        before = self.before
        return before is not None and before.verifier != self.system.verifier


@dataclass(frozen=True)
class Page:
    """Some systems in the order of their folded IDs; ``next`` leads to those after."""

    items: tuple[System, ...]
    next: str | None
