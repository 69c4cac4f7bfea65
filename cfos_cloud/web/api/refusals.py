"""By what a route may be called, and how it refuses: for the API's description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cfos_cloud.web.api.routes import Route
from cfos_cloud.web.operator.authorization import Needs

SECURITY_SCHEMES: Mapping[str, object] = {
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "`admin` and the admin password; not from a browser",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-cfos-admin",
        "description": "of the admin page; `cfos-admin` on plain HTTP. What changes "
        "something brings the page's token in `X-CSRF-Token`, too",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "an access key; for the operator's routes one of the cloud, "
        "with the role `admin`",
    },
    "systemSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-cfos",
        "description": "of a person who is logged in to a system as its admin, by the "
        "device's password; `cfos` on plain HTTP. What a browser changes brings the "
        "token of our page in `X-CSRF-Token`, too",
    },
}
_OF_OPERATORS = ("password", "session", "key")
#: The schemes of which one is enough.
_SECURITY: Mapping[Needs, tuple[str, ...]] = {
    Needs.OPERATOR: _OF_OPERATORS,
    Needs.FRESH_OPERATOR: _OF_OPERATORS,
    Needs.NOTHING: (),
    Needs.PAIRING: (),
    Needs.SYSTEM_ADMIN: ("systemSession",),
    Needs.KEY: ("key",),
    Needs.CLOUD_KEY: ("key",),
}
_BUSY = "Too busy, or the database does not answer: try again after `Retry-After`."
_UNAUTHORISED = (
    "The credentials are missing or wrong. For an access key that is not good here: "
    "without a body."
)
_OF_EVERY_CALL = {
    401: _UNAUTHORISED,
    403: "With a session: from another site, or without the page's token.",
    429: "Too many failed attempts: wait for `Retry-After` seconds.",
    503: _BUSY,
}
_REAUTHENTICATE = (
    f"{_UNAUTHORISED} Or, with the type `urn:problem:cfos-cloud:reauthenticate`: the "
    "session's password was given more than five minutes ago: give it again where the "
    "member `reauthenticate` says."
)
_OF_ADMINS = {
    **_OF_EVERY_CALL,
    403: "The session is not that of the system's admin, who has given the device's "
    "password; or, from a browser, from another site, or without the page's token.",
}
_OF_KEYS = {401: "The key is missing, or is not good here.", 503: _BUSY}
#: What the credentials are for, or nobody is told of: never "no such" of it.
_PROVEN: Mapping[Needs, tuple[str, ...]] = {
    Needs.SYSTEM_ADMIN: ("cloud_id",),
    Needs.PAIRING: ("cloud_id",),
    Needs.KEY: ("cloud_id", "key_id"),
}
_UNKNOWN = {
    "cloud_id": "There is no such system.",
    "key_id": "There is no such access key.",
    "kid": "There is no such signing key.",
    "fingerprint": "No such certificate is in use.",
}


def security_of(needs: Needs) -> list[dict[str, list[str]]]:
    """Security requirements of OpenAPI, of which one is enough; empty: none."""
    return [{name: []} for name in _SECURITY[needs]]


def problems_of(declared: Route, variables: Iterable[str]) -> Mapping[int, str]:
    """
    What can be wrong with a call of the route, by the status of the answer.

    :param variables: those of its path.
    :raises KeyError: nobody knows what one of them may be.
    """
    about = declared.about
    problems: dict[int, str] = {}
    match declared.needs:
        case Needs.OPERATOR:
            problems.update(_OF_EVERY_CALL)
        case Needs.FRESH_OPERATOR:
            problems.update(_OF_EVERY_CALL)
            problems[401] = _REAUTHENTICATE
        case Needs.SYSTEM_ADMIN:
            problems.update(_OF_ADMINS)
        case Needs.KEY | Needs.CLOUD_KEY:
            problems.update(_OF_KEYS)
    for name in variables:
        if name not in _PROVEN.get(declared.needs, ()):
            problems[404] = _UNKNOWN[name]
    if about.body is not None:
        problems[400] = "The body can't be read."
        problems[413] = "The body is larger than 64 KiB."
    if about.body is not None or about.query:
        problems[422] = "A value can't be taken; `field` says which."
    return {**problems, **about.problems}


def is_silent(declared: Route, status: int) -> bool:
    """Whether a refusal of this status has no body."""
    return status == 401 and declared.needs in (Needs.KEY, Needs.CLOUD_KEY)
