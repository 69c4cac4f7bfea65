"""``signing-keys`` of the operator API: what vouches for access keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from twisted.web.iweb import IRequest

from cfos_cloud.keys.signing import SigningKey
from cfos_cloud.registry import Keys
from cfos_cloud.timestamps import moment
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_json import is_living
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    COUNT,
    MOMENT,
    STRING,
    Operation,
    Shape,
    as_json,
    members,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.signing_changes import SigningChanges
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import check_still
from cfos_cloud.web.operator.origin import operator_of

SIGNING_KEY = Shape(
    "SigningKey",
    members(
        kid={**STRING, "description": "as in the header of the tokens"},
        created=MOMENT,
        current={**BOOLEAN, "description": "it signs; the others only vouch still"},
        keys={**COUNT, "description": "access keys under it that have not ended"},
    ),
)


class SigningKeysResource:
    """``now`` tells aware times."""

    def __init__(
        self,
        keys: Keys,
        changes: SigningChanges,
        consents: DeviceConsents,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._changes = changes
        self._consents = consents
        self._now = now

    @route(
        "/signing-keys",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The signing keys, the newest first",
            {200: as_json(members(items={"type": "array", "items": SIGNING_KEY}))},
        ),
    )
    async def list_all(self, request: IRequest) -> Answer:
        now = self._now()
        under = Counter(key.kid for key in self._keys if is_living(key, now))
        items = [self._json(each, under) for each in self._changes.signing]
        return Answer(200, {"items": items})

    @route(
        "/signing-keys",
        method="POST",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Sign with a new key from now on",
            {201: as_json(SIGNING_KEY)},
            description="""
            Access keys under the older ones go on working. Older ones without access
            keys that have not ended are forgotten.
            """,
            problems={409: "There are 100, all with access keys under them."},
        ),
    )
    async def rotate(self, request: IRequest) -> Answer:
        still = partial(check_still, request)
        new = await self._changes.rotate(operator_of(request), still)
        return Answer(201, self._json(new, Counter()))

    @route(
        "/signing-keys/<kid>",
        method="DELETE",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Forget a signing key, in an emergency",
            {204: None},
            description="""
            All access keys under it are revoked first. Where it is the one that
            signs, a new one does from now on.
            """,
        ),
    )
    async def drop(self, request: IRequest, kid: str) -> Answer:
        still = partial(check_still, request)
        revoked = await self._changes.drop(kid, operator_of(request), still)
        self._consents.forget(revoked)
        return Answer(204)

    def _json(self, signing: SigningKey, under: Counter[str]) -> dict[str, object]:
        return {
            "kid": signing.kid,
            "created": moment(signing.created),
            "current": signing is self._changes.signing.current,
            "keys": under[signing.kid],
        }
