"""
Routes of the site: each says who may use it.

A resource is a class whose handlers raise or return an :class:`Answer`::

    class Things:
        @route("/things/<name>", needs=Needs.ADMIN)
        async def show(self, call: Call, name: str) -> Answer: ...
"""

from __future__ import annotations

import enum
import inspect
import json
import typing
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any, TypeVar

from klein import Klein, KleinRenderable
from klein.resource import KleinResource
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import BadHost, HTTPException

from cfos_cloud.demo.site.access import Access
from cfos_cloud.demo.site.calls import (
    JSON,
    Answer,
    Call,
    Invalid,
    Refused,
    address_of,
    header_fields,
)
from cfos_cloud.demo.site.store import SettingsFull
from cfos_cloud.demo.site.visitors import (
    NOBODY,
    AccessRefused,
    Role,
    from_own_pages,
)
from cfos_cloud.safe_fields import COMMON_FIELDS
from cfos_cloud.workers import Overloaded

_log = Logger()

#: The site is away during a simulated restart; its pages stay.
AWAY_PREFIX = "/api/site/"
#: The meter's own interface has errors of its own shape.
METER_PREFIX = b"/api/json/"
SAFE = frozenset({"GET", "HEAD"})


class Needs(enum.Enum):
    """Who may use a route."""

    NOTHING = frozenset(Role)
    #: A person who has logged in.
    PERSON = frozenset({Role.ADMIN, Role.USER})
    #: Whoever may see the whole site.
    READER = frozenset({Role.ADMIN, Role.API})
    #: Whoever may see anything.
    ANYBODY = frozenset({Role.ADMIN, Role.USER, Role.API})
    ADMIN = frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    needs: Needs
    #: A request that another site's page can have a browser send may not use it.
    guarded: bool


Result = Answer | Deferred[None]
Handler = Callable[..., Coroutine[Any, Any, Result]]
H = TypeVar("H", bound=Handler)


class ErrorPage(typing.Protocol):
    """A page for people that says what is wrong."""

    def __call__(self, request: IRequest, status: int) -> Answer | None:
        """The page; ``None`` where the request is not for one."""


def route(
    path: str, *, needs: Needs, method: str = "GET", guarded: bool = True
) -> Callable[[H], H]:
    """
    Declare the handler of ``path`` (Werkzeug's syntax); GET answers HEAD too.

    :param guarded: ``False``: the vendor's own, for which other sites' pages count.
    """

    def declare(handler: H) -> H:
        declared = Route(path, method, needs, guarded and method not in SAFE)
        handler.route = declared  # type: ignore[attr-defined]
        return handler

    return declare


