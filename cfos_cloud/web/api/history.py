"""``systems/{id}/history`` of the operator API: its connections and its traffic."""

from __future__ import annotations

import typing
from datetime import UTC, datetime, timedelta

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from cfos_cloud.registry import (
    ConnectionPage,
    System,
    TrafficHour,
    TunnelRecord,
    UnknownSystem,
)
from cfos_cloud.timestamps import moment, rfc3339
from cfos_cloud.web.api.operation import (
    COUNT,
    MOMENT,
    STRING,
    Operation,
    Shape,
    as_json,
    members,
    or_null,
)
from cfos_cloud.web.api.query import (
    PAGE_PARAMETERS,
    PageQuery,
    moment_parameter,
    read_moment,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs

#: How far back a history goes unless it is said.
DEFAULT_SPAN = timedelta(days=7)

CONNECTION = Shape(
    "Connection",
    members(
        started=MOMENT,
        ended={**or_null(MOMENT), "description": "null: it is there still"},
        seen={**MOMENT, "description": "when it was recorded last"},
        reason={
            **or_null(STRING),
            "description": "why it ended: `lost`, `replaced`, `disabled`, …",
        },
        agent=or_null(STRING),
        client=or_null(STRING),
        bytes_in={**COUNT, "description": "bytes from the device"},
        bytes_out={**COUNT, "description": "bytes to the device"},
    ),
)
TRAFFIC_HOUR = Shape(
    "TrafficHour", members(hour=MOMENT, bytes_in=COUNT, bytes_out=COUNT)
)
HISTORY = Shape(
    "History",
    members(
        items={"type": "array", "items": CONNECTION},
        next=or_null(STRING),
        traffic={
            "type": "array",
            "items": TRAFFIC_HOUR,
            "description": "the hours in which anything was moved, on the first page",
        },
    ),
)


class SystemDirectory(typing.Protocol):
    """Where systems are looked up."""

    def get(self, cloud_id: str) -> System | None: ...


class StoredConnections(typing.Protocol):
    """Who has the connections; the registry does."""

    def page(
        self, cloud_id: str, limit: int, cursor: str | None, since: datetime | None
    ) -> Deferred[ConnectionPage]: ...

    def traffic(
        self, cloud_id: str, since: datetime, until: datetime
    ) -> Deferred[list[TrafficHour]]: ...


class HistoryResource:
    """``clock`` tells the time of day."""

    def __init__(
        self,
        systems: SystemDirectory,
        connections: StoredConnections,
        clock: IReactorTime,
    ) -> None:
        self._systems = systems
        self._connections = connections
        self._clock = clock

    @route(
        "/systems/<cloud_id>/history",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The connections of a system, the newest first, and its traffic",
            {200: as_json(HISTORY)},
            description="""
            What a connection that lasts has moved may be five minutes old here. The
            traffic of an hour is kept for 35 days.
            """,
            query=(
                *PAGE_PARAMETERS,
                moment_parameter(
                    "since", "From when on; seven days ago unless it is given."
                ),
            ),
        ),
    )
    async def show(self, request: IRequest, cloud_id: str) -> Answer:
        query = PageQuery.from_request(request)
        now = datetime.fromtimestamp(self._clock.seconds(), UTC)
        since = read_moment(request, "since") or now - DEFAULT_SPAN
        if self._systems.get(cloud_id) is None:
            raise UnknownSystem(cloud_id)
        page = await self._connections.page(cloud_id, query.limit, query.cursor, since)
        traffic: list[TrafficHour] = []
        if query.cursor is None:
            traffic = await self._connections.traffic(cloud_id, since, now)
        body = {
            "items": [connection_json(each) for each in page.items],
            "next": page.next,
            "traffic": [
                {
                    "hour": rfc3339(each.hour),
                    "bytes_in": each.bytes_in,
                    "bytes_out": each.bytes_out,
                }
                for each in traffic
            ],
        }
        return Answer(200, body)


def connection_json(tunnel: TunnelRecord) -> dict[str, object]:
    """A connection as the API says it."""
    return {
        "started": rfc3339(tunnel.started),
        "ended": moment(tunnel.ended),
        "seen": rfc3339(tunnel.seen),
        "reason": tunnel.reason,
        "agent": tunnel.agent,
        "client": tunnel.client,
        "bytes_in": tunnel.bytes_in,
        "bytes_out": tunnel.bytes_out,
    }
