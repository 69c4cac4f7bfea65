"""
The events: kept in batches, so that nobody waits for the database.

What has to be there as soon as a change is acknowledged is no matter of this
queue: it is written in the transaction of the change, see :meth:`Events.make`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cfos_cloud.cloud_id import fold
from cfos_cloud.cursor import (
    check_limit,
    make_cursor,
    moment,
    read_moment,
)
from cfos_cloud.events import SERVER, Event, EventKind, Origin, make_event
from cfos_cloud.registry import event_rows
from cfos_cloud.registry.closing import why_not_written
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_limits import EventLimiter
from cfos_cloud.registry.event_rows import EventFilter
from cfos_cloud.turns import Turns

#: Events that wait for the database, at most; about 10 MB.
MAX_WAITING = 20_000
#: Events of one transaction, at most.
BATCH = 500
#: Seconds that an event waits for others to share its transaction.
DELAY = 1.0
#: Seconds to the next try when the database does not answer.
RETRY = 10.0
#: Events that one transaction deletes.
_PRUNED = 5000

ANYTHING = EventFilter()


@dataclass(frozen=True)
class EventPage:
    """The newest first; ``next`` leads to older ones."""

    items: tuple[Event, ...]
    next: str | None


class Events:
    """An :class:`~cfos_cloud.events.EventLog`; :meth:`close` before the database."""

    _log = Logger()

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._clock = clock
        self._limiter = EventLimiter(clock.seconds)
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._timer: IDelayedCall | None = None
        self._turns = Turns()
        self._closed = False
        #: Folded IDs of systems that are being erased, or were: what is told of them
        #: waits for the outcome, or is forgotten.
        self._erasing: set[str] = set()
        self._erased: set[str] = set()
        self._listeners: list[Callable[[Event], None]] = []
        database.when_back(self._due)

    def __len__(self) -> int:
        """Events that wait for the database."""
        return len(self._waiting)

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with each event that is kept, before it has an id."""
        self._listeners.append(listener)

    def tell(self, *events: Event) -> None:
        """The listeners of ``events``, which somebody else has committed."""
        for event in events:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    self._log.failure("a listener failed at an event")

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        """See :meth:`cfos_cloud.events.EventLog.note`."""
        event = self.make(kind, by, cloud_id, detail)
        if not self._closed and self._limiter.admits(event):
            self._put(event)

    def keep(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> Deferred[None]:
        """
        As :meth:`note`; fires once it is committed.

        :raises DatabaseError: as a failure; it is not kept.
        """
        event = self.make(kind, by, cloud_id, detail)
        kept = self._database.run(lambda db: event_rows.add(db, [event]))
        return kept.addCallback(lambda _: self.tell(event))

    def make(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> Event:
        """An event of now, for :func:`event_rows.add` within a change."""
        return make_event(self._now(), kind, by, cloud_id, detail)

    def admits(self, event: Event) -> bool:
        """
        Whether ``event``, which a change is to write, has an allowance left; else it
        is counted.
        """
        return self._limiter.admits(event)

    def page(
        self,
        limit: int = 100,
        cursor: str | None = None,
        wanted: EventFilter = ANYTHING,
    ) -> Deferred[EventPage]:
        """
        Up to ``limit`` (1 to 500) events, the newest first, after ``cursor``, which
        is the ``next`` of the page before. All that was noted before is there.

        :raises ValueError: a limit out of range; :class:`InvalidCursor` is one.
        :raises DatabaseError: as a failure.
        :raises Overloaded: as a failure.
        """
        check_limit(limit)
        after = None if cursor is None else read_moment(cursor)

        async def page() -> EventPage:
            await self._turns.take(self._write)
            found = await self._database.run(
                lambda db: event_rows.read(db, wanted, limit + 1, after)
            )
            more = len(found) > limit
            items = tuple(found[:limit])
            if not more:
                return EventPage(items, None)
            following = make_cursor(moment(items[-1].time, items[-1].id))
            return EventPage(items, following)

        return Deferred.fromCoroutine(page())

    def prune(self, days: int) -> Deferred[int]:
        """
        Delete what is older than ``days``, a part after the other so that others
        have their turns; fires with how many there were.

        :raises DatabaseError: as a failure; a part may be deleted.
        """
        before = self._now() - timedelta(days=days)

        async def prune() -> int:
            pruned, part = 0, _PRUNED
            while part == _PRUNED:
                part = await self._database.run(
                    lambda db: event_rows.prune(db, before, _PRUNED)
                )
                pruned += part
            return pruned

        return Deferred.fromCoroutine(prune())

    def sum_up(self) -> None:
        """Note how many were not kept since the last call; every hour or so."""
        for event in self._limiter.sums(self._now()):
            self._put(event)

    def flush(self) -> Deferred[None]:
        """
        Fires when all that was noted before is committed.

        :raises DatabaseError: as a failure; it waits on.
        """
        self._stop_timer()
        return self._turns.take(self._write, is_patient=True)

    async def close(self) -> None:
        """Write what waits, if the database answers, and take no more."""
        self.sum_up()
        self._closed = True
        reason = await why_not_written(self.flush(), self._clock)
        if reason is not None:
            self._log.error(
                "{count} events are lost: {reason}",
                count=len(self._waiting),
                reason=reason,
            )
        self._stop_timer()

    # from the systems

    def erasing(self, cloud_id: str) -> None:
        """It is about to be erased: what is told of it waits."""
        self._erasing.add(fold(cloud_id))

    def erased(self, cloud_id: str, *, done: bool) -> None:
        """It was erased: nothing more is kept of it. Or, not ``done``, it stays."""
        folded = fold(cloud_id)
        self._erasing.discard(folded)
        if done:
            self._erased.add(folded)
        if self._waiting and self._timer is None:
            self._timer = self._clock.callLater(DELAY, self._due)

    def erase(self, connection: Connection, cloud_id: str, by: Origin) -> None:
        """Within the transaction that removes the system."""
        count = event_rows.erase(connection, cloud_id)
        event = self.make(EventKind.SYSTEM_ERASED, by, detail=f"{count} events")
        event_rows.add(connection, [event])

    def added(self, cloud_id: str) -> None:
        """It is there, perhaps again: what is told of it now is of the new one."""
        self._erased.discard(fold(cloud_id))

    # within

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.seconds(), UTC)

    def _put(self, event: Event) -> None:
        if event.cloud_id is not None and fold(event.cloud_id) in self._erased:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(event)
        if self._timer is None:
            self._timer = self._clock.callLater(DELAY, self._due)
        self.tell(event)

    def _due(self) -> None:
        self.flush().addErrback(
            lambda failure: self._log.error(
                "events wait: {reason}", reason=failure.getErrorMessage()
            )
        )

    async def _write(self) -> None:
        while batch := self._batch():
            try:
                await self._database.run(partial(event_rows.add, events=batch))
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                if self._timer is None and not self._closed:
                    self._timer = self._clock.callLater(RETRY, self._due)
                raise
            if self._lost:
                lost = self.make(EventKind.EVENTS_LOST)
                self._waiting.append(replace(lost, times=self._lost))
                self._lost = 0

    def _batch(self) -> list[Event]:
        """Those to be written next; what waits for an outcome stays, in its order."""
        batch: list[Event] = []
        stay: list[Event] = []
        while self._waiting and len(batch) < BATCH:
            event = self._waiting.popleft()
            folded = event.cloud_id and fold(event.cloud_id)
            if folded in self._erasing:
                stay.append(event)
            elif folded not in self._erased:
                batch.append(event)
        self._waiting.extendleft(reversed(stay))
        return batch

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
