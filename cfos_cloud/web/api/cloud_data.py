"""``/api/json/…`` for keys of scope ``cloud``: the server's own data, to be read."""

from __future__ import annotations

from collections.abc import Mapping

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.web.answers import field
from cfos_cloud.web.api.event_json import EVENT
from cfos_cloud.web.api.events import EVENT_PARAMETERS, EventsResource
from cfos_cloud.web.api.live import LiveResource
from cfos_cloud.web.api.operation import (
    EVENT_STREAM,
    JSON,
    STRING,
    Operation,
    as_json,
    listed,
)
from cfos_cloud.web.api.query import PAGE_PARAMETERS
from cfos_cloud.web.api.routes import (
    Answer,
    APIResource,
    StreamAnswer,
    answer_error,
    mount,
    route,
)
from cfos_cloud.web.api.system_json import SYSTEM
from cfos_cloud.web.api.systems import FOUND_SYSTEMS, QUERY_PARAMETERS, SystemsResource
from cfos_cloud.web.operator.authorization import Authorizer, Needs

#: Where it is; the routes are whole paths.
BASE = "/api/json"


class CloudData:
    """The same as the operator API says, by the same handlers."""

    def __init__(
        self, systems: SystemsResource, events: EventsResource, live: LiveResource
    ) -> None:
        self._systems = systems
        self._events = events
        self._live = live

    def resource(self, authorizers: Mapping[Needs, Authorizer]) -> APIResource:
        """To be asked with whole paths; who has no key learns of no address."""
        app = Klein()
        access = authorizers[Needs.CLOUD_KEY]

        def missed(request: IRequest, failure: Failure) -> Deferred[bytes]:
            async def answer() -> bytes:
                try:
                    await access.authorize(request, {})
                except Exception as error:
                    return answer_error(request, error)
                return answer_error(request, failure.value)

            return Deferred.fromCoroutine(answer())

        app.handle_errors(HTTPException)(missed)
        mount(app, [self], authorizers)
        return APIResource(app)

    @route(
        f"{BASE}/systems",
        method="GET",
        needs=Needs.CLOUD_KEY,
        about=Operation(
            "The systems, found and sorted, for an access key of the cloud",
            {200: as_json(FOUND_SYSTEMS)},
            query=(*PAGE_PARAMETERS, *QUERY_PARAMETERS),
        ),
    )
    async def systems(self, request: IRequest) -> Answer:
        return await self._systems.list_all(request)

    @route(
        f"{BASE}/systems/<cloud_id>",
        method="GET",
        needs=Needs.CLOUD_KEY,
        about=Operation(
            "One system, for an access key of the cloud", {200: as_json(SYSTEM)}
        ),
    )
    async def system(self, request: IRequest, cloud_id: str) -> Answer:
        return await self._systems.show(request, cloud_id)

    @route(
        f"{BASE}/events",
        method="GET",
        needs=Needs.CLOUD_KEY,
        about=Operation(
            "What happened, the newest first, for an access key of the cloud",
            {200: {JSON: listed(EVENT), EVENT_STREAM: STRING}},
            description="""
            Who accepts `text/event-stream` is told what happens as it happens,
            see `/live`; the query is for the list alone.
            """,
            query=(*PAGE_PARAMETERS, *EVENT_PARAMETERS),
        ),
    )
    async def events(self, request: IRequest) -> Answer | StreamAnswer:
        if EVENT_STREAM.encode() in (field(request, b"accept") or b"").lower():
            return await self._live.listen(request)
        return await self._events.list_all(request)
