"""``loglevel`` of the operator API: what the server's log has from now on."""

from __future__ import annotations

import typing

from twisted.logger import Logger
from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog
from cfos_cloud.logs import LEVELS
from cfos_cloud.web.api.operation import Operation, Shape, as_json, members
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.problem import InvalidInput

LOG_LEVEL = Shape(
    "LogLevel",
    members(
        loglevel={
            "type": "integer",
            "enum": list(LEVELS),
            "description": "errors; warnings, too; information, too; data, too",
        }
    ),
)


class Level(typing.Protocol):
    """Where the level is; the log's filter has it."""

    level: int


class LogLevelResource:
    """A change lasts until the next one, or until the server ends."""

    _log = Logger()

    def __init__(self, level: Level, events: EventLog = NO_EVENTS) -> None:
        self._level = level
        self._events = events

    @route(
        "/loglevel",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("What the log has", {200: as_json(LOG_LEVEL)}),
    )
    async def show(self, request: IRequest) -> Answer:
        return self._answer()

    @route(
        "/loglevel",
        method="PUT",
        needs=Needs.OPERATOR,
        about=Operation(
            "Change what the log has, until the server ends",
            {200: as_json(LOG_LEVEL)},
            body=as_json(LOG_LEVEL),
        ),
    )
    async def change(self, request: IRequest) -> Answer:
        wanted = read_object(request).get("loglevel")
        # True is 1 to Python, and 1.0 is in LEVELS.
        if type(wanted) is not int or wanted not in LEVELS:
            raise InvalidInput(
                "loglevel", "a log level is 1 (errors), 2 (warnings), 3 or 4 (data)"
            )
        before, self._level.level = self._level.level, wanted
        if before != wanted:
            change = f"{before} to {wanted}"
            self._log.warn("the log level changes from {change}", change=change)
            who = operator_of(request)
            self._events.note(EventKind.LOG_LEVEL_CHANGED, who, detail=change)
        return self._answer()

    def _answer(self) -> Answer:
        return Answer(200, {"loglevel": self._level.level})
