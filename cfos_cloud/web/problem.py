"""
What an API answers when it can't do what was asked: problem JSON (RFC 9457).

Handlers raise; one table says which status that is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from http import HTTPStatus

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.registry import (
    AdminPasswordError,
    AdminPasswordFixed,
    DatabaseError,
    DuplicateSystem,
    InvalidCursor,
    Overloaded,
    UnknownSystem,
)

CONTENT_TYPE = b"application/problem+json"
#: Seconds after which to try again what the server was too busy for.
BUSY_SECONDS = 2


class MalformedBody(ValueError):
    """The body is no JSON."""


class BodyTooLarge(Exception):
    """The body exceeds what an API reads."""


class InvalidInput(ValueError):
    """A member or parameter has a value that it can't have."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Unauthorized(Exception):
    """The credentials are missing or wrong; nobody is told which."""


class TooManyAttempts(Exception):
    """This source has to wait ``seconds`` before its credentials are looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Problem:
    status: int
    detail: str
    #: The member or parameter that is at fault.
    field: str | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()

    def body(self) -> bytes:
        """The problem as JSON; its type is ``about:blank``, so that is left out."""
        members: dict[str, object] = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field is not None:
            members["field"] = self.field
        return json.dumps(members).encode("ascii")


#: Status and what to say, ``{}`` being what the exception says.
_TABLE: dict[type[Exception], tuple[int, str]] = {
    MalformedBody: (400, "the body is no JSON: {}"),
    Unauthorized: (401, "operator credentials are missing or wrong"),
    UnknownSystem: (404, "no system has the Cloud ID {}"),
    HTTPException: (404, "there is nothing at this address"),
    MethodNotAllowed: (405, "this address does not take this method"),
    DuplicateSystem: (409, "a system has the Cloud ID {} already"),
    AdminPasswordFixed: (409, "{}"),
    BodyTooLarge: (413, "the body is larger than {} bytes"),
    InvalidInput: (422, "{}"),
    InvalidCloudID: (422, "{}"),
    InvalidCursor: (422, "{}"),
    AdminPasswordError: (422, "{}"),
    TooManyAttempts: (429, "too many failed attempts"),
    Overloaded: (503, "the server is busy"),
    DatabaseError: (503, "the database does not answer"),
}
_FIELDS: dict[type[Exception], str] = {
    InvalidCloudID: "cloud_id",
    InvalidCursor: "cursor",
    AdminPasswordError: "password",
}


def problem_of(error: BaseException) -> Problem | None:
    """The answer to ``error``; ``None``: it is a fault of ours."""
    for kind in type(error).__mro__:
        if kind in _TABLE:
            status, text = _TABLE[kind]
            return Problem(
                status, text.format(error), _field_of(error), _header_fields(error)
            )
    return None


#: For what nobody foresaw; the log has more.
INTERNAL = Problem(500, "something went wrong in the server; its log says what")


def _field_of(error: BaseException) -> str | None:
    if isinstance(error, InvalidInput):
        return error.field
    return _FIELDS.get(type(error))  # type: ignore[arg-type]


def _header_fields(error: BaseException) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return ((b"Allow", allowed.encode("ascii")),)
    if isinstance(error, TooManyAttempts):
        return ((b"Retry-After", b"%d" % math.ceil(error.seconds)),)
    if isinstance(error, Overloaded | DatabaseError):
        return ((b"Retry-After", b"%d" % BUSY_SECONDS),)
    return ()
