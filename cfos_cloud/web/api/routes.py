"""
Routes of an API: declared with what they demand, mounted on a Klein app.

A resource is a class whose handlers raise or return an :class:`Answer`::

    class Things:
        @route(
            "/things/<name>",
            method="GET",
            needs=Needs.OPERATOR,
            about=Operation("One thing", {200: as_json(THING)}),
        )
        async def show(self, request: IRequest, name: str) -> Answer: ...
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from typing import Protocol as Interface

from klein import Klein, KleinRenderable
from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import NotFound

from cfos_cloud.gateway.access import Abortable
from cfos_cloud.web.answers import answer
from cfos_cloud.web.api.operation import Operation
from cfos_cloud.web.operator.authorization import Authorizer, Needs
from cfos_cloud.web.operator.caller import caller_of, check_still
from cfos_cloud.web.problem import (
    CONTENT_TYPE,
    INTERNAL,
    KeyUnauthorized,
    problem_of,
)

_log = Logger()

#: Of every answer: nothing here is for a cache or for a browser to guess at.
COMMON_FIELDS = (
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)


@dataclass(frozen=True)
class Text:
    """A whole body that is no JSON."""

    content_type: bytes
    data: bytes


class Stream(Interface):
    """A body that is written piece by piece."""

    content_type: bytes

    def start(self, request: IRequest) -> Deferred[None]:
        """
        Write to ``request`` from now on. Fires when all is written; is cancelled
        when the client goes away.
        """

    def abort(self) -> None:
        """End at once: what allowed it has ended."""


@dataclass(frozen=True)
class StreamAnswer:
    """200 with a body that takes its time."""

    stream: Stream
    fields: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Answer:
    """``body`` goes out as JSON, unless it is a :class:`Text`; ``None`` is none."""

    status: int
    body: object = None
    fields: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    needs: Needs
    about: Operation


Handler = Callable[..., Coroutine[Any, Any, "Answer | StreamAnswer"]]
H = TypeVar("H", bound=Handler)


def route(
    path: str, *, method: str, needs: Needs, about: Operation
) -> Callable[[H], H]:
    """
    Declare the handler of ``path`` (Werkzeug's syntax): what it needs, and what it
    does. GET answers HEAD too.
    """
    if not isinstance(needs, Needs):
        raise TypeError(f"{method} {path} does not say what it needs")

    def declare(handler: H) -> H:
        declared = Route(path, method, needs, about)
        handler.route = declared  # type: ignore[attr-defined]
        return handler

    return declare


def mount(
    app: Klein,
    resources: Iterable[object],
    authorizers: Mapping[Needs, Authorizer],
    without: Collection[Needs] = (),
) -> None:
    """
    Put the routes of all resources on ``app``, each behind its authorizer, but for
    those that need what is in ``without``.

    :raises KeyError: a route needs what nobody can check.
    """
    for resource in resources:
        for declared, handler in routes_of(resource):
            if declared.needs not in without:
                _mount(app, declared, handler, authorizers[declared.needs])
    app.handle_errors(Exception)(_answer_failure)


def routes_of(resource: object) -> list[tuple[Route, Handler]]:
    """The routes that are declared on ``resource``, with their handlers."""
    found = []
    for _, handler in inspect.getmembers(resource, inspect.iscoroutinefunction):
        declared = getattr(handler, "route", None)
        if isinstance(declared, Route):
            found.append((declared, handler))
    return found


def _mount(app: Klein, declared: Route, handler: Handler, by: Authorizer) -> None:
    async def handle(request: IRequest, **path: str) -> bytes:
        await by.authorize(request, path)
        result = await handler(request, **path)
        fields = (*COMMON_FIELDS, *result.fields)
        if isinstance(result, StreamAnswer):
            return await _stream(request, fields, result.stream)
        if result.body is None:
            return answer(request, result.status, fields)
        if isinstance(result.body, Text):
            body, content_type = result.body.data, result.body.content_type
        else:
            body, content_type = json.dumps(result.body).encode(), b"application/json"
        fields = (*fields, (b"Content-Type", content_type))
        return answer(request, result.status, fields, body)

    app.route(
        declared.path,
        methods=[declared.method],
        endpoint=f"{declared.method} {declared.path} needs {declared.needs.value}",
    )(handle)


async def _stream(
    request: IRequest, fields: Iterable[tuple[bytes, bytes]], stream: Stream
) -> bytes:
    # It may have taken its time to come here.
    check_still(request)
    answer(request, 200, (*fields, (b"Content-Type", stream.content_type)))
    request.responseHeaders.removeHeader(b"content-length")
    if request.method == b"HEAD":
        return b""
    caller = caller_of(request)
    streams: set[Abortable] = set() if caller is None else caller.life.streams
    streams.add(stream)
    try:
        await stream.start(request)
    finally:
        streams.discard(stream)
    return b""


def _answer_failure(request: IRequest, failure: Failure) -> bytes:
    return answer_error(request, failure.value, failure)


def answer_error(
    request: IRequest, error: BaseException | None, failure: Failure | None = None
) -> bytes:
    """Problem JSON for what was raised; what is our own fault is logged."""
    if isinstance(error, KeyUnauthorized):
        return answer(request, 401, COMMON_FIELDS)
    problem = (problem_of(error) if error else None) or INTERNAL
    if problem is INTERNAL:
        _log.failure("an API request failed", failure)
    elif problem.status == 503:
        _log.error("an API request failed: {reason}", reason=str(error) or "overloaded")
    fields = (*COMMON_FIELDS, (b"Content-Type", CONTENT_TYPE), *problem.fields)
    return answer(request, problem.status, fields, problem.body())


class APIResource(KleinResource):
    """A Klein app as a leaf: its routes see what follows where it is mounted."""

    def render(self, request: IRequest) -> KleinRenderable:
        try:
            b"/".join(request.postpath).decode("utf-8")
        except UnicodeDecodeError:
            # Klein would log a traceback of it.
            return answer_error(request, NotFound())
        return super().render(request)
