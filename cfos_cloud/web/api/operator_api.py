"""The operator API, ``/cloud/api/v1/``: JSON over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from time import monotonic

from klein import Klein

from cfos_cloud.events import NO_EVENTS, EventLog
from cfos_cloud.web.api.openapi import Description
from cfos_cloud.web.api.routes import APIResource, mount, routes_of
from cfos_cloud.web.operator.authorization import (
    Anybody,
    Authorizer,
    Needs,
    OperatorAccess,
    OperatorCredentials,
)
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.session import OperatorSessions

#: Where it is mounted.
BASE = "/cloud/api/v1"
#: What routes need that are for operators alone, and not on the port of browsers
#: where the operator has one of their own.
OPERATORS = frozenset({Needs.NOTHING, Needs.OPERATOR, Needs.FRESH_OPERATOR})


def operator_authorizers(
    password: OperatorPassword,
    sessions: OperatorSessions,
    events: EventLog = NO_EVENTS,
    seconds: Callable[[], float] = monotonic,
) -> Mapping[Needs, Authorizer]:
    """Who checks what a route of the operator's can need; ``seconds`` is a clock."""
    credentials = OperatorCredentials(password, events, seconds)
    return {
        Needs.NOTHING: Anybody(),
        Needs.OPERATOR: OperatorAccess(sessions, credentials, fresh=False),
        Needs.FRESH_OPERATOR: OperatorAccess(sessions, credentials, fresh=True),
    }


class OperatorAPI:
    """
    The routes of all resources on one Klein app, and their description.

    :param resources: each is a module of its own.
    :param without: routes that need this are not mounted, and answered by 404.
    """

    def __init__(
        self,
        resources: Iterable[object],
        authorizers: Mapping[Needs, Authorizer],
        *,
        without: Collection[Needs] = (),
    ) -> None:
        self.app = Klein()
        parts = list(resources)
        routes = [declared for each in parts for declared, _ in routes_of(each)]
        self.description = Description(BASE, routes)
        mount(self.app, [*parts, self.description], authorizers, without)

    def resource(self) -> APIResource:
        """To be mounted at :data:`BASE`."""
        return APIResource(self.app)
