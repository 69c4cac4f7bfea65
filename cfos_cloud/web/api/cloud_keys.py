"""``keys`` of the operator API: access keys of scope ``cloud``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from twisted.web.iweb import IRequest

from cfos_cloud.keys.key import AccessKey
from cfos_cloud.registry import KeyEnded, Keys, UnknownKey
from cfos_cloud.web.answers import client_address
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
from cfos_cloud.web.api.operation import STRING, Operation, as_json, listed, members
from cfos_cloud.web.api.query import PAGE_PARAMETERS, PageQuery
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import check_still
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.problem import InvalidInput, Unauthorized

_PRESENT = {**STRING, "format": "present-password"}


class CloudKeysResource:
    """``base`` is where the API is mounted, ``now`` tells aware times."""

    def __init__(
        self,
        keys: Keys,
        making: KeyMaking,
        password: OperatorPassword,
        base: str,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._making = making
        self._password = password
        self._base = base
        self._now = now

    @route(
        "/keys",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The access keys of the cloud, the newest first",
            {200: as_json(listed(KEY))},
            query=PAGE_PARAMETERS,
        ),
    )
    async def list_all(self, request: IRequest) -> Answer:
        query = PageQuery.from_request(request)
        keys = self._keys.of(None)
        return Answer(200, keys_json(keys, query, self._now()))

    @route(
        "/keys",
        method="POST",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Make an access key of the cloud",
            {201: as_json(KEY_WITH_TOKEN)},
            description="""
            The key itself is said this once. It does not work before it is
            authorised.
            """,
            body=as_json(NEW_KEY),
            problems={409: "There are 50 that have not ended already."},
        ),
    )
    async def add(self, request: IRequest) -> Answer:
        wanted = NewKey.from_json(read_object(request), self._now())
        issued = await self._making.make(
            None, wanted, operator_of(request), partial(check_still, request)
        )
        body = {**key_json(issued.key, self._now()), "key": issued.token}
        location = f"{self._base}/keys/{issued.key.id}".encode("ascii")
        return Answer(201, body, ((b"Location", location),))

    @route(
        "/keys/<key_id>",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("One access key of the cloud", {200: as_json(KEY)}),
    )
    async def show(self, request: IRequest, key_id: str) -> Answer:
        return Answer(200, key_json(self._key(key_id), self._now()))

    @route(
        "/keys/<key_id>",
        method="DELETE",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Revoke an access key of the cloud",
            {204: None},
            description="""
            What it is used for ends at once. Its entry stays for a while.
            """,
        ),
    )
    async def revoke(self, request: IRequest, key_id: str) -> Answer:
        key = self._key(key_id)
        await self._keys.revoke(key.id, operator_of(request))
        return Answer(204)

    @route(
        "/keys/<key_id>/authorize",
        method="POST",
        needs=Needs.OPERATOR,
        about=Operation(
            "Authorise an access key of the cloud: from now on it works",
            {200: as_json(KEY)},
            description="""
            Whoever asks has to give the admin password once more, with whatever
            credentials they come.
            """,
            body=as_json(members(password=_PRESENT)),
            problems={409: "The key is revoked or has expired."},
        ),
    )
    async def authorise(self, request: IRequest, key_id: str) -> Answer:
        password = read_object(request).get("password")
        if not isinstance(password, str):
            raise InvalidInput("password", "the admin password is needed, as a string")
        key = self._key(key_id)
        if not is_living(key, self._now()):
            raise KeyEnded(key_id)
        try:
            await self._password.check(client_address(request), password)
        except Unauthorized as error:
            raise InvalidInput("password", "this is not the admin password") from error
        check_still(request)
        key = await self._keys.authorise(key.id, operator_of(request))
        return Answer(200, key_json(key, self._now()))

    def _key(self, key_id: str) -> AccessKey:
        key = self._keys.get(key_id)
        if key is None or key.cloud_id is not None:
            raise UnknownKey(key_id)
        return key
