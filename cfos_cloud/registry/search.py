"""Systems found, sorted and paged, in memory: quick with 10,000 of them."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cfos_cloud.cursor import check_limit, make_cursor, read_cursor
from cfos_cloud.registry.system import System, searchable
from cfos_cloud.registry_errors import InvalidCursor

#: Characters that are searched for; more can't be in an ID or a name.
MAX_TEXT = 200

#: What a system is sorted by; its folded ID comes last, so no two are alike.
Key = tuple[int | float | str, ...]


class Presence(Protocol):
    """How a system stands now."""

    @property
    def online(self) -> bool: ...

    @property
    def bytes_in(self) -> int: ...

    @property
    def bytes_out(self) -> int: ...


@dataclass(frozen=True)
class _Absent:
    online: bool = False
    bytes_in: int = 0
    bytes_out: int = 0


_ABSENT = _Absent()


class Presences(Protocol):
    """Who knows which systems are online; the exchange does."""

    def presence(self, cloud_id: str) -> Presence: ...


class Order(enum.Enum):
    """The values are part of the API. All but the first two have the most first."""

    CLOUD_ID = "cloud_id"
    #: Those without a name come last, by ID.
    NAME = "name"
    #: Online first, by name.
    ONLINE = "online"
    #: Offline first, the longest gone first; never seen last.
    OFFLINE = "offline"
    #: Online first, then by when they were seen last.
    LAST_SEEN = "last_seen"
    CREATED = "created"
    TRAFFIC = "traffic"


_OF_PRESENCE = (Order.ONLINE, Order.OFFLINE, Order.LAST_SEEN, Order.TRAFFIC)


@dataclass(frozen=True)
class SystemQuery:
    """
    ``text`` is a part of the ID or of the name, in whatever case; ``None`` of the
    others is all. ``cursor`` is the ``next`` of the page before of the same query.
    """

    text: str = ""
    order: Order = Order.CLOUD_ID
    online: bool | None = None
    enabled: bool | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True)
class FoundSystems:
    """``total``: how many there are on all pages; ``next`` leads to those after."""

    items: tuple[System, ...]
    total: int
    next: str | None


def search(
    systems: Iterable[System], query: SystemQuery, presences: Presences
) -> FoundSystems:
    """
    The page of ``query``. Where systems come online between two pages, or move
    otherwise in the order that was asked for, one may be on both or on none.

    :raises ValueError: the limit is not 1 to 500; :class:`InvalidCursor` is one.
    """
    check_limit(query.limit)
    after = () if query.cursor is None else _position(query.cursor, query.order)
    key_of = _KEYS[query.order]
    total = 0
    keyed: list[tuple[Key, System]] = []
    for system, presence in _fitting(systems, query, presences):
        total += 1
        key = key_of(system, presence)
        if key > after:
            keyed.append((key, system))
    # No two keys are alike, so systems are never compared.
    first = heapq.nsmallest(query.limit + 1, keyed)
    items = first[: query.limit]
    more = len(first) > query.limit
    return FoundSystems(
        tuple(system for _, system in items),
        total,
        make_cursor([query.order.value, *items[-1][0]]) if more else None,
    )


def _fitting(
    systems: Iterable[System], query: SystemQuery, presences: Presences
) -> Iterator[tuple[System, Presence]]:
    """Those that ``query`` asks for, with how they stand where that matters."""
    text = searchable(query.text[:MAX_TEXT])
    matters = query.online is not None or query.order in _OF_PRESENCE
    for system in systems:
        if query.enabled is not None and system.enabled != query.enabled:
            continue
        if text and text not in system.folded and text not in system.searchable:
            continue
        presence = presences.presence(system.cloud_id) if matters else _ABSENT
        if query.online is None or presence.online == query.online:
            yield system, presence


def _by_offline(system: System, presence: Presence) -> Key:
    seen = system.last_seen
    return int(presence.online), int(seen is None), _seconds(seen), system.folded


def _by_traffic(system: System, presence: Presence) -> Key:
    moved = system.bytes_in + presence.bytes_in
    moved += system.bytes_out + presence.bytes_out
    return -moved, system.folded


def _name(system: System) -> tuple[int, str]:
    return int(not system.name), system.searchable


def _seconds(time: datetime | None) -> float:
    return 0.0 if time is None else time.timestamp()


def _position(cursor: str, order: Order) -> Key:
    name, *key = [*read_cursor(cursor), None]
    kinds = (*_TYPES[order], type(None))
    if name != order.value or len(key) != len(kinds):
        raise InvalidCursor("this cursor is of no page of this list")
    for member, kind in zip(key, kinds, strict=True):
        if not isinstance(member, kind) or isinstance(member, bool):
            raise InvalidCursor("this cursor is of no page of this list")
    return tuple(key[:-1])  # type: ignore[arg-type]


_KEYS: dict[Order, Callable[[System, Presence], Key]] = {
    Order.CLOUD_ID: lambda system, _: (system.folded,),
    Order.NAME: lambda system, _: (*_name(system), system.folded),
    Order.ONLINE: lambda system, presence: (
        int(not presence.online),
        *_name(system),
        system.folded,
    ),
    Order.OFFLINE: _by_offline,
    Order.LAST_SEEN: lambda system, presence: (
        int(not presence.online),
        -_seconds(system.last_seen),
        system.folded,
    ),
    Order.CREATED: lambda system, _: (-_seconds(system.created), system.folded),
    Order.TRAFFIC: _by_traffic,
}
_NUMBER = (int, float)
#: The types of what these give.
_TYPES: dict[Order, tuple[type | tuple[type, ...], ...]] = {
    Order.CLOUD_ID: (str,),
    Order.NAME: (int, str, str),
    Order.ONLINE: (int, int, str, str),
    Order.OFFLINE: (int, int, _NUMBER, str),
    Order.LAST_SEEN: (int, _NUMBER, str),
    Order.CREATED: (_NUMBER, str),
    Order.TRAFFIC: (_NUMBER, str),
}
