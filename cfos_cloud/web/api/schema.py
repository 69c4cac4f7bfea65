"""JSON from outside, checked into values. Unknown members are ignored."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from scramp import ScramException
from scramp.utils import saslprep
from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.cloud_password import MIN_CHOSEN_LENGTH
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    Shape,
    optional_members,
    or_null,
)
from cfos_cloud.web.problem import BodyTooLarge, InvalidInput, MalformedBody

#: Bytes of a body.
MAX_BODY = 64 * 1024
#: Characters of a chosen Cloud password, and of a system's name.
MAX_PASSWORD = 256
MAX_NAME = 200

#: The same in JSON Schema, for the description of the API.
CLOUD_ID: Mapping[str, object] = {
    "type": "string",
    "maxLength": 40,
    "pattern": "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
}
CLOUD_PASSWORD: Mapping[str, object] = {
    "type": "string",
    "minLength": MIN_CHOSEN_LENGTH,
    "maxLength": MAX_PASSWORD,
    "format": "cloud-password",
    "description": "without control or unassigned characters (RFC 4013)",
}
NAME: Mapping[str, object] = {
    "type": "string",
    "maxLength": MAX_NAME,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$",
}
#: Unicode's control characters, surrogates, line and paragraph separators.
_NO_NAME = frozenset({"Cc", "Cs", "Zl", "Zp"})


def read_body(request: IRequest) -> bytes:
    """:raises BodyTooLarge: over 64 KiB."""
    data: bytes = request.content.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise BodyTooLarge(MAX_BODY)
    return data


def read_object(request: IRequest, *, optional: bool = False) -> Mapping[str, object]:
    """
    The JSON object in the body. Its Content-Type does not matter: what keeps
    other sites out is the authorization.

    :param optional: no body is an object without members.
    :raises BodyTooLarge: over 64 KiB.
    :raises MalformedBody: no JSON in UTF-8.
    :raises InvalidInput: JSON, but no object.
    """
    data = read_body(request)
    if optional and not data:
        return {}
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise MalformedBody("not UTF-8") from error
    except RecursionError as error:
        raise MalformedBody("nested too deep") from error
    except ValueError as error:
        raise MalformedBody(str(error)) from error
    if not isinstance(value, dict):
        raise InvalidInput("", "the body has to be a JSON object")
    return value


NEW_SYSTEM = Shape(
    "NewSystem",
    {
        "type": "object",
        "required": ["cloud_id"],
        "properties": {
            "cloud_id": CLOUD_ID,
            "password": or_null(CLOUD_PASSWORD),
            "name": or_null(NAME),
        },
    },
)


@dataclass(frozen=True)
class NewSystem:
    """``password`` ``None``: one is to be generated."""

    cloud_id: str
    password: str | None
    name: str

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> NewSystem:
        """:raises InvalidInput: with the member that is at fault."""
        cloud_id = data.get("cloud_id")
        if not isinstance(cloud_id, str):
            raise InvalidInput("cloud_id", "a Cloud ID is needed, as a string")
        try:
            check_cloud_id(cloud_id)
        except InvalidCloudID as error:
            raise InvalidInput("cloud_id", str(error)) from error
        password, name = data.get("password"), data.get("name")
        return cls(
            cloud_id,
            None if password is None else check_password(password),
            "" if name is None else _check_name(name),
        )


SYSTEM_PATCH = Shape("SystemPatch", optional_members(name=NAME, enabled=BOOLEAN))


@dataclass(frozen=True)
class SystemPatch:
    """What is ``None`` stays."""

    name: str | None
    enabled: bool | None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> SystemPatch:
        """:raises InvalidInput: with the member that is at fault."""
        enabled = data.get("enabled")
        if "enabled" in data and not isinstance(enabled, bool):
            raise InvalidInput("enabled", "true or false is needed")
        return cls(
            _check_name(data["name"]) if "name" in data else None,
            enabled if isinstance(enabled, bool) else None,
        )


def check_password(value: object) -> str:
    """
    A Cloud password that somebody chose: 12 to 256 characters that SCRAM can use.

    :raises InvalidInput: it is none.
    """
    if not isinstance(value, str):
        raise InvalidInput("password", "a Cloud password is a string")
    if len(value) > MAX_PASSWORD:
        raise InvalidInput(
            "password", f"a Cloud password has at most {MAX_PASSWORD} characters"
        )
    try:
        prepared = saslprep(value)
    except ScramException as error:
        raise InvalidInput(
            "password", "a Cloud password has no control or unassigned characters"
        ) from error
    # Prepared: what SASLprep maps to nothing makes no password longer.
    if len(prepared) < MIN_CHOSEN_LENGTH:
        raise InvalidInput(
            "password",
            f"a chosen Cloud password has at least {MIN_CHOSEN_LENGTH} characters",
        )
    return value


def integer(value: object) -> int | None:
    """The whole number that a JSON value is, be it written as ``1.0``."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # True is 1 to Python.
    return value if type(value) is int else None


def _check_name(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput("name", "a name is a string")
    if len(value) > MAX_NAME:
        raise InvalidInput("name", f"a name has at most {MAX_NAME} characters")
    if any(unicodedata.category(character) in _NO_NAME for character in value):
        raise InvalidInput("name", "a name has no control characters")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
