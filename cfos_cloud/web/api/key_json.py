"""An access key as the API says it, and what one says of a key one wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cfos_cloud.keys.checks import (
    InvalidExpiry,
    InvalidName,
    InvalidRole,
    check_expires,
    check_name,
    check_role,
)
from cfos_cloud.keys.key import MAX_NAME, AccessKey, KeyState, Role
from cfos_cloud.registry_errors import InvalidCursor
from cfos_cloud.timestamps import moment
from cfos_cloud.web.api.operation import MOMENT, STRING, Shape, members, or_null
from cfos_cloud.web.api.query import PageQuery
from cfos_cloud.web.problem import InvalidInput

_ROLE: Mapping[str, object] = {
    "type": "string",
    "enum": [role.value for role in Role],
    "description": "`api`: to read below `/api/json/`; `admin`: everything",
}
_STATE: Mapping[str, object] = {
    "type": "string",
    "enum": [state.value for state in KeyState],
    "description": "only `authorised` ones work",
}
_ID: Mapping[str, object] = {**STRING, "description": "`jti` of its token"}
_TOKEN: Mapping[str, object] = {
    **STRING,
    "description": "for `Authorization: Bearer`; it is said this once",
}
_MEMBERS: Mapping[str, Mapping[str, object]] = {
    "id": _ID,
    "name": STRING,
    "role": _ROLE,
    "state": _STATE,
    "created": MOMENT,
    "expires": or_null(MOMENT),
    "authorised": or_null(MOMENT),
    "revoked": or_null(MOMENT),
    "last_used": {**or_null(MOMENT), "description": "to half a minute"},
    "last_client": {**or_null(STRING), "description": "the address it was used from"},
    "code": {
        **or_null(STRING),
        "description": "of a request that waits: what its application shows",
    },
    "requested_from": {
        **or_null(STRING),
        "description": "the address of the application that asked for it",
    },
}
KEY = Shape("Key", members(**_MEMBERS))
KEY_WITH_TOKEN = Shape("KeyWithToken", members(**_MEMBERS, key=_TOKEN))
#: What the application itself is told of a key it has asked for.
OWN_KEY = Shape(
    "OwnKey",
    members(id=_ID, name=STRING, role=_ROLE, state=_STATE, expires=or_null(MOMENT)),
)
NEW_KEY = Shape(
    "NewKey",
    {
        "type": "object",
        "required": ["name", "role"],
        "properties": {
            "name": {
                **STRING,
                "minLength": 1,
                "maxLength": MAX_NAME,
                "format": "key-name",
                "description": "visible characters",
            },
            "role": _ROLE,
            "expires": {
                **or_null(STRING),
                "minLength": 10,
                "format": "key-expiry",
                "description": "a time (RFC 3339), or a date, through which it works "
                "in UTC; within ten years; null: it does not expire",
            },
        },
    },
)


@dataclass(frozen=True)
class NewKey:
    """What a key is to be."""

    name: str
    role: Role
    expires: datetime | None

    @classmethod
    def from_json(cls, data: Mapping[str, object], now: datetime) -> NewKey:
        """:raises InvalidInput: with the member that is at fault."""
        try:
            return cls(
                check_name(data.get("name")),
                check_role(data.get("role")),
                check_expires(data.get("expires"), now),
            )
        except InvalidName as error:
            raise InvalidInput("name", str(error)) from error
        except InvalidRole as error:
            raise InvalidInput("role", str(error)) from error
        except InvalidExpiry as error:
            raise InvalidInput("expires", str(error)) from error


def is_living(key: AccessKey, now: datetime) -> bool:
    """Whether it works, or can still come to."""
    return key.state(now) in (KeyState.PENDING, KeyState.AUTHORISED)


def key_json(key: AccessKey, now: datetime) -> dict[str, object]:
    """A key as it is at ``now``; nothing of it lets anybody in."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "state": key.state(now).value,
        "created": moment(key.created),
        "expires": moment(key.expires),
        "authorised": moment(key.authorised),
        "revoked": moment(key.revoked),
        "last_used": moment(key.last_used),
        "last_client": key.last_client,
        "code": key.code,
        "requested_from": key.requested_from,
    }


def keys_json(
    keys: list[AccessKey], query: PageQuery, now: datetime
) -> dict[str, object]:
    """
    A page of ``keys``; a cursor is the ID of the last one on the page before.

    :raises InvalidCursor: it is none, or that key is there no more.
    """
    ids = [key.id for key in keys]
    if query.cursor is not None and query.cursor not in ids:
        raise InvalidCursor("this cursor is of no page")
    start = 0 if query.cursor is None else ids.index(query.cursor) + 1
    end = start + query.limit
    return {
        "items": [key_json(key, now) for key in keys[start:end]],
        "next": ids[end - 1] if end < len(keys) else None,
    }


def own_json(key: AccessKey, now: datetime) -> dict[str, object]:
    """A key as its own application may know it."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "state": key.state(now).value,
        "expires": moment(key.expires),
    }
