"""Access keys in the database: one function a matter, each within a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from cfos_cloud.cloud_id import fold
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.registry import schema
from cfos_cloud.registry_errors import UnknownSystem

#: IDs in one statement: databases count what they are given.
_MANY = 500

_key = schema.access_key
_system = schema.system


def read_all(connection: Connection) -> list[AccessKey]:
    """Not those whose system is not there: they are no keys, and not the cloud's."""
    is_of_cloud, has_system = _key.c.folded.is_(None), _system.c.folded.is_not(None)
    rows = connection.execute(
        select(_key, _system.c.cloud_id)
        .join_from(_key, _system, _system.c.folded == _key.c.folded, isouter=True)
        .where(or_(is_of_cloud, has_system))
    )
    return [_from_row(row) for row in rows]


def add(connection: Connection, new: AccessKey) -> None:
    """
    :raises UnknownSystem: its system is not there (any more).
    """
    folded = None if new.cloud_id is None else fold(new.cloud_id)
    if folded is not None:
        known = select(_system.c.folded).where(_system.c.folded == folded)
        if connection.execute(known).first() is None:
            raise UnknownSystem(new.cloud_id)
    connection.execute(
        insert(_key).values(
            folded=folded,
            role=new.role.value,
            **{name: getattr(new, name) for name in _PLAIN},
        )
    )


def change(connection: Connection, changed: Sequence[AccessKey]) -> set[str]:
    """
    Store whether they are authorised or revoked; the IDs of those that are there:
    others went with their systems.
    """
    found: set[str] = set()
    for part in _parts([key.id for key in changed]):
        query = select(_key.c.id).where(_key.c.id.in_(part))
        found.update(connection.scalars(query))
    if found:
        connection.execute(
            update(_key)
            .where(_key.c.id == bindparam("key"))
            .values({name: bindparam(name) for name in _CHANGING}),
            [
                {"key": key.id, **{name: getattr(key, name) for name in _CHANGING}}
                for key in changed
            ],
        )
    return found


def use(connection: Connection, used: Collection[AccessKey]) -> None:
    """Store when and whence they were used last; those that are not there stay so."""
    if used:
        connection.execute(
            update(_key)
            .where(_key.c.id == bindparam("key"))
            .values(last_used=bindparam("seen"), last_client=bindparam("whence")),
            [
                {"key": key.id, "seen": key.last_used, "whence": key.last_client}
                for key in used
            ],
        )


def remove(connection: Connection, key_ids: Sequence[str]) -> None:
    """Delete them; those that are not there stay so."""
    for part in _parts(key_ids):
        connection.execute(delete(_key).where(_key.c.id.in_(part)))


def _parts(key_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(key_ids), _MANY):
        yield key_ids[start : start + _MANY]


#: What an existing key's row may get anew; its last use has a way of its own.
_CHANGING = ("authorised", "revoked", "code")
#: Columns that are called as the members are, and have their values.
_PLAIN = (
    *("id", "name", "kid", "consent", "created", "expires"),
    *("last_used", "last_client", "requested_from"),
    *_CHANGING,
)


def _from_row(row: Row[Any]) -> AccessKey:
    plain: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    return AccessKey(cloud_id=row.cloud_id, role=Role(row.role), **plain)
