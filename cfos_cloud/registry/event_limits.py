"""
How many events are kept of what anybody can cause: nobody shall fill the disk.

What the operator does is always kept. All else has an allowance per system or per
source, and what comes from people who have proven nothing has one of all systems
and sources together; the rest is counted, and summed up every hour.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from cfos_cloud.cloud_id import fold
from cfos_cloud.events import Event, EventKind
from cfos_cloud.registry.allowance import Allowance
from cfos_cloud.throttle import source_key

#: Of one kind, from people who have proven nothing: at once, and seconds for each
#: more. So 2,440 on the first day and 1,440 on each further one.
TOTAL_BURST = 1000
TOTAL_INTERVAL = 60.0
#: Systems or sources of one kind with an allowance of their own.
MAX_KEYS = 20_000


class Scope(enum.Enum):
    """What has the allowance."""

    SYSTEM = "system"
    SOURCE = "source"


@dataclass(frozen=True)
class Limit:
    """
    ``burst`` at once and one more every ``interval`` seconds for each of ``scope``.
    ``is_proven``: there is no bound for all together.
    """

    scope: Scope
    burst: int
    interval: float
    is_proven: bool = False


LIMITS = {
    EventKind.CONNECTED: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.DISCONNECTED: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.END_TO_END_ON: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.END_TO_END_OFF: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.LOGGED_IN: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.LOGGED_OUT: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.LOGIN_FAILED: Limit(Scope.SYSTEM, 20, 600.0),
    EventKind.TUNNEL_REFUSED: Limit(Scope.SOURCE, 5, 600.0),
    EventKind.THROTTLED: Limit(Scope.SOURCE, 1, 600.0),
    EventKind.SESSIONS_ENDED: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.PAIRING_OPENED: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    # Those of a system's admin; the operator's own are always kept, see ``Keys``.
    EventKind.KEY_CREATED: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.KEY_REQUESTED: Limit(Scope.SYSTEM, 50, 300.0),
    EventKind.KEY_AUTHORISED: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.KEY_AUTHORISATION_FAILED: Limit(Scope.SYSTEM, 20, 600.0, is_proven=True),
    EventKind.KEY_SUSPENDED: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.KEY_REVOKED: Limit(Scope.SYSTEM, 50, 300.0, is_proven=True),
    EventKind.OPERATOR_LOGIN_FAILED: Limit(Scope.SOURCE, 20, 600.0),
    EventKind.OPERATOR_LOGGED_IN: Limit(Scope.SOURCE, 20, 600.0, is_proven=True),
}


class EventLimiter:
    """``seconds`` is a clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._own = {
            kind: Allowance(seconds, limit.burst, limit.interval, MAX_KEYS)
            for kind, limit in LIMITS.items()
        }
        self._total = Allowance(seconds, TOTAL_BURST, TOTAL_INTERVAL, len(LIMITS))
        #: What was not kept.
        self._refused = _Sums()

    def admits(self, event: Event) -> bool:
        """Whether ``event`` is to be kept; else it is counted."""
        limit = LIMITS.get(event.kind)
        if limit is None:
            return True
        if self._own[event.kind].take(_key(limit.scope, event)):
            if limit.is_proven or self._total.take(event.kind.value):
                return True
            # Not by system, or the sums would fill the disk.
            event = replace(event, cloud_id=None)
        self._refused.add(event)
        return False

    def sums(self, time: datetime) -> list[Event]:
        """
        One event for each kind and system of which some were not kept since the
        last call.
        """
        refused, self._refused = self._refused, _Sums()
        sums = _Sums()
        for event in refused:
            if (
                event.cloud_id is not None
                and not LIMITS[event.kind].is_proven
                and not self._total.take(event.kind.value)
            ):
                event = replace(event, cloud_id=None)
            sums.add(event)
        return [replace(event, time=time) for event in sums]


class _Sums:
    """How many there were, by kind and system."""

    def __init__(self) -> None:
        self._events: dict[tuple[EventKind, str | None], Event] = {}

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events.values())

    def add(self, event: Event) -> None:
        key = (event.kind, event.cloud_id and fold(event.cloud_id))
        before = self._events.get(key)
        times = event.times + (0 if before is None else before.times)
        # Of several people, sources and reasons, perhaps.
        self._events[key] = replace(
            event, actor="", client=None, detail="", times=times
        )


def _key(scope: Scope, event: Event) -> str:
    if scope is Scope.SOURCE:
        return source_key(event.client or "")
    return "" if event.cloud_id is None else fold(event.cloud_id)
