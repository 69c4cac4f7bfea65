"""The query of a request, checked into values. Unknown parameters are ignored."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from twisted.web.iweb import IRequest

from cfos_cloud.cursor import MAX_PAGE
from cfos_cloud.web.api.operation import BOOLEAN, MOMENT, Parameter
from cfos_cloud.web.problem import InvalidInput

E = TypeVar("E", bound=enum.Enum)

DEFAULT_PAGE = 100
#: Bytes of a value; more are in none that we know.
MAX_VALUE = 4096
#: Values of one parameter.
MAX_VALUES = 100

PAGE_PARAMETERS = (
    Parameter(
        "limit",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_PAGE,
            "default": DEFAULT_PAGE,
        },
        "How many items, at most.",
    ),
    Parameter(
        "cursor", {"type": "string", "format": "cursor"}, "`next` of the page before."
    ),
)


def boolean_parameter(name: str, description: str) -> Parameter:
    """What :func:`read_boolean` reads."""
    return Parameter(name, BOOLEAN, description)


def moment_parameter(name: str, description: str) -> Parameter:
    """What :func:`read_moment` reads."""
    return Parameter(name, MOMENT, description)


def choice_parameter(name: str, kind: type[enum.Enum], description: str) -> Parameter:
    """What :func:`read_choice` reads."""
    schema: Mapping[str, object] = {
        "type": "string",
        "enum": [each.value for each in kind],
    }
    return Parameter(name, schema, description)


@dataclass(frozen=True)
class PageQuery:
    """``?limit=&cursor=`` of a list."""

    limit: int
    cursor: str | None

    @classmethod
    def from_request(cls, request: IRequest) -> PageQuery:
        """:raises InvalidInput: with the parameter that is at fault."""
        limit, cursor = read_text(request, "limit"), read_text(request, "cursor")
        if not limit:
            return cls(DEFAULT_PAGE, cursor or None)
        # Not int() of anything: it takes underscores, and the digits of all scripts.
        is_number = limit.isascii() and limit.isdigit() and len(limit) < 10
        if not (is_number and 1 <= int(limit) <= MAX_PAGE):
            raise InvalidInput("limit", f"a limit is 1 to {MAX_PAGE}")
        return cls(int(limit), cursor or None)


def read_texts(request: IRequest, name: str) -> list[str]:
    """
    All values of a parameter but empty ones.

    :raises InvalidInput: one is too long or no UTF-8, or there are too many.
    """
    values: list[bytes] = request.args.get(name.encode("ascii"), [])
    if len(values) > MAX_VALUES:
        raise InvalidInput(name, f"more than {MAX_VALUES} times")
    if any(len(value) > MAX_VALUE for value in values):
        raise InvalidInput(name, f"longer than {MAX_VALUE} bytes")
    try:
        return [value.decode("utf-8") for value in values if value]
    except UnicodeDecodeError as error:
        raise InvalidInput(name, "not UTF-8") from error


def read_text(request: IRequest, name: str) -> str:
    """
    The last value of a parameter; empty: it is not there.

    :raises InvalidInput: it is too long, or no UTF-8.
    """
    texts = read_texts(request, name)
    return texts[-1] if texts else ""


def read_boolean(request: IRequest, name: str) -> bool | None:
    """:raises InvalidInput: neither ``true`` nor ``false``, nor absent."""
    match read_text(request, name):
        case "":
            return None
        case "true":
            return True
        case "false":
            return False
    raise InvalidInput(name, "true or false is needed")


def read_choice(request: IRequest, name: str, kind: type[E]) -> E | None:
    """:raises InvalidInput: none of the values of ``kind``, nor absent."""
    text = read_text(request, name)
    if not text:
        return None
    for each in kind:
        if each.value == text:
            return each
    names = ", ".join(str(each.value) for each in kind)
    raise InvalidInput(name, f"one of {names} is needed")


def read_moment(request: IRequest, name: str) -> datetime | None:
    """
    A time in UTC.

    :raises InvalidInput: neither a time of RFC 3339 with its zone, nor absent.
    """
    # A form would have made a blank of the plus sign.
    text = read_text(request, name).upper().replace(" ", "+")
    if not text:
        return None
    complaint = InvalidInput(name, "a time like 2026-11-22T12:00:00Z is needed")
    match = _MOMENT.match(text)
    if match is None:
        raise complaint
    # A leap second, which Python does not know, is the one after.
    is_leap = match[2] == "60"
    text = f"{match[1]}59{match[3]}" if is_leap else text
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
        return moment + timedelta(seconds=1) if is_leap else moment
    except (ValueError, OverflowError) as error:
        raise complaint from error


_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)((?:\.\d{1,30})?(?:Z|[+-]\d\d:\d\d))\Z",
    re.ASCII,
)
