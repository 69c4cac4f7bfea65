"""Connections and traffic in the database: one function a matter, in a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from cfos_cloud.cloud_id import fold
from cfos_cloud.registry import schema
from cfos_cloud.registry.connection import TrafficHour, TunnelRecord
from cfos_cloud.registry.dialects import upsert

#: Why a connection ended that was there when the server was killed.
KILLED = "server killed"

_tunnel = schema.connection
_traffic = schema.traffic
_system = schema.system
_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR = timedelta(hours=1)


def record(
    connection: Connection, records: Sequence[TunnelRecord], crowding: Collection[str]
) -> set[str]:
    """
    Store how connections stand: their rows, their bytes since the last time in the
    traffic of the hour, and with the end of each the sums of its system. To do so
    twice is to do so once.

    :param crowding: sessions whose row, when it is new, takes the place of the
        oldest of its system.
    :returns: the sessions that have ended by this.
    """
    known = {
        row.session: row
        for row in connection.execute(
            select(_tunnel).where(
                _tunnel.c.session.in_([one.session for one in records])
            )
        )
    }
    new = [one for one in records if one.session not in known]
    open_ = [one for one in records if one.session in known]
    open_ = [one for one in open_ if known[one.session].ended is None]
    for one in new:
        if one.session in crowding:
            _drop_oldest(connection, fold(one.cloud_id))
    if new:
        connection.execute(insert(_tunnel), [_columns(one) for one in new])
    if open_:
        connection.execute(
            update(_tunnel)
            .where(_tunnel.c.session == bindparam("key"))
            .values({name: bindparam(name) for name in _CHANGING}),
            [_changing(one) for one in open_],
        )
    _count_traffic(connection, [*new, *open_], known)
    ended = [one for one in (*new, *open_) if one.ended is not None]
    _touch_systems(connection, records)
    _add_to_systems(connection, ended)
    return {one.session for one in ended}


def close_leftovers(connection: Connection) -> None:
    """What was not ended when the server was killed ended when it was last seen."""
    left = select(
        _tunnel.c.folded,
        func.sum(_tunnel.c.bytes_in),
        func.sum(_tunnel.c.bytes_out),
    ).where(_tunnel.c.ended.is_(None))
    sums = connection.execute(left.group_by(_tunnel.c.folded)).all()
    _add(connection, [(folded, int(i), int(o)) for folded, i, o in sums])
    connection.execute(
        update(_tunnel)
        .where(_tunnel.c.ended.is_(None))
        .values(ended=_tunnel.c.seen, reason=KILLED)
    )


def read(
    connection: Connection,
    cloud_id: str,
    limit: int,
    after: tuple[datetime, int] | None,
    since: datetime | None,
) -> list[tuple[TunnelRecord, int]]:
    """
    Up to ``limit`` connections with their ids, the newest first, older than
    ``after``, that were there at ``since`` or later.
    """
    c = _tunnel.c
    query: Select[Any] = (
        select(_tunnel, _system.c.cloud_id)
        .join(_system, _system.c.folded == c.folded)
        .where(c.folded == fold(cloud_id))
        .order_by(c.started.desc(), c.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(or_(c.ended.is_(None), c.ended >= since))
    if after is not None:
        started, number = after
        query = query.where(
            c.started <= started, or_(c.started < started, c.id < number)
        )
    return [(_from_row(row), row.id) for row in connection.execute(query)]


def read_traffic(
    connection: Connection, cloud_id: str, since: datetime, until: datetime
) -> list[TrafficHour]:
    """The hours from ``since`` and before ``until`` that have any, in their order."""
    c = _traffic.c
    rows = connection.execute(
        select(c.hour, c.bytes_in, c.bytes_out)
        .where(c.folded == fold(cloud_id))
        .where(c.hour >= _hour(since), c.hour < -(-(until - _EPOCH) // _HOUR))
        .order_by(c.hour)
    )
    return [
        TrafficHour(_EPOCH + row.hour * _HOUR, row.bytes_in, row.bytes_out)
        for row in rows
    ]


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` connections that ended before that; how many."""
    c = _tunnel.c
    oldest = select(c.id).where(c.ended < before).order_by(c.ended).limit(limit)
    return int(connection.execute(delete(_tunnel).where(c.id.in_(oldest))).rowcount)


