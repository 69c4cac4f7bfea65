"""The last log-ins at a door, and attempts at it: in memory, as long as it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from cfos_cloud.events import SERVER, Event, EventKind, Origin, make_event
from cfos_cloud.web.api.system_logins import KINDS, SHOWN


class RecentLogins:
    """
    An :class:`~cfos_cloud.events.EventLog` that keeps these alone, and half of its
    room for those that worked: who guesses can't push them out. The log has more.

    :param now: tells aware times.
    """

    def __init__(self, cloud_id: str, now: Callable[[], datetime]) -> None:
        self._cloud_id = cloud_id
        self._now = now
        self._good: deque[Event] = deque(maxlen=SHOWN // 2)
        self._bad: deque[Event] = deque(maxlen=SHOWN - SHOWN // 2)

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        """See :class:`~cfos_cloud.events.EventLog`. Equals in a row become one."""
        if kind not in KINDS:
            return
        # Whatever was typed as a Cloud ID, it was this device's door.
        event = make_event(self._now(), kind, by, self._cloud_id, detail)
        kept = self._good if kind is EventKind.LOGGED_IN else self._bad
        if kept and _is_like(kept[-1], event):
            event = replace(event, times=kept.pop().times + 1)
        kept.append(event)

    async def last(self, cloud_id: str) -> Sequence[Event]:
        """See :class:`~cfos_cloud.web.api.system_logins.Logins`."""
        both = [*self._good, *self._bad]
        return sorted(both, key=lambda event: event.time, reverse=True)


def _is_like(one: Event, other: Event) -> bool:
    return replace(one, time=other.time, times=other.times) == other
