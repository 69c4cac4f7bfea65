"""
What an API answers when it can't do what was asked: problem JSON (RFC 9457).

Handlers raise; one table says which status that is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.listener.certificate_service import UnknownCertificate
from cfos_cloud.listener.certificates import CertificateError, NotImported
from cfos_cloud.registry_errors import (
    AdminPasswordError,
    AdminPasswordFixed,
    CopyFailed,
    DatabaseError,
    DuplicateSystem,
    InvalidCursor,
    NoCopy,
    SiteInfoFixed,
    UnknownSystem,
)
from cfos_cloud.web.key_problems import KEY_PROBLEMS, NoConsent, retry_after
from cfos_cloud.web.problem_json import CONTENT_TYPE, TYPE_PREFIX, Problem
from cfos_cloud.workers import Overloaded

__all__ = ["CONTENT_TYPE", "TYPE_PREFIX", "Problem"]

#: Where the password is given again (RFC 9457 §3.2: a member of our own).
REAUTHENTICATE_AT = {"method": "POST", "href": "/cloud/api/v1/session"}
#: Wrong lines of a table that are told one by one.
MAX_LINES = 100
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


@dataclass(frozen=True)
class LineError:
    """What is wrong with one line of a table, and with which column."""

    line: int
    field: str
    detail: str


class BadTable(ValueError):
    """
    A table that can't be taken, with what is wrong with its lines; so many ``more``
    are wrong, too.
    """

    def __init__(
        self, reason: str, lines: Sequence[LineError] = (), more: int = 0
    ) -> None:
        super().__init__(reason)
        self.lines = tuple(lines)
        self.more = more


class Unauthorized(Exception):
    """The credentials are missing or wrong; nobody is told which."""


class KeyUnauthorized(Unauthorized):
    """The request has an access key that is not good here: 401 without a body."""


class NotLoggedIn(Unauthorized):
    """This is for people who are logged in to a system."""


class NotSystemAdmin(Exception):
    """Logged in, but not as the admin of this system by the device's password."""


class Reauthenticate(Exception):
    """The session is good, but for this the password has to be given again."""


class CrossSite(Exception):
    """Another site made the browser send this with somebody's session."""


class BadCsrfToken(Exception):
    """A change by a session without the token that our own pages carry."""


class NoSession(LookupError):
    """The request has credentials of its own, and no session to speak of."""


class NeedsTLS(Exception):
    """What this request carries, or asks for, has no place on plain HTTP."""


class NeedsPassword(Exception):
    """An access key is not enough for this, whatever its role."""


class TooManyAttempts(Exception):
    """This source has to wait ``seconds`` before its credentials are looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


#: Status and what to say, ``{}`` being what the exception says.
_TABLE: dict[type[Exception], tuple[int, str]] = {
    MalformedBody: (400, "the body is no JSON: {}"),
    Unauthorized: (401, "operator credentials are missing or wrong"),
    NotLoggedIn: (401, "this is for who is logged in to the system as its admin"),
    NotSystemAdmin: (403, "this is for the admin of the system, not for this session"),
    Reauthenticate: (401, "this needs the admin password once more"),
    CrossSite: (403, "a request from another site is not answered"),
    BadCsrfToken: (403, "the token of the page is missing or out of date"),
    NoSession: (404, "this request has no session"),
    NeedsTLS: (403, "{}"),
    NeedsPassword: (403, "{}"),
    UnknownSystem: (404, "no system has the Cloud ID {}"),
    HTTPException: (404, "there is nothing at this address"),
    MethodNotAllowed: (405, "this address does not take this method"),
    UnknownCertificate: (404, "no certificate in use has the fingerprint {}"),
    NotImported: (
        409,
        "the server made this certificate itself: it can't be removed, and gives way "
        "to any that is imported",
    ),
    DuplicateSystem: (409, "a system has the Cloud ID {} already"),
    AdminPasswordFixed: (409, "{}"),
    NoCopy: (409, "{}"),
    SiteInfoFixed: (409, "{}"),
    BodyTooLarge: (413, "the body is larger than {} bytes"),
    InvalidInput: (422, "{}"),
    BadTable: (422, "{}"),
    InvalidCloudID: (422, "{}"),
    InvalidCursor: (422, "{}"),
    AdminPasswordError: (422, "{}"),
    TooManyAttempts: (429, "too many failed attempts"),
    Overloaded: (503, "the server is busy"),
    DatabaseError: (503, "the database does not answer"),
    CopyFailed: (503, "{}"),
    CertificateError: (503, "the old certificate stays in use: {}"),
    **{kind: (status, text) for kind, (status, text, _) in KEY_PROBLEMS.items()},
}
_FIELDS: dict[type[Exception], str] = {
    InvalidCloudID: "cloud_id",
    InvalidCursor: "cursor",
    AdminPasswordError: "password",
}
_SLUGS: dict[type[Exception], str] = {
    Reauthenticate: "reauthenticate",
    CrossSite: "cross-site",
    BadCsrfToken: "csrf",
    NotSystemAdmin: "system-admin",
    NeedsPassword: "needs-password",
    **{kind: slug for kind, (_, _, slug) in KEY_PROBLEMS.items() if slug},
}


def problem_of(error: BaseException) -> Problem | None:
    """The answer to ``error``; ``None``: it is a fault of ours."""
    if isinstance(error, NoConsent):
        why = error.obstacle
        return Problem(
            why.status, why.detail, fields=_header_fields(error), slug=why.slug
        )
    for kind in type(error).__mro__:
        if kind in _TABLE:
            status, text = _TABLE[kind]
            return Problem(
                status,
                text.format(error),
                _field_of(error),
                _header_fields(error),
                _SLUGS.get(kind),
                _more(error),
            )
    return None


#: For what nobody foresaw; the log has more.
INTERNAL = Problem(500, "something went wrong in the server; its log says what")


def _field_of(error: BaseException) -> str | None:
    if isinstance(error, InvalidInput):
        return error.field
    if isinstance(error, SiteInfoFixed):
        return error.name
    return _FIELDS.get(type(error))  # type: ignore[arg-type]


def _more(error: BaseException) -> Mapping[str, object]:
    if isinstance(error, Reauthenticate):
        return {"reauthenticate": REAUTHENTICATE_AT}
    if isinstance(error, BadTable):
        return {"lines": [vars(line) for line in error.lines[:MAX_LINES]]}
    return {}


def _header_fields(error: BaseException) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return ((b"Allow", allowed.encode("ascii")),)
    if isinstance(error, TooManyAttempts):
        return ((b"Retry-After", b"%d" % math.ceil(error.seconds)),)
    seconds = retry_after(error)
    if isinstance(error, Overloaded | DatabaseError):
        seconds = BUSY_SECONDS
    return () if seconds is None else ((b"Retry-After", b"%d" % seconds),)
