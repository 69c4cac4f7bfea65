"""``systems/{id}/logins``: who has tried to come in lately, for the system's admin."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from cfos_cloud.events import EventKind
from cfos_cloud.registry import EventFilter, Systems, UnknownSystem
from cfos_cloud.web.api.events import EVENT, StoredEvents, event_json
from cfos_cloud.web.api.operation import Operation, as_json, members
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import Caller
from cfos_cloud.web.operator.system_admin import SystemAdmins

#: How many are told.
SHOWN = 20
KINDS = frozenset({EventKind.LOGGED_IN, EventKind.LOGIN_FAILED, EventKind.THROTTLED})


class SystemLoginsResource:
    def __init__(
        self, events: StoredEvents, admins: SystemAdmins, systems: Systems
    ) -> None:
        self._events = events
        self._admins = admins
        self._systems = systems

    @route(
        "/systems/<cloud_id>/logins",
        method="GET",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            f"The last {SHOWN} log-ins of a system, and attempts at it",
            {200: as_json(members(items={"type": "array", "items": EVENT}))},
        ),
    )
    async def list_all(self, request: IRequest, cloud_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        system = self._systems.get(session.cloud_id)
        if system is None:
            raise UnknownSystem(session.cloud_id)
        # What was told of a system of the same ID before is not this admin's.
        wanted = EventFilter(
            kinds=KINDS, cloud_id=session.cloud_id, since=system.created
        )
        page = await self._events.page(SHOWN, None, wanted)
        Caller(session).check()
        return Answer(200, {"items": [event_json(event) for event in page.items]})