def prune_traffic(
    connection: Connection, cloud_ids: Iterable[str], before: datetime
) -> None:
    """Delete those systems' hours before that."""
    folded = [fold(one) for one in cloud_ids]
    connection.execute(
        delete(_traffic).where(
            _traffic.c.folded.in_(folded), _traffic.c.hour < _hour(before)
        )
    )


_CHANGING = ("seen", "ended", "reason", "bytes_in", "bytes_out")


def _changing(one: TunnelRecord) -> dict[str, object]:
    return {"key": one.session, **{name: getattr(one, name) for name in _CHANGING}}


def _columns(one: TunnelRecord) -> dict[str, object]:
    return {
        "session": one.session,
        "folded": fold(one.cloud_id),
        "started": one.started,
        "agent": one.agent,
        "client": one.client,
        **{name: getattr(one, name) for name in _CHANGING},
    }


def _drop_oldest(connection: Connection, folded: str) -> None:
    c = _tunnel.c
    oldest = (
        select(c.id)
        .where(c.folded == folded, c.ended.is_not(None))
        .order_by(c.started, c.id)
        .limit(1)
    )
    connection.execute(delete(_tunnel).where(c.id.in_(oldest)))


def _count_traffic(
    connection: Connection, records: Iterable[TunnelRecord], known: dict[str, Row[Any]]
) -> None:
    bytes_in: Counter[tuple[str, int]] = Counter()
    bytes_out: Counter[tuple[str, int]] = Counter()
    for one in records:
        before = known.get(one.session)
        key = (fold(one.cloud_id), _hour(one.seen))
        bytes_in[key] += one.bytes_in - (before.bytes_in if before else 0)
        bytes_out[key] += one.bytes_out - (before.bytes_out if before else 0)
    rows = [
        {"folded": key[0], "hour": key[1], "bytes_in": i, "bytes_out": bytes_out[key]}
        for key, i in bytes_in.items()
        if i or bytes_out[key]
    ]
    if not rows:
        return
    new = upsert(connection, _traffic)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[_traffic.c.folded, _traffic.c.hour],
            set_={
                "bytes_in": _traffic.c.bytes_in + new.excluded.bytes_in,
                "bytes_out": _traffic.c.bytes_out + new.excluded.bytes_out,
            },
        ),
        rows,
    )


def _touch_systems(connection: Connection, records: Iterable[TunnelRecord]) -> None:
    newest: dict[str, TunnelRecord] = {}
    for one in records:
        folded = fold(one.cloud_id)
        if folded not in newest or one.seen >= newest[folded].seen:
            newest[folded] = one
    c = _system.c
    connection.execute(
        update(_system)
        .where(c.folded == bindparam("key"))
        .where(or_(c.last_seen.is_(None), c.last_seen <= bindparam("seen")))
        .values(
            last_seen=bindparam("seen"),
            agent=bindparam("its_agent"),
            client=bindparam("its_client"),
        ),
        [
            {
                "key": folded,
                "seen": one.seen,
                "its_agent": one.agent,
                "its_client": one.client,
            }
            for folded, one in newest.items()
        ],
    )


def _add_to_systems(connection: Connection, ended: Iterable[TunnelRecord]) -> None:
    _add(connection, [(fold(e.cloud_id), e.bytes_in, e.bytes_out) for e in ended])


def _add(connection: Connection, sums: Sequence[tuple[str, int, int]]) -> None:
    if sums:
        connection.execute(
            update(_system)
            .where(_system.c.folded == bindparam("key"))
            .values(
                bytes_in=_system.c.bytes_in + bindparam("more_in"),
                bytes_out=_system.c.bytes_out + bindparam("more_out"),
            ),
            [{"key": f, "more_in": i, "more_out": o} for f, i, o in sums],
        )


def _hour(time: datetime) -> int:
    return int((time - _EPOCH) // _HOUR)


def _from_row(row: Row[Any]) -> TunnelRecord:
    return TunnelRecord(
        session=row.session,
        cloud_id=row.cloud_id,
        started=row.started,
        seen=row.seen,
        agent=row.agent,
        client=row.client,
        bytes_in=row.bytes_in,
        bytes_out=row.bytes_out,
        ended=row.ended,
        reason=row.reason,
    )
