"""``systems/{id}/sessions``: who is logged in to a system, for its admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.timestamps import moment
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.key_rows import KeyRows
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    MOMENT,
    STRING,
    Operation,
    Shape,
    as_json,
    members,
    or_null,
)
from cfos_cloud.web.api.query import boolean_parameter, read_boolean
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.system_admin import ADMIN, SystemAdmins

SESSION = Shape(
    "SystemSession",
    members(
        role={**STRING, "description": "`admin` or `user`"},
        user={**STRING, "description": "as the device calls them"},
        client={**STRING, "description": "the address that logged in"},
        created=MOMENT,
        last_used=MOMENT,
        current={**BOOLEAN, "description": "it is the one of this request"},
        by_key={
            **or_null(members(id=STRING, name=STRING)),
            "description": "the access key that it was opened by",
        },
    ),
)


class SystemSessionsResource:
    """``seconds`` is the clock of ``sessions``, ``now`` tells aware times."""

    def __init__(
        self,
        sessions: SessionTable,
        keys: KeyRows,
        admins: SystemAdmins,
        seconds: Callable[[], float],
        now: Callable[[], datetime],
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._admins = admins
        self._seconds = seconds
        self._now = now
        self._events = events

    @route(
        "/systems/<cloud_id>/sessions",
        method="GET",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Who is logged in to a system, the one used last first",
            {200: as_json(members(items={"type": "array", "items": SESSION}))},
        ),
    )
    async def list_all(self, request: IRequest, cloud_id: str) -> Answer:
        own = self._admins.admin_of(request, cloud_id)
        open_ones = sorted(
            self._first_ones(own),
            key=lambda session: session.last_used,
            reverse=True,
        )
        return Answer(200, {"items": [self._json(each, own) for each in open_ones]})

    @route(
        "/systems/<cloud_id>/sessions",
        method="DELETE",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Log out everybody",
            {204: None},
            description="""
            What is open in their browsers ends at once. Access keys stay, and
            browsers that keep one may log in again by it: revoke those, too.
            """,
            query=(
                boolean_parameter(
                    "others", "`true`: all but the session of this request."
                ),
            ),
        ),
    )
    async def end_all(self, request: IRequest, cloud_id: str) -> Answer:
        own = self._admins.admin_of(request, cloud_id)
        stays = read_boolean(request, "others") is True
        sessions = [
            session
            for session in self._first_ones(own)
            if not (stays and _is_same(session, own))
        ]
        for session in sessions:
            self._sessions.end(session, Ending.LOGGED_OUT)
        by = Origin(ADMIN, client_address(request) or None)
        count = f"{len(sessions)} sessions" if len(sessions) != 1 else "1 session"
        self._events.note(EventKind.SESSIONS_ENDED, by, own.cloud_id, count)
        return Answer(204)

    def _first_ones(self, own: Session) -> list[Session]:
        """One of each log-in: others live by it, on the hosts of further devices."""
        of_system = self._sessions.of_system(own.cloud_id)
        return [session for session in of_system if not session.is_further]

    def _json(self, session: Session, own: Session) -> dict[str, object]:
        return {
            "role": session.role,
            "user": session.user,
            "client": session.client,
            "created": self._moment(session.created),
            "last_used": self._moment(session.last_used),
            "current": _is_same(session, own),
            "by_key": self._key(session.key_id),
        }

    def _moment(self, seconds: float) -> str | None:
        return moment(self._now() - timedelta(seconds=self._seconds() - seconds))

    def _key(self, key_id: str | None) -> dict[str, object] | None:
        if key_id is None:
            return None
        key = self._keys.get(key_id)
        return {"id": key_id, "name": "" if key is None else key.name}


def _is_same(first: Session, own: Session) -> bool:
    """Whether ``own`` is of the log-in ``first``, on whatever host."""
    return first is own or (own.is_further and own.grant == first.grant)
