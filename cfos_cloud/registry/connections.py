"""Each system's connections and traffic: written lazily, read for its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.cloud_id import fold
from cfos_cloud.cursor import (
    check_limit,
    make_cursor,
    moment,
    read_moment,
)
from cfos_cloud.events import fit_text
from cfos_cloud.registry import connection_rows
from cfos_cloud.registry.allowance import Allowance
from cfos_cloud.registry.closing import why_not_written
from cfos_cloud.registry.connection import ConnectionPage, TrafficHour, TunnelRecord
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.systems import Systems

#: What a device says of itself, and why it left, is cut to so many characters.
MAX_TEXT = 200
#: A connection that lasts is written again when it has moved so many bytes, or so
#: many seconds after the last time.
WORTH_BYTES = 64 * 1024
WORTH_SECONDS = 300.0
#: Connections of one transaction, at most.
BATCH = 500
#: Seconds to the next try when the database does not answer.
RETRY = 10.0
#: Connections that wait for the database, at most.
MAX_WAITING = 20_000
#: Of one system: so many connections at once, and seconds for each more; beyond that
#: a new row takes the place of the oldest.
ROWS_BURST = 100
ROWS_INTERVAL = 300.0
#: Days that the traffic of an hour is kept.
TRAFFIC_DAYS = 35
_PRUNED = 5000
_SYSTEMS_PRUNED = 500


class Connections:
    """``systems`` learns when each was seen last, and its sums."""

    _log = Logger()

    def __init__(
        self, database: Database, systems: Systems, clock: IReactorTime
    ) -> None:
        self._database = database
        self._systems = systems
        self._clock = clock
        self._waiting: dict[str, TunnelRecord] = {}
        self._writing = False
        self._timer: IDelayedCall | None = None
        #: How connections stand in the database that have not ended.
        self._written: dict[str, TunnelRecord] = {}
        self._rows = Allowance(
            clock.seconds, ROWS_BURST, ROWS_INTERVAL, max_keys=MAX_WAITING
        )
        self._crowding: set[str] = set()
        database.when_back(self._write)

    def __len__(self) -> int:
        """Connections that wait for the database."""
        return len(self._waiting)

    def record(self, tunnel: TunnelRecord) -> None:
        """
        How a connection stands: new, still there, or ended. Never fails, and costs
        nothing worth speaking of: one that lasts and has moved little is not
        written again at once. What comes while others are written shares the next
        transaction; without a database it waits.
        """
        written = self._written.get(tunnel.session)
        if written is not None and not _is_worth_it(tunnel, written):
            return
        if written is None and tunnel.session not in self._waiting:
            if not self._rows.take(fold(tunnel.cloud_id)):
                self._crowding.add(tunnel.session)
            if len(self._waiting) >= MAX_WAITING:
                self._forget_one()
        self._waiting[tunnel.session] = replace(
            tunnel, agent=_cut(tunnel.agent), reason=_cut(tunnel.reason)
        )
        if self._timer is None:
            self._write()

    def flush(self) -> Deferred[None]:
        """
        Fires when all that was recorded before is committed.

        :raises DatabaseError: as a failure; it waits on.
        """

        async def flush() -> None:
            while self._waiting:
                await self._write_batch()

        return Deferred.fromCoroutine(flush())

    def page(
        self,
        cloud_id: str,
        limit: int = 100,
        cursor: str | None = None,
        since: datetime | None = None,
    ) -> Deferred[ConnectionPage]:
        """
        Up to ``limit`` (1 to 500) connections of a system, the newest first, after
        ``cursor``, which is the ``next`` of the page before; those only that were
        there at ``since`` (aware) or later. Bytes of one that lasts may be 5 minutes
        old.

        :raises ValueError: a limit out of range; :class:`InvalidCursor` is one.
        :raises DatabaseError: as a failure.
        """
        check_limit(limit)
        after = None if cursor is None else read_moment(cursor)

        async def page() -> ConnectionPage:
            await self.flush()
            found = await self._database.run(
                lambda db: connection_rows.read(db, cloud_id, limit + 1, after, since)
            )
            following = None
            if len(found) > limit:
                last, number = found[limit - 1]
                following = make_cursor(moment(last.started, number))
            return ConnectionPage(tuple(one for one, _ in found[:limit]), following)

        return Deferred.fromCoroutine(page())

    def traffic(
        self, cloud_id: str, since: datetime, until: datetime
    ) -> Deferred[list[TrafficHour]]:
        """
        The hours of a system from ``since`` and before ``until`` (aware) in which it
        moved anything, in their order. They are kept for 35 days.

        :raises DatabaseError: as a failure.
        """

        async def traffic() -> list[TrafficHour]:
            await self.flush()
            return await self._database.run(
                lambda db: connection_rows.read_traffic(db, cloud_id, since, until)
            )

        return Deferred.fromCoroutine(traffic())

    def prune(self, days: int) -> Deferred[int]:
        """
        Delete connections that ended more than ``days`` ago, and old traffic, a part
        after the other so that others have their turns; fires with how many
        connections there were.

        :raises DatabaseError: as a failure; a part may be deleted.
        """
        now = datetime.fromtimestamp(self._clock.seconds(), UTC)
        before = now - timedelta(days=days)
        traffic_before = now - timedelta(days=TRAFFIC_DAYS)

        async def prune() -> int:
            pruned, part = 0, _PRUNED
            while part == _PRUNED:
                part = await self._database.run(
                    lambda db: connection_rows.prune(db, before, _PRUNED)
                )
                pruned += part
            names = [system.cloud_id for system in self._systems]
            for start in range(0, len(names), _SYSTEMS_PRUNED):
                await self._database.run(
                    partial(
                        connection_rows.prune_traffic,
                        cloud_ids=names[start : start + _SYSTEMS_PRUNED],
                        before=traffic_before,
                    )
                )
            return pruned

        return Deferred.fromCoroutine(prune())

    async def close(self) -> None:
        """Write what waits, if the database answers."""
        reason = await why_not_written(self.flush(), self._clock)
        if reason is not None:
            self._log.error(
                "{count} connections are lost: {reason}",
                count=len(self._waiting),
                reason=reason,
            )
        self._stop_timer()

    def _write(self) -> None:
        self._stop_timer()
        if not self._writing and self._waiting:
            self._writing = True
            self.flush().addCallbacks(self._wrote, self._failed)

    async def _write_batch(self) -> None:
        batch: list[TunnelRecord] = []

        def take() -> list[TunnelRecord]:
            batch.extend(islice(self._waiting.values(), BATCH))
            return batch

        await self._systems.record(take, self._crowding)
        for one in batch:
            if self._waiting.get(one.session) is one:
                del self._waiting[one.session]
            self._crowding.discard(one.session)
            if one.ended is None:
                self._written[one.session] = one
            else:
                self._written.pop(one.session, None)

    def _wrote(self, _: None) -> None:
        self._writing = False
        self._write()

    def _failed(self, failure: Failure) -> None:
        self._writing = False
        if self._timer is None:
            self._timer = self._clock.callLater(RETRY, self._write)
        self._log.error(
            "{count} connections wait: {reason}",
            count=len(self._waiting),
            reason=failure.getErrorMessage(),
        )

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _forget_one(self) -> None:
        """The oldest that has ended: those that last are needed for what follows."""
        ended = (key for key, one in self._waiting.items() if one.ended is not None)
        forgotten = next(ended, next(iter(self._waiting)))
        del self._waiting[forgotten]
        self._crowding.discard(forgotten)


def _is_worth_it(tunnel: TunnelRecord, written: TunnelRecord) -> bool:
    if tunnel.ended is not None:
        return True
    moved = tunnel.bytes_in + tunnel.bytes_out - written.bytes_in - written.bytes_out
    waited = (tunnel.seen - written.seen).total_seconds()
    return moved >= WORTH_BYTES or waited >= WORTH_SECONDS


def _cut(text: str | None) -> str | None:
    return None if text is None else fit_text(text, MAX_TEXT)
