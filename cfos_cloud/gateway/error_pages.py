"""What a browser or an application sees when a request comes to nothing."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from time import monotonic

from cfos_cloud.gateway.error_log import ErrorLog
from cfos_cloud.gateway.error_texts import CHECKS, DETAILS, MISSED, TITLES
from cfos_cloud.gateway.media_ranges import prefers_json
from cfos_cloud.languages import choose
from cfos_cloud.pages import (
    HTML,
    LIVE_PAGE_FIELDS,
    PAGE_FIELDS,
    Pages,
    duration,
    moment,
)
from cfos_cloud.safe_fields import COMMON_FIELDS
from cfos_cloud.timestamps import rfc3339

PROBLEM_JSON = b"application/problem+json"


class ErrorKind(Enum):
    """What went wrong: the name in ``type`` of the JSON, and the status."""

    #: The system has no tunnel.
    OFFLINE = ("offline", 503)
    #: The target of the device end doesn't accept connections.
    REFUSED = ("refused", 502)
    #: The target, or the device end, didn't answer in time.
    TIMEOUT = ("timeout", 504)
    #: All connections to the target are in use.
    BUSY = ("busy", 503)
    #: The answer broke the rules of HTTP, or ended before its head did.
    BAD_GATEWAY = ("bad-gateway", 502)
    #: The log-in is good for other devices of the site than this one.
    NOT_ALLOWED = ("not-allowed", 403)
    #: The site has no device of the name that the host has.
    NO_SUCH_DEVICE = ("no-such-device", 404)
    #: Another site used our cookie.
    CROSS_SITE = ("cross-site", 403)
    BAD_REQUEST = ("bad-request", 400)
    UNAUTHORISED = ("unauthorised", 401)
    NOT_FOUND = ("not-found", 404)
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405)
    #: A body for a page of ours over its limit.
    TOO_LARGE = ("too-large", 413)
    #: This server itself can't just now: it starts, stops, or is full.
    UNAVAILABLE = ("unavailable", 503)
    INTERNAL = ("internal", 500)

    def __init__(self, slug: str, status: int) -> None:
        self.slug = slug
        self.status = status


#: Seconds after which to try again, where trying again helps.
_RETRY_AFTER = {
    ErrorKind.OFFLINE: 30,
    ErrorKind.BUSY: 5,
    ErrorKind.UNAVAILABLE: 10,
}
#: Seconds before a page in a browser first tries again by itself.
_PAGE_RETRIES = {
    ErrorKind.REFUSED: 15,
    ErrorKind.TIMEOUT: 15,
    ErrorKind.BUSY: 5,
    ErrorKind.UNAVAILABLE: 10,
}
#: What may be over in a moment.
_PASSING = {ErrorKind.OFFLINE, ErrorKind.BAD_GATEWAY, *_PAGE_RETRIES}


class Repeat(Enum):
    """May the request that failed be sent again?"""

    #: It only fetched a page: by itself.
    FREELY = auto()
    #: GET with a query, by which devices change their state: if somebody wants it.
    BY_HAND = auto()
    #: It had a body, or could have had one: only from the page that sent it.
    NEVER = auto()

    @classmethod
    def of(cls, method: bytes, target: bytes) -> Repeat:
        """Of a request, by its method and target."""
        if method not in (b"GET", b"HEAD"):
            return cls.NEVER
        return cls.BY_HAND if b"?" in target else cls.FREELY


def new_error_id(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Eight letters and digits for page and log, to be read out on the telephone."""
    return base64.b32encode(random(5)).decode().lower()


@dataclass(frozen=True)
class GatewayError:
    """
    One failed request. ``name`` is the system's and ``since`` when its tunnel was
    lost: only for those who hold a session of it. ``language`` is the one that they
    logged in with, and the browser's wish where it is ``None``.
    """

    kind: ErrorKind
    id: str
    name: str | None = None
    since: datetime | None = None
    repeat: Repeat = Repeat.NEVER
    language: str | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer; framing (``Content-Length``) is up to who writes it."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ErrorPages:
    """
    Renders errors as HTML in the browser's language, or as JSON (RFC 9457).

    :ivar log: to be told of each, with its id.
    """

    def __init__(
        self,
        pages: Pages,
        now: Callable[[], datetime] = _utc_now,
        log: ErrorLog | None = None,
    ) -> None:
        self._pages = pages
        self._now = now
        self.log = ErrorLog(monotonic) if log is None else log

    def render(
        self, error: GatewayError, accept: bytes | None, accept_language: bytes | None
    ) -> Answer:
        """The answer, by the fields ``Accept`` and ``Accept-Language``."""
        if prefers_json(accept):
            fields, body = self._json(error)
        else:
            wanted = (accept_language or b"").decode("latin-1")
            fields, body = self._html(error, error.language or choose(wanted))
        retry_after = _RETRY_AFTER.get(error.kind)
        if retry_after is not None:
            fields = (*fields, (b"Retry-After", b"%d" % retry_after))
        return Answer(error.kind.status, fields, body)

    def _json(
        self, error: GatewayError
    ) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        problem: dict[str, object] = {
            "type": f"urn:problem:cfos-cloud:{error.kind.slug}",
            "title": TITLES[error.kind.slug],
            "status": error.kind.status,
            "detail": DETAILS[error.kind.slug],
            "id": error.id,
        }
        if error.since is not None:
            problem["since"] = rfc3339(error.since)
        fields = (
            (b"Content-Type", PROBLEM_JSON),
            *COMMON_FIELDS,
            (b"Cache-Control", b"no-store"),
        )
        return fields, json.dumps(problem).encode() + b"\n"

    def _html(
        self, error: GatewayError, language: str
    ) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        slug, since = error.kind.slug, error.since
        lasts = None if since is None else self._now() - since
        waits = error.kind is ErrorKind.OFFLINE and error.name is not None
        is_free = error.repeat is Repeat.FREELY
        values = {
            "kind": slug,
            "title": TITLES[slug],
            "detail": DETAILS[slug],
            "checks": CHECKS.get(slug, ()),
            "missed": None if is_free else MISSED.get(slug),
            "name": error.name,
            "error_id": error.id,
            "since": None if since is None else moment(since, language),
            "since_iso": None if since is None else rfc3339(since),
            "lasts": None if lasts is None else duration(lasts, language),
            "seconds": None if lasts is None else max(0, int(lasts.total_seconds())),
            "is_passing": error.kind in _PASSING,
            "by_get": error.repeat is not Repeat.NEVER,
            "waits": waits,
            "reloads": waits and is_free,
            "retry_after": _PAGE_RETRIES.get(error.kind) if is_free else None,
        }
        body = self._pages.render("error.html", language, values)
        fields = LIVE_PAGE_FIELDS if waits else PAGE_FIELDS
        return ((b"Content-Type", HTML), *fields), body
