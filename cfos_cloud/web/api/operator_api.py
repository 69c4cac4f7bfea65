"""The operator API, ``/cloud/api/v1/``: JSON over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from time import monotonic

from klein import Klein

from cfos_cloud.events import NO_EVENTS, EventLog
from cfos_cloud.web.api.openapi import Description
from cfos_cloud.web.api.routes import APIResource, Route, mount, routes_of
from cfos_cloud.web.operator.authorization import (
    Anybody,
    Authorizer,
    Needs,
    OperatorAccess,
    OperatorCredentials,
)
from cfos_cloud.web.operator.keys import Bearers, CloudKey, KeyItself, OperatorKey
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.session import OperatorSessions
from cfos_cloud.web.operator.system_admin import SystemAdminAccess, SystemAdmins

#: Where it is mounted.
BASE = "/cloud/api/v1"
#: What routes need that are for operators alone, and not on the port of browsers
#: where the operator has one of their own; and those that are not on that one.
OPERATORS = frozenset({Needs.NOTHING, Needs.OPERATOR, Needs.FRESH_OPERATOR})
BROWSERS = frozenset({Needs.SYSTEM_ADMIN, Needs.PAIRING, Needs.KEY})


def operator_authorizers(
    password: OperatorPassword,
    sessions: OperatorSessions,
    events: EventLog = NO_EVENTS,
    seconds: Callable[[], float] = monotonic,
    bearers: Bearers | None = None,
) -> Mapping[Needs, Authorizer]:
    """
    Who checks what a route of the operator's can need; ``seconds`` is a clock. Without
    ``bearers`` no access key is good.
    """
    by_password = OperatorCredentials(password, events, seconds)
    credentials = OperatorKey(bearers, by_password)
    return {
        Needs.NOTHING: Anybody(),
        Needs.OPERATOR: OperatorAccess(sessions, credentials, fresh=False),
        Needs.FRESH_OPERATOR: OperatorAccess(sessions, credentials, fresh=True),
    }


def key_authorizers(
    admins: SystemAdmins, bearers: Bearers
) -> Mapping[Needs, Authorizer]:
    """Who checks what else a route can need."""
    return {
        Needs.SYSTEM_ADMIN: SystemAdminAccess(admins),
        Needs.PAIRING: Anybody(),
        Needs.KEY: KeyItself(bearers),
        Needs.CLOUD_KEY: CloudKey(bearers),
    }


class OperatorAPI:
    """
    The routes of all resources on one Klein app, and their description.

    :param resources: each is a module of its own.
    :param without: routes that need this are not mounted, and answered by 404.
    :param elsewhere: resources whose routes are whole paths, mounted by others.
    """

    def __init__(
        self,
        resources: Iterable[object],
        authorizers: Mapping[Needs, Authorizer],
        *,
        without: Collection[Needs] = (),
        elsewhere: Iterable[object] = (),
    ) -> None:
        self.app = Klein()
        parts = list(resources)
        self.description = Description(BASE, _declared(parts), _declared(elsewhere))
        mount(self.app, [*parts, self.description], authorizers, without)

    def resource(self) -> APIResource:
        """To be mounted at :data:`BASE`."""
        return APIResource(self.app)


def _declared(resources: Iterable[object]) -> list[Route]:
    return [declared for each in resources for declared, _ in routes_of(each)]