class Routes:
    """
    All routes of one socket.

    :param away_for: seconds for which the site does not answer; 0: it does.
    """

    def __init__(
        self,
        access: Access,
        resources: Iterable[object],
        away_for: Callable[[], float],
        error_page: ErrorPage,
    ) -> None:
        self._access = access
        self._away_for = away_for
        self._error_page = error_page
        self._app = Klein()
        for resource in resources:
            for _, handler in inspect.getmembers(resource, inspect.iscoroutinefunction):
                declared = getattr(handler, "route", None)
                if isinstance(declared, Route):
                    self._mount(declared, handler)
        self._app.handle_errors(Exception)(self._failed)

    def resource(self) -> KleinResource:
        """To be the root of a ``twisted.web.server.Site``."""
        return _Root(self._app)

    def _mount(self, declared: Route, handler: Handler) -> None:
        async def handle(request: IRequest, **path: str) -> bytes | None:
            call = await self._call(request, declared)
            try:
                result = await handler(call, **path)
            except Invalid as error:
                if not call.is_form:
                    raise
                field, code = next(iter(error.errors.items()))
                problem = f"{field}-{code}".replace("_", "-")
                return _write(request, _see_other(f"{call.back}?problem={problem}"))
            if isinstance(result, Deferred):
                await result
                return None
            if declared.guarded and call.is_form and result.content_type == JSON:
                result = _see_other(f"{call.back}?done={result.done}")
            return _write(request, result)

        self._app.route(
            declared.path,
            methods=[declared.method],
            endpoint=f"{declared.method} {declared.path}",
        )(handle)

    async def _call(self, request: IRequest, declared: Route) -> Call:
        fields = header_fields(request)
        visitor = NOBODY
        if declared.needs is not Needs.NOTHING:
            visitor = await self._access.visitor(fields, address_of(request))
        call = Call(request, visitor)
        if visitor.role not in declared.needs.value:
            raise Refused(403, "forbidden")
        if declared.guarded:
            own = (
                from_own_pages(fields)
                if call.is_form
                else fields.get(b"x-requested-with", b"").lower() == b"site"
            )
            if not own:
                raise Refused(403, "csrf")
        away = self._away_for()
        if away > 0 and declared.path.startswith(AWAY_PREFIX):
            raise Refused(503, "restarting", (b"Retry-After", b"%d" % ceil(away)))
        return call

    def _failed(self, request: IRequest, failure: Failure) -> bytes:
        error = failure.value
        if isinstance(error, CancelledError):  # the browser is gone
            return b""
        if isinstance(error, AccessRefused):
            if request.path.startswith(METER_PREFIX):
                return _send(request, error.status, error.fields, b"")
            text = (b"Content-Type", b"text/plain; charset=utf-8")
            body = error.text.encode()
            return _send(request, error.status, (text, *error.fields), body)
        if isinstance(error, Invalid):
            return _write(request, Answer(422, {"errors": error.errors}))
        if isinstance(error, HTTPException):
            error = Refused(error.code or 500, _code_of(error.code))
        if isinstance(error, Overloaded):
            error = Refused(503, "busy", (b"Retry-After", b"1"))
        if isinstance(error, OSError | SettingsFull):
            _log.error("a change is not kept: {why}", why=str(error) or "too large")
            error = Refused(507, "not-kept")
        if not isinstance(error, Refused):
            _log.failure("a request failed", failure)
            error = Refused(500, "internal")
        page = self._error_page(request, error.status)
        if page is not None:
            return _write(request, page)
        document: object = {"error": error.code}
        if request.path.startswith(METER_PREFIX):
            message = HTTPStatus(error.status).phrase
            document = {"error": {"message": message, "code": error.code}}
        return _write(request, Answer(error.status, document, fields=error.fields))


class _Root(KleinResource):
    """Answers what Klein would log a traceback of."""

    def render(self, request: IRequest) -> KleinRenderable:
        try:
            request.path.decode("utf-8")
            b"/".join(request.postpath).decode("utf-8")
            return super().render(request)
        except (BadHost, UnicodeDecodeError):
            return _send(request, 400, (), b"")


def _code_of(status: int | None) -> str:
    return {404: "unknown", 405: "method"}.get(status or 500, "invalid")


def _see_other(location: str) -> Answer:
    return Answer(303, b"", b"", ((b"Location", location.encode()),))


def _write(request: IRequest, answer: Answer) -> bytes:
    body = answer.body
    if body is None:
        return _send(request, answer.status, answer.fields, b"")
    fields = [*answer.fields]
    if answer.content_type:
        fields.append((b"Content-Type", answer.content_type))
    if not isinstance(body, bytes):
        body = json.dumps(body).encode("ascii")
    return _send(request, answer.status, fields, body)


def _send(
    request: IRequest,
    status: int,
    fields: Iterable[tuple[bytes, bytes]],
    body: bytes,
) -> bytes:
    request.setResponseCode(status)
    headers = request.responseHeaders
    headers.removeHeader(b"server")
    headers.setRawHeaders(b"Cache-Control", [b"no-store"])
    for name, value in (*COMMON_FIELDS, *fields):
        headers.setRawHeaders(name, [value])
    headers.setRawHeaders(b"Content-Length", [b"%d" % len(body)])
    return body
