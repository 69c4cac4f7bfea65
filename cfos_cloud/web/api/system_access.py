"""``systems/{id}/password`` and ``…/disconnect`` of the operator API."""

from __future__ import annotations

import secrets
import typing
from collections.abc import Callable

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_password import generate, iterations_for
from cfos_cloud.events import NO_EVENTS, EventKind, EventLog
from cfos_cloud.registry import Systems, UnknownSystem
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.tunnel.scram import make_verifier
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    Operation,
    as_json,
    members,
    optional_members,
    or_null,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import CLOUD_PASSWORD, check_password, read_object
from cfos_cloud.web.api.system_json import SYSTEM_WITH_PASSWORD, system_json
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import check_still
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.workers import Worker

#: Seconds after which a device end that was cut off comes back, at the earliest.
RETRY_AFTER = 1


class Tunnels(typing.Protocol):
    """Who holds the tunnels; the exchange does."""

    def presence(self, cloud_id: str) -> Presence: ...

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool: ...


class SystemAccessResource:
    """``worker`` computes verifiers."""

    def __init__(
        self,
        systems: Systems,
        tunnels: Tunnels,
        worker: Worker,
        events: EventLog = NO_EVENTS,
        choice: Callable[[str], str] = secrets.choice,
    ) -> None:
        self._systems = systems
        self._tunnels = tunnels
        self._worker = worker
        self._events = events
        self._choice = choice

    @route(
        "/systems/<cloud_id>/password",
        method="POST",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Give a system another Cloud password",
            {200: as_json(SYSTEM_WITH_PASSWORD)},
            description="""
            Generated unless one is given, and shown this once. Its device end is cut
            off until it has the new one.
            """,
            body=as_json(optional_members(password=or_null(CLOUD_PASSWORD))),
            body_optional=True,
        ),
    )
    async def rotate(self, request: IRequest, cloud_id: str) -> Answer:
        """
        Another Cloud password, generated unless one is given. The change cuts off
        whoever is connected with the old one.
        """
        data = read_object(request, optional=True)
        given = data.get("password")
        chosen = None if given is None else check_password(given)
        if self._systems.get(cloud_id) is None:
            raise UnknownSystem(cloud_id)
        password = chosen or generate(self._choice)
        verifier = await self._worker.run(
            make_verifier, password, iterations_for(password)
        )
        check_still(request)
        system = await self._systems.change(
            cloud_id, verifier=verifier, by=operator_of(request)
        )
        body = system_json(system, self._tunnels.presence(system.cloud_id))
        if chosen is None:
            body["password"] = password
        return Answer(200, body)

    @route(
        "/systems/<cloud_id>/disconnect",
        method="POST",
        needs=Needs.OPERATOR,
        about=Operation(
            "Cut a system's tunnel",
            {200: as_json(members(disconnected=BOOLEAN))},
            description="""
            Its device end comes back by itself; to keep it away, disable the system.
            """,
        ),
    )
    async def disconnect(self, request: IRequest, cloud_id: str) -> Answer:
        """Its device end comes back by itself; to keep it away, disable the system."""
        system = self._systems.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        cut = self._tunnels.disconnect(cloud_id, "shutdown", RETRY_AFTER)
        if cut:
            who = operator_of(request)
            self._events.note(EventKind.SYSTEM_DISCONNECTED, who, system.cloud_id)
        return Answer(200, {"disconnected": cut})
