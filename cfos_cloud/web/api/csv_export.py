"""All systems as a table (CSV), written as fast as the client reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol as Interface
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from cfos_cloud.cursor import MAX_PAGE
from cfos_cloud.registry import FoundSystems, System, SystemQuery
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.csv_cells import to_csv
from cfos_cloud.web.api.system_json import system_json
from cfos_cloud.web.download import PIECES, Download, Response

#: Systems of one part, so that a search is a turn of the reactor and no more.
ROWS = MAX_PAGE // PIECES
COLUMNS = (
    "cloud_id",
    "name",
    "enabled",
    "online",
    "since",
    "last_seen",
    "agent",
    "client",
    "bytes_in",
    "bytes_out",
    "created",
    "end_to_end",
)


class Presences(Interface):
    """Who knows which systems are online."""

    def presence(self, cloud_id: str) -> Presence: ...


class Searchable(Interface):
    """Where systems are found."""

    def search(self, query: SystemQuery, presences: Presences) -> FoundSystems: ...


def tables(
    systems: Searchable, presences: Presences, query: SystemQuery
) -> Iterator[bytes]:
    """The table of what ``query`` finds, in parts; it never has a password."""
    yield to_csv([COLUMNS]).encode()
    following: SystemQuery | None = replace(query, limit=MAX_PAGE)
    while following is not None:
        found = systems.search(following, presences)
        for start in range(0, len(found.items), ROWS):
            some = found.items[start : start + ROWS]
            yield to_csv(_row(each, presences) for each in some).encode()
        more = found.next is not None
        following = replace(following, cursor=found.next) if more else None


def _row(system: System, presences: Presences) -> list[object]:
    members = system_json(system, presences.presence(system.cloud_id))
    return [members[column] for column in COLUMNS]


class TableBody:
    """The body of an answer that is a table, made of ``parts``."""

    content_type = b"text/csv; charset=utf-8"

    def __init__(self, parts: Iterator[bytes], clock: IReactorTime) -> None:
        self._parts = parts
        self._clock = clock
        self._download: Download | None = None

    def start(self, request: IRequest) -> Deferred[None]:
        response = cast(Response, request)
        self._download = Download(response, self._parts, self._clock)
        return self._download.start()

    def abort(self) -> None:
        if self._download is not None:
            self._download.abort()
