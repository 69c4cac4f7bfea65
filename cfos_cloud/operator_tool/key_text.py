"""Access keys of the operator API in lines, for programs and for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.human import duration
from cfos_cloud.operator_tool.output import text
from cfos_cloud.operator_tool.table import Column

COLUMNS: tuple[Column, ...] = tuple(
    Column(title)
    for title in (
        *("ID", "STATE", "ROLE", "NAME"),
        *("EXPIRES", "LAST USED", "CLIENT", "CREATED"),
    )
)
#: What people look for, so that it fits 80 places.
COLUMNS_FOR_PEOPLE: tuple[Column, ...] = (
    *(Column("ID"), Column("STATE"), Column("ROLE")),
    Column("NAME", shrinks=True, least=8),
    Column("EXPIRES"),
    Column("LAST USED", shrinks=True, least=14),
)
#: Before its end, a key is marked for so long.
SOON = timedelta(days=14)


def row(key: Object) -> Sequence[str]:
    """As the API says it, below :data:`COLUMNS`."""
    names = ("expires", "last_used", "last_client", "created")
    cells = (text(key[name]) for name in names)
    return (key["id"], key["state"], key["role"], key["name"], *cells)


def row_for_people(key: Object, now: datetime) -> Sequence[str]:
    """Below :data:`COLUMNS_FOR_PEOPLE`; ``now`` is aware."""
    return (
        *(key[name] for name in ("id", "state", "role", "name")),
        _expiry(key, now),
        _use(key, now),
    )


def number_of_keys(count: int) -> str:
    """So many access keys, in words."""
    return "1 access key" if count == 1 else f"{count} access keys"


def _expiry(key: Object, now: datetime) -> str:
    """The day, in this machine's zone; near the end, in how long."""
    if key["expires"] is None:
        return "never"
    time = datetime.fromisoformat(key["expires"])
    is_over = key["state"] in ("revoked", "expired")
    if is_over or time - now > SOON:
        return f"{time.astimezone():%Y-%m-%d}"
    return f"in {_largest_unit(time - now)}"


def _use(key: Object, now: datetime) -> str:
    if key["last_used"] is None:
        return "never"
    ago = now - datetime.fromisoformat(key["last_used"])
    client = key["last_client"]
    return f"{_largest_unit(ago)} ago" + (f", from {client}" if client else "")


def _largest_unit(span: timedelta) -> str:
    """``3 days`` of a longer story."""
    words = duration(max(0, int(span.total_seconds()))).split()
    return " ".join(words[:2])
