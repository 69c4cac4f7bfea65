"""A system as the registry knows it."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from cfos_cloud.cloud_id import fold
from cfos_cloud.registry.connection import TunnelRecord
from cfos_cloud.tunnel.scram import Verifier


@dataclass(frozen=True)
class System:
    """
    ``cloud_id`` as it was typed; times aware, in UTC; ``agent``, ``client`` and
    ``last_seen`` of the last connection that was recorded; ``bytes_in`` and
    ``bytes_out`` the sums over all that have ended.

    :ivar end_to_end: its TLS ends at its device, by the word of its device end.
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
    end_to_end: bool = False

    # Kept, for a search asks ten thousand systems at a time.

    @cached_property
    def folded(self) -> str:
        """Its ID as it is compared."""
        return fold(self.cloud_id)

    @cached_property
    def searchable(self) -> str:
        """Its name as it is compared."""
        return searchable(self.name)

    def after(self, record: TunnelRecord, *, is_end: bool) -> System:
        """
        The system after a ``record`` of a connection of it; ``is_end``: the first
        one that says how it ended.
        """
        moved = replace(
            self,
            bytes_in=self.bytes_in + (record.bytes_in if is_end else 0),
            bytes_out=self.bytes_out + (record.bytes_out if is_end else 0),
        )
        if self.last_seen is not None and record.seen < self.last_seen:
            return moved
        return replace(
            moved, last_seen=record.seen, agent=record.agent, client=record.client
        )


def searchable(text: str) -> str:
    """One form for all cases, and for all ways of typing an accent."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).casefold()


@dataclass(frozen=True)
class Addition:
    """A system to be added."""

    cloud_id: str
    verifier: Verifier
    name: str = ""
    enabled: bool = True


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
    #: Removed with all that was known of it.
    erased: bool = False

    @property
    def disabled(self) -> bool:
        """Whether this change switched the system off."""
        before = self.before
        return before is not None and before.enabled and not self.system.enabled

    @property
    def closed_to_us(self) -> bool:
        """Whether with this change its TLS ends at its device."""
        before = self.before
        was_open = before is None or not before.end_to_end
        return was_open and self.system.end_to_end

    @property
    def password_changed(self) -> bool:
        """Whether this change gave the system another password."""
        before = self.before
        return before is not None and before.verifier != self.system.verifier
