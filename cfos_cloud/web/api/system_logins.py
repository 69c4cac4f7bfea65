"""``systems/{id}/logins``: who has tried to come in lately, for the system's admin."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol as Interface

from twisted.web.iweb import IRequest

from cfos_cloud.events import Event, EventKind
from cfos_cloud.web.api.event_json import EVENT, event_json
from cfos_cloud.web.api.operation import Operation, as_json, members
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import Caller
from cfos_cloud.web.operator.system_admin import SystemAdmins

#: How many are told.
SHOWN = 20
KINDS = frozenset({EventKind.LOGGED_IN, EventKind.LOGIN_FAILED, EventKind.THROTTLED})


class Logins(Interface):
    """Who remembers log-ins."""

    def last(self, cloud_id: str) -> Awaitable[Sequence[Event]]:
        """Events of :data:`KINDS`, :data:`SHOWN` at most, the newest first."""


class SystemLoginsResource:
    def __init__(self, logins: Logins, admins: SystemAdmins) -> None:
        self._logins = logins
        self._admins = admins

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
        last = await self._logins.last(session.cloud_id)
        Caller(session).check()
        return Answer(200, {"items": [event_json(event) for event in last]})
