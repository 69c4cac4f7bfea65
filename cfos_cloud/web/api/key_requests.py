"""``systems/{id}/key-requests``: applications that ask for an access key themselves."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import datetime

from twisted.web.iweb import IRequest

from cfos_cloud.events import Origin
from cfos_cloud.keys.pairing import Pairing, PairingClosed, TooManyRequests
from cfos_cloud.registry_errors import UnknownSystem
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.key_json import (
    KEY_WITH_TOKEN,
    NEW_KEY,
    OWN_KEY,
    NewKey,
    key_json,
    own_json,
)
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.key_rows import KeyRows
from cfos_cloud.web.api.operation import Operation, as_json
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.problem import KeyUnauthorized, TooManyAttempts


class KnownSystem(typing.Protocol):
    @property
    def cloud_id(self) -> str:
        """As it is spelled."""

    @property
    def enabled(self) -> bool:
        """Whether anybody may use it."""


class KnownSystems(typing.Protocol):
    """Where systems are looked up, in memory."""

    def get(self, cloud_id: str) -> KnownSystem | None: ...


class KeyRequestsResource:
    """
    :param throttle: that of access keys; what is refused is charged to its source.
    :param base: where the API is mounted.
    :param now: tells aware times.
    """

    def __init__(
        self,
        systems: KnownSystems,
        pairing: Pairing,
        making: KeyMaking,
        keys: KeyRows,
        throttle: Throttle,
        base: str,
        now: Callable[[], datetime],
    ) -> None:
        self._systems = systems
        self._pairing = pairing
        self._making = making
        self._keys = keys
        self._throttle = throttle
        self._base = base
        self._now = now

    @route(
        "/systems/<cloud_id>/key-requests",
        method="POST",
        needs=Needs.PAIRING,
        about=Operation(
            "Ask a system for an access key",
            {201: as_json(KEY_WITH_TOKEN)},
            description="""
            For applications, without credentials: while the system's admin lets them,
            which is for ten minutes. The application shows `code` to its people, who
            find the request by it and authorise it. The key itself, `key`, is said
            this once; the application keeps it, and asks by it whether it is
            authorised. A request that nobody authorises is forgotten after a day.
            """,
            body=as_json(NEW_KEY),
            problems={
                403: "The admin lets nobody ask now, or there is no such system.",
                409: "The system has 50 access keys that have not ended already.",
                429: "Too many have asked, or too often in vain: wait for "
                "`Retry-After` seconds.",
                503: "Too busy, or the database does not answer: try again after "
                "`Retry-After`.",
            },
        ),
    )
    async def add(self, request: IRequest, cloud_id: str) -> Answer:
        wanted = NewKey.from_json(read_object(request), self._now())
        client = client_address(request)
        # Not the key under which people authorise: an application that asks without
        # end is in their household, mostly.
        charged = (f"request {source_key(client)}",)
        wait = self._throttle.wait(charged)
        if wait > 0:
            raise TooManyAttempts(wait)
        try:
            system = self._open_system(cloud_id)
            code = self._pairing.take(system.cloud_id)
        except (PairingClosed, TooManyRequests):
            self._throttle.failed(charged)
            raise
        by = Origin("nobody", client or None)
        try:
            issued = await self._making.request(system.cloud_id, wanted, by, code)
        except UnknownSystem as error:
            raise PairingClosed from error
        key = issued.key
        body = {**key_json(key, self._now()), "key": issued.token}
        path = f"{self._base}/systems/{key.cloud_id}/key-requests/{key.id}"
        return Answer(201, body, ((b"Location", path.encode("ascii")),))

    @route(
        "/systems/<cloud_id>/key-requests/<key_id>",
        method="GET",
        needs=Needs.KEY,
        about=Operation(
            "How an application's own access key stands",
            {200: as_json(OWN_KEY)},
            description="""
            By that key alone, in whatever state it is.
            """,
        ),
    )
    async def show(self, request: IRequest, cloud_id: str, key_id: str) -> Answer:
        key = self._keys.get(key_id)
        if key is None:
            raise KeyUnauthorized
        return Answer(200, own_json(key, self._now()))

    def _open_system(self, cloud_id: str) -> KnownSystem:
        system = self._systems.get(cloud_id)
        if system is None or not system.enabled:
            raise PairingClosed
        return system
