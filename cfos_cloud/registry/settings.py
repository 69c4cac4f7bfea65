"""Named values that the server keeps, one row each."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from cfos_cloud.registry.schema import setting


def read(connection: Connection, name: str) -> str | None:
    """The value, or ``None``: never set."""
    return connection.execute(
        select(setting.c.value).where(setting.c.name == name)
    ).scalar_one_or_none()


def write(connection: Connection, name: str, value: str) -> None:
    """Set the value, whether it was there or not."""
    changed = connection.execute(
        update(setting).where(setting.c.name == name).values(value=value)
    )
    if changed.rowcount == 0:
        connection.execute(insert(setting).values(name=name, value=value))
