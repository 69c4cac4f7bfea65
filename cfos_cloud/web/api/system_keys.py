"""``systems/{id}/keys``: access keys of a system, for the person who is its admin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import fold
from cfos_cloud.events import Origin
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.registry_errors import KeyEnded, UnknownKey
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_json import (
    KEY,
    KEY_WITH_TOKEN,
    NEW_KEY,
    NewKey,
    is_living,
    key_json,
    keys_json,
)
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.key_rows import KeyRows
from cfos_cloud.web.api.operation import STRING, Operation, as_json, listed, members
from cfos_cloud.web.api.query import PAGE_PARAMETERS, PageQuery
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import Caller
from cfos_cloud.web.operator.system_admin import ADMIN, SystemAdmins
from cfos_cloud.web.problem import InvalidInput

#: Characters of an admin password of a device.
MAX_SECRET = 1_000


class SystemKeysResource:
    """``base`` is where the API is mounted, ``now`` tells aware times."""

    def __init__(
        self,
        keys: KeyRows,
        making: KeyMaking,
        consents: DeviceConsents,
        admins: SystemAdmins,
        base: str,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._making = making
        self._consents = consents
        self._admins = admins
        self._base = base
        self._now = now

    @route(
        "/systems/<cloud_id>/keys",
        method="GET",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "The access keys of a system, the newest first",
            {200: as_json(listed(KEY))},
            query=PAGE_PARAMETERS,
        ),
    )
    async def list_all(self, request: IRequest, cloud_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        query = PageQuery.from_request(request)
        keys = self._keys.of(session.cloud_id)
        return Answer(200, keys_json(keys, query, self._now()))

    @route(
        "/systems/<cloud_id>/keys",
        method="POST",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Make an access key of a system",
            {201: as_json(KEY_WITH_TOKEN)},
            description="""
            The key itself is said this once. It does not work before it is
            authorised.
            """,
            body=as_json(NEW_KEY),
            problems={409: "There are 50 that have not ended already."},
        ),
    )
    async def add(self, request: IRequest, cloud_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        wanted = NewKey.from_json(read_object(request), self._now())
        issued = await self._making.make(
            session.cloud_id, wanted, _by(request), Caller(session).check
        )
        body = {**key_json(issued.key, self._now()), "key": issued.token}
        path = f"{self._base}/systems/{session.cloud_id}/keys/{issued.key.id}"
        return Answer(201, body, ((b"Location", path.encode("ascii")),))

    @route(
        "/systems/<cloud_id>/keys/<key_id>",
        method="GET",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation("One access key of a system", {200: as_json(KEY)}),
    )
    async def show(self, request: IRequest, cloud_id: str, key_id: str) -> Answer:
        key = self._key(self._admins.admin_of(request, cloud_id), key_id)
        return Answer(200, key_json(key, self._now()))

    @route(
        "/systems/<cloud_id>/keys/<key_id>",
        method="DELETE",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Revoke an access key of a system",
            {204: None},
            description="""
            What it is used for ends at once, and the device forgets that it has
            agreed. Its entry stays for a while.
            """,
        ),
    )
    async def revoke(self, request: IRequest, cloud_id: str, key_id: str) -> Answer:
        key = self._key(self._admins.admin_of(request, cloud_id), key_id)
        revoked = await self._keys.revoke(key.id, _by(request))
        self._consents.forget([revoked])
        return Answer(204)

    @route(
        "/systems/<cloud_id>/keys/<key_id>/authorize",
        method="POST",
        needs=Needs.SYSTEM_ADMIN,
        about=Operation(
            "Authorise an access key of a system: from now on it works",
            {200: as_json(KEY)},
            description="""
            The device is asked: it wants its admin password once more, and has to be
            online.
            """,
            body=as_json(members(admin_secret=STRING)),
            problems={
                403: "With the type `urn:problem:cfos-cloud:wrong-secret`: this is not "
                "the device's admin password; or as for every call.",
                409: "The key has ended; or the device can't agree: it is offline, has "
                "no admin password, or is too old. The type says which.",
                502: "The device gave no answer that makes sense.",
                504: "The device did not answer in time.",
            },
        ),
    )
    async def authorise(self, request: IRequest, cloud_id: str, key_id: str) -> Answer:
        session = self._admins.admin_of(request, cloud_id)
        secret = _secret(read_object(request))
        key = self._key(session, key_id)
        if not is_living(key, self._now()):
            raise KeyEnded(key_id)
        await self._consents.ask(key, secret, _by(request))
        Caller(session).check()
        try:
            key = await self._keys.authorise(key.id, _by(request))
        except (KeyEnded, UnknownKey):
            self._consents.forget([key])
            raise
        return Answer(200, key_json(key, self._now()))

    def _key(self, session: Session, key_id: str) -> AccessKey:
        key = self._keys.get(key_id)
        if (
            key is None
            or key.cloud_id is None
            or fold(key.cloud_id) != fold(session.cloud_id)
        ):
            raise UnknownKey(key_id)
        return key


def _by(request: IRequest) -> Origin:
    return Origin(ADMIN, client_address(request) or None)


def _secret(data: Mapping[str, object]) -> str:
    secret = data.get("admin_secret")
    if not isinstance(secret, str) or not secret:
        raise InvalidInput(
            "admin_secret", "the device's admin password is needed, as a string"
        )
    is_text = not any("\ud800" <= each <= "\udfff" for each in secret)
    if len(secret) > MAX_SECRET or not is_text:
        raise InvalidInput(
            "admin_secret",
            f"an admin password of a device has at most {MAX_SECRET} whole characters",
        )
    return secret
