"""``systems`` of the operator API."""

from __future__ import annotations

import secrets
import typing
from collections.abc import Callable
from datetime import UTC, datetime

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_password import generate, iterations_for
from cfos_cloud.registry import DuplicateSystem, System, Systems, UnknownSystem
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.tunnel.scram import make_verifier
from cfos_cloud.web.api_routes import Answer, route
from cfos_cloud.web.authorization import Needs
from cfos_cloud.web.schema import NewSystem, PageQuery, SystemPatch, read_object
from cfos_cloud.workers import Worker


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

    @route("/systems", method="GET", needs=Needs.OPERATOR)
    async def list_all(self, request: IRequest) -> Answer:
        query = PageQuery.from_request(request)
        page = self._systems.page(query.limit, query.cursor)
        return Answer(
            200, {"items": [self._json(one) for one in page.items], "next": page.next}
        )

    @route("/systems", method="POST", needs=Needs.OPERATOR)
    async def add(self, request: IRequest) -> Answer:
        new = NewSystem.from_json(read_object(request))
        if self._systems.get(new.cloud_id) is not None:
            raise DuplicateSystem(new.cloud_id)
        password = new.password or generate(self._choice)
        verifier = await self._worker.run(
            make_verifier, password, iterations_for(password)
        )
        system = await self._systems.add(new.cloud_id, verifier, new.name)
        body = self._json(system)
        if new.password is None:
            body["password"] = password
        location = f"{self._base}/systems/{system.cloud_id}"
        return Answer(201, body, ((b"Location", location.encode("ascii")),))

    @route("/systems/<cloud_id>", method="GET", needs=Needs.OPERATOR)
    async def show(self, request: IRequest, cloud_id: str) -> Answer:
        system = self._systems.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        return Answer(200, self._json(system))

    @route("/systems/<cloud_id>", method="PATCH", needs=Needs.OPERATOR)
    async def change(self, request: IRequest, cloud_id: str) -> Answer:
        patch = SystemPatch.from_json(read_object(request))
        system = await self._systems.change(
            cloud_id, name=patch.name, enabled=patch.enabled
        )
        return Answer(200, self._json(system))

    @route("/systems/<cloud_id>", method="DELETE", needs=Needs.OPERATOR)
    async def remove(self, request: IRequest, cloud_id: str) -> Answer:
        await self._systems.remove(cloud_id)
        return Answer(204)

    def _json(self, system: System) -> dict[str, object]:
        return system_json(system, self._presences.presence(system.cloud_id))


def system_json(system: System, presence: Presence) -> dict[str, object]:
    """
    A system as the API says it. ``since`` is since when it is online, or since
    when not; the byte counts include those of the present connection.
    """
    last_seen = system.last_seen
    if presence.since is not None and (last_seen is None or presence.since > last_seen):
        last_seen = presence.since
    online = presence.online
    return {
        "cloud_id": system.cloud_id,
        "name": system.name,
        "enabled": system.enabled,
        "online": online,
        "since": moment(presence.since if online else last_seen),
        "last_seen": moment(last_seen),
        "agent": presence.agent if online else system.agent,
        "client": presence.client if online else system.client,
        "bytes_in": system.bytes_in + presence.bytes_in,
        "bytes_out": system.bytes_out + presence.bytes_out,
        "created": moment(system.created),
    }


def moment(time: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    if time is None:
        return None
    text = time.astimezone(UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
