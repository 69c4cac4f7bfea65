"""``systems/{id}/pairing``: the time in which applications may ask for keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.keys.pairing import Pairing
from cfos_cloud.timestamps import moment
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    MOMENT,
    Operation,
    Shape,
    as_json,
    members,
    or_null,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.system_admin import ADMIN, SystemAdmins

PAIRING = Shape("Pairing", members(open=BOOLEAN, until=or_null(MOMENT)))


class PairingResource:
    """``seconds`` is the clock of ``pairing``, ``now`` tells aware times."""

    def __init__(
        self,
        pairing: Pairing,
        admins: SystemAdmins,
        seconds: Callable[[], float],
        now: Callable[[], datetime],
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._pairing = pairing
        self._admins = admins
        self._seconds = seconds
        self._now = now
        self._events = events

    @route(
        "/systems/<cloud_id>/pairing",
        method="GET",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Whether applications may ask for access keys now", {200: as_json(PAIRING)}
        ),
    )
    async def show(self, request: IRequest, cloud_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        return self._answer(self._pairing.until(session.cloud_id))

    @route(
        "/systems/<cloud_id>/pairing",
        method="POST",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Let applications ask for access keys for ten minutes",
            {200: as_json(PAIRING)},
            description="""
            At most five of them may. Asked again while it is so, the ten minutes
            begin anew.
            """,
        ),
    )
    async def open(self, request: IRequest, cloud_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        until = self._pairing.open(session.cloud_id)
        by = Origin(ADMIN, client_address(request) or None)
        self._events.note(EventKind.PAIRING_OPENED, by, session.cloud_id)
        return self._answer(until)

    @route(
        "/systems/<cloud_id>/pairing",
        method="DELETE",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation("Let no application ask any more", {204: None}),
    )
    async def close(self, request: IRequest, cloud_id: str) -> Answer:
        self._pairing.close(self._admins.admin_of(request, cloud_id).cloud_id)
        return Answer(204)

    def _answer(self, until: float | None) -> Answer:
        if until is None:
            return Answer(200, {"open": False, "until": None})
        ends = self._now() + timedelta(seconds=until - self._seconds())
        return Answer(200, {"open": True, "until": moment(ends)})
