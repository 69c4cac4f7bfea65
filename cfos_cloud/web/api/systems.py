"""``systems`` of the operator API."""

from __future__ import annotations

import secrets
import typing
from collections.abc import Callable

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_password import generate, iterations_for
from cfos_cloud.registry import DuplicateSystem, System, Systems, UnknownSystem
from cfos_cloud.registry.search import Order, SystemQuery
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.tunnel.scram import make_verifier
from cfos_cloud.web.api.operation import (
    COUNT,
    STRING,
    Operation,
    Parameter,
    Shape,
    as_json,
    members,
    or_null,
)
from cfos_cloud.web.api.query import (
    PAGE_PARAMETERS,
    PageQuery,
    boolean_parameter,
    choice_parameter,
    read_boolean,
    read_choice,
    read_text,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import (
    NEW_SYSTEM,
    SYSTEM_PATCH,
    NewSystem,
    SystemPatch,
    read_object,
)
from cfos_cloud.web.api.system_json import SYSTEM, SYSTEM_WITH_PASSWORD, system_json
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import check_still
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.workers import Worker

FOUND_SYSTEMS = Shape(
    "FoundSystems",
    members(
        items={"type": "array", "items": SYSTEM},
        next=or_null(STRING),
        total={**COUNT, "description": "how many there are on all pages"},
    ),
)
QUERY_PARAMETERS = (
    Parameter("q", STRING, "A part of the Cloud ID or of the name, in any case."),
    choice_parameter("sort", Order, "The order."),
    boolean_parameter("online", "Only those that are, or only those that are not."),
    boolean_parameter("enabled", "Only those that are, or only those that are not."),
)


def read_query(request: IRequest) -> SystemQuery:
    """:raises InvalidInput: with the parameter that is at fault."""
    page = PageQuery.from_request(request)
    return SystemQuery(
        text=read_text(request, "q"),
        order=read_choice(request, "sort", Order) or Order.CLOUD_ID,
        online=read_boolean(request, "online"),
        enabled=read_boolean(request, "enabled"),
        limit=page.limit,
        cursor=page.cursor,
    )


class Presences(typing.Protocol):
    """Who knows which systems are online; the exchange does."""

    def presence(self, cloud_id: str) -> Presence: ...


class SystemsResource:
    """``worker`` computes verifiers; ``base`` is where the API is mounted."""

    def __init__(
        self,
        systems: Systems,
        presences: Presences,
        worker: Worker,
        base: str,
        choice: Callable[[str], str] = secrets.choice,
    ) -> None:
        self._systems = systems
        self._presences = presences
        self._worker = worker
        self._base = base
        self._choice = choice

    @route(
        "/systems",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The systems, found and sorted",
            {200: as_json(FOUND_SYSTEMS)},
            query=(*PAGE_PARAMETERS, *QUERY_PARAMETERS),
        ),
    )
    async def list_all(self, request: IRequest) -> Answer:
        found = self._systems.search(read_query(request), self._presences)
        body = {
            "items": [self._json(one) for one in found.items],
            "next": found.next,
            "total": found.total,
        }
        return Answer(200, body)

    @route(
        "/systems",
        method="POST",
        needs=Needs.OPERATOR,
        about=Operation(
            "Add a system",
            {201: as_json(SYSTEM_WITH_PASSWORD)},
            description="Without a password one is generated, and said this once.",
            body=as_json(NEW_SYSTEM),
            problems={409: "The Cloud ID is taken, in whatever case."},
        ),
    )
    async def add(self, request: IRequest) -> Answer:
        new = NewSystem.from_json(read_object(request))
        if self._systems.get(new.cloud_id) is not None:
            raise DuplicateSystem(new.cloud_id)
        password = new.password or generate(self._choice)
        verifier = await self._worker.run(
            make_verifier, password, iterations_for(password)
        )
        check_still(request)
        system = await self._systems.add(
            new.cloud_id, verifier, new.name, operator_of(request)
        )
        body = self._json(system)
        if new.password is None:
            body["password"] = password
        location = f"{self._base}/systems/{system.cloud_id}"
        return Answer(201, body, ((b"Location", location.encode("ascii")),))

    @route(
        "/systems/<cloud_id>",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("One system", {200: as_json(SYSTEM)}),
    )
    async def show(self, request: IRequest, cloud_id: str) -> Answer:
        system = self._systems.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        return Answer(200, self._json(system))

    @route(
        "/systems/<cloud_id>",
        method="PATCH",
        needs=Needs.OPERATOR,
        about=Operation(
            "Rename, enable or disable a system",
            {200: as_json(SYSTEM)},
            description="A system that is disabled is cut off at once.",
            body=as_json(SYSTEM_PATCH),
        ),
    )
    async def change(self, request: IRequest, cloud_id: str) -> Answer:
        patch = SystemPatch.from_json(read_object(request))
        system = await self._systems.change(
            cloud_id,
            name=patch.name,
            enabled=patch.enabled,
            by=operator_of(request),
        )
        return Answer(200, self._json(system))

    @route(
        "/systems/<cloud_id>",
        method="DELETE",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Remove a system",
            {204: None},
            description="""
            It is cut off at once; its connections and its traffic are forgotten.
            """,
            query=(
                boolean_parameter(
                    "erase", "`true`: all events that are about it, too."
                ),
            ),
        ),
    )
    async def remove(self, request: IRequest, cloud_id: str) -> Answer:
        erase = read_boolean(request, "erase") or False
        await self._systems.remove(cloud_id, operator_of(request), erase=erase)
        return Answer(204)

    def _json(self, system: System) -> dict[str, object]:
        return system_json(system, self._presences.presence(system.cloud_id))
