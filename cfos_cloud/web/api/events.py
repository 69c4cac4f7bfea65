"""``events`` of the operator API: who did what, and when."""

from __future__ import annotations

import typing

from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.events import EventKind
from cfos_cloud.registry import EventFilter, EventPage
from cfos_cloud.web.api.event_json import EVENT, event_json
from cfos_cloud.web.api.operation import (
    STRING,
    Operation,
    Parameter,
    as_json,
    listed,
)
from cfos_cloud.web.api.query import (
    PAGE_PARAMETERS,
    PageQuery,
    moment_parameter,
    read_moment,
    read_text,
    read_texts,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import CLOUD_ID
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.problem import InvalidInput

#: Characters of an actor that is searched for.
MAX_ACTOR = 100

EVENT_PARAMETERS = (
    Parameter(
        "kind",
        {
            "type": "array",
            "items": {"type": "string", "enum": [kind.value for kind in EventKind]},
        },
        "Only events of these kinds; may be given several times.",
    ),
    Parameter("cloud_id", CLOUD_ID, "Only what is about this system."),
    Parameter("actor", {**STRING, "maxLength": MAX_ACTOR}, "Only what they did."),
    moment_parameter("since", "Only what was at this time or later."),
    moment_parameter("until", "Only what was before this time."),
)


class StoredEvents(typing.Protocol):
    """Who has the events; the registry does."""

    def page(
        self, limit: int, cursor: str | None, wanted: EventFilter
    ) -> Deferred[EventPage]: ...


class EventsResource:
    def __init__(self, events: StoredEvents) -> None:
        self._events = events

    @route(
        "/events",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "What happened, the newest first",
            {200: as_json(listed(EVENT))},
            query=(*PAGE_PARAMETERS, *EVENT_PARAMETERS),
        ),
    )
    async def list_all(self, request: IRequest) -> Answer:
        query = PageQuery.from_request(request)
        wanted = read_filter(request)
        page = await self._events.page(query.limit, query.cursor, wanted)
        items = [event_json(event) for event in page.items]
        return Answer(200, {"items": items, "next": page.next})


def read_filter(request: IRequest) -> EventFilter:
    """:raises InvalidInput: with the parameter that is at fault."""
    cloud_id = read_text(request, "cloud_id")
    if cloud_id:
        try:
            check_cloud_id(cloud_id)
        except InvalidCloudID as error:
            raise InvalidInput("cloud_id", str(error)) from error
    actor = read_text(request, "actor")
    if len(actor) > MAX_ACTOR or "\0" in actor:
        raise InvalidInput("actor", f"an actor has at most {MAX_ACTOR} characters")
    return EventFilter(
        kinds=frozenset(_kind(text) for text in read_texts(request, "kind")),
        cloud_id=cloud_id or None,
        actor=actor or None,
        since=read_moment(request, "since"),
        until=read_moment(request, "until"),
    )


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError as error:
        raise InvalidInput("kind", f"no kind of event is called {text!r}") from error
