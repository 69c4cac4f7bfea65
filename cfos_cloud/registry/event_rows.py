"""Events in the database: one function a statement, each within a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select

from cfos_cloud.cloud_id import fold
from cfos_cloud.events import Event, EventKind
from cfos_cloud.registry.schema import event

#: Where a page goes on: after the event of this time and id.
Position = tuple[datetime, int]


@dataclass(frozen=True)
class EventFilter:
    """
    What is given has to fit: one of ``kinds``, the system and the actor exactly,
    the time from ``since`` and before ``until``, both aware.
    """

    kinds: frozenset[EventKind] = frozenset()
    cloud_id: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def add(connection: Connection, events: Iterable[Event]) -> None:
    """Store events; their ids are given by the database."""
    rows = [_columns(one) for one in events]
    if rows:
        connection.execute(insert(event), rows)


def read(
    connection: Connection, wanted: EventFilter, limit: int, after: Position | None
) -> list[Event]:
    """Up to ``limit`` events, the newest first, older than ``after``."""
    c = event.c
    query = select(event).order_by(c.time.desc(), c.id.desc()).limit(limit)
    if wanted.kinds:
        query = query.where(c.kind.in_(sorted(kind.value for kind in wanted.kinds)))
    if wanted.cloud_id is not None:
        query = query.where(c.folded == fold(wanted.cloud_id))
    if wanted.actor is not None:
        query = query.where(c.actor == wanted.actor)
    if wanted.since is not None:
        query = query.where(c.time >= wanted.since)
    if wanted.until is not None:
        query = query.where(c.time < wanted.until)
    if after is not None:
        time, number = after
        query = query.where(
            # The first half is what an index can be searched by.
            c.time <= time,
            or_(c.time < time, c.id < number),
        )
    return [_from_row(row) for row in connection.execute(query)]


def erase(connection: Connection, cloud_id: str) -> int:
    """Delete all that is about a system; how many there were."""
    done = connection.execute(delete(event).where(event.c.folded == fold(cloud_id)))
    return int(done.rowcount)


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` of the oldest from before that time; how many."""
    oldest = (
        select(event.c.id)
        .where(event.c.time < before)
        .order_by(event.c.time, event.c.id)
        .limit(limit)
    )
    done = connection.execute(delete(event).where(event.c.id.in_(oldest)))
    return int(done.rowcount)


def _columns(one: Event) -> dict[str, object]:
    return {
        "time": one.time,
        "kind": one.kind.value,
        "actor": one.actor,
        "folded": one.cloud_id and fold(one.cloud_id),
        "cloud_id": one.cloud_id,
        "client": one.client,
        "detail": one.detail,
        "times": one.times,
    }


def _from_row(row: Row[Any]) -> Event:
    try:
        kind = EventKind(row.kind)
    except ValueError:
        kind = EventKind.UNKNOWN
    return Event(
        time=row.time,
        kind=kind,
        actor=row.actor,
        cloud_id=row.cloud_id,
        client=row.client,
        detail=row.detail,
        times=row.times,
        id=row.id,
    )
