"""The operator API described in OpenAPI 3.1, from what its routes declare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from twisted.web.iweb import IRequest

from cfos_cloud import __version__
from cfos_cloud.web.api.operation import (
    STRING,
    Content,
    Operation,
    Parameter,
    Shape,
    as_json,
)
from cfos_cloud.web.api.routes import Answer, Route, Text, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.problem import CONTENT_TYPE

JSONObject = dict[str, object]

_VARIABLE = re.compile(r"<([a-z_]+)>")
_INTRODUCTION = """\
Manages a cloud server: its systems, certificate, events and settings.

Times are RFC 3339 in UTC. Lists come in pages: `next` is the `cursor` of the page
that follows, or null. IDs in paths are of any case. Members that are not known here
are ignored in requests, and may be added to answers.\
"""
#: What a variable part of a path may be, by its name.
_IN_PATHS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "cloud_id": (
        {
            "type": "string",
            "maxLength": 40,
            "pattern": "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
        },
        "The Cloud ID of a system, in any case.",
    ),
    "key_id": (
        {"type": "string", "maxLength": 22, "pattern": "^[A-Za-z0-9_-]+$"},
        "The ID of an access key.",
    ),
    "kid": (
        {"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"},
        "What a signing key is called.",
    ),
}
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
}
#: RFC 9457.
PROBLEM = Shape(
    "Problem",
    {
        "type": "object",
        "required": ["title", "status", "detail"],
        "properties": {
            "type": {
                **STRING,
                "description": "where the status alone does not say what to do",
            },
            "title": STRING,
            "status": {"type": "integer"},
            "detail": {**STRING, "description": "what is wrong, in one line"},
            "field": {**STRING, "description": "the member or parameter at fault"},
        },
    },
)
_SECURITY_SCHEMES: Mapping[str, object] = {
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
#: The schemes of which one is enough, where not those of operators.
_SECURITY: Mapping[Needs, tuple[str, ...]] = {
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


class Description:
    """``/openapi.json``: the document about ``routes`` and itself."""

    def __init__(
        self, base: str, routes: Iterable[Route], elsewhere: Iterable[Route] = ()
    ) -> None:
        own: Route = self.show.route  # type: ignore[attr-defined]
        self.document = describe(base, [*routes, own], elsewhere)
        self._json = json.dumps(self.document, separators=(",", ":")).encode("ascii")

    @route(
        "/openapi.json",
        method="GET",
        needs=Needs.NOTHING,
        about=Operation("This document", {200: as_json({"type": "object"})}),
    )
    async def show(self, request: IRequest) -> Answer:
        return Answer(200, Text(b"application/json", self._json))


def describe(
    base: str, routes: Iterable[Route], elsewhere: Iterable[Route] = ()
) -> JSONObject:
    """
    The document about an API that is mounted at the path ``base``, and about routes
    ``elsewhere``, which are whole paths.

    :raises ValueError: two shapes have one name.
    :raises KeyError: nobody knows what a variable part of a path may be.
    """
    shapes = _Shapes()
    paths: dict[str, JSONObject] = {}
    for each in sorted(routes, key=lambda one: (one.path, one.method)):
        path = paths.setdefault(_VARIABLE.sub(r"{\1}", each.path), {})
        path[each.method.lower()] = _operation(each, shapes)
    for each in sorted(elsewhere, key=lambda one: (one.path, one.method)):
        path = paths.setdefault(_VARIABLE.sub(r"{\1}", each.path), {})
        path["servers"] = [{"url": "/"}]
        path[each.method.lower()] = _operation(each, shapes)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "cfos-cloud operator API",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "security": [{name: []} for name in _OF_OPERATORS],
        "paths": paths,
        "components": {
            "schemas": shapes.schemas,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _operation(declared: Route, shapes: _Shapes) -> JSONObject:
    about = declared.about
    operation: JSONObject = {
        "operationId": _operation_id(declared),
        "summary": about.summary,
    }
    if about.description:
        operation["description"] = " ".join(about.description.split())
    if declared.needs in _SECURITY:
        operation["security"] = [{name: []} for name in _SECURITY[declared.needs]]
    variables = _VARIABLE.findall(declared.path)
    parameters = [
        *(_parameter("path", name, *_IN_PATHS[name], shapes) for name in variables),
        *(_query(parameter, shapes) for parameter in about.query),
    ]
    if parameters:
        operation["parameters"] = parameters
    if about.body is not None:
        operation["requestBody"] = {
            "required": not about.body_optional,
            "content": _content(about.body, shapes),
        }
    operation["responses"] = {
        **{
            str(status): _response(HTTPStatus(status).phrase, content, shapes)
            for status, content in sorted(about.answers.items())
        },
        **{
            str(status): _response(text, _problem_content(declared, status), shapes)
            for status, text in sorted(_problems(declared).items())
        },
    }
    return operation


def _problem_content(declared: Route, status: int) -> Content | None:
    is_empty = status == 401 and declared.needs in (Needs.KEY, Needs.CLOUD_KEY)
    return None if is_empty else {CONTENT_TYPE.decode(): PROBLEM}


def _problems(declared: Route) -> Mapping[int, str]:
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
    for name in _VARIABLE.findall(declared.path):
        if name not in _PROVEN.get(declared.needs, ()):
            problems[404] = _UNKNOWN[name]
    if about.body is not None:
        problems[400] = "The body can't be read."
        problems[413] = "The body is larger than 64 KiB."
    if about.body is not None or about.query:
        problems[422] = "A value can't be taken; `field` says which."
    return {**problems, **about.problems}


def _operation_id(declared: Route) -> str:
    words = re.findall("[a-z]+", declared.path)
    return "_".join((declared.method.lower(), *words))


def _query(parameter: Parameter, shapes: _Shapes) -> JSONObject:
    described = _parameter(
        "query", parameter.name, parameter.schema, parameter.description, shapes
    )
    # What is empty is as absent: so forms send what nobody has filled in.
    return {**described, "allowEmptyValue": True}


def _parameter(
    place: str, name: str, schema: object, description: str, shapes: _Shapes
) -> JSONObject:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": shapes.resolve(schema),
    }


def _response(text: str, content: Content | None, shapes: _Shapes) -> JSONObject:
    response: JSONObject = {"description": text}
    if content is not None:
        response["content"] = _content(content, shapes)
    return response


def _content(content: Content, shapes: _Shapes) -> JSONObject:
    return {
        media_type: {"schema": shapes.resolve(schema)}
        for media_type, schema in content.items()
    }


class _Shapes:
    """The shapes that a document refers to."""

    def __init__(self) -> None:
        self.schemas: dict[str, object] = {}
        self._seen: dict[str, Shape] = {}

    def resolve(self, value: object) -> object:
        """``value`` with references in the place of shapes."""
        if isinstance(value, Shape):
            known = self._seen.setdefault(value.name, value)
            if known != value:
                raise ValueError(f"two shapes are called {value.name}")
            if value.name not in self.schemas:
                self.schemas[value.name] = self.resolve(value.schema)
            return {"$ref": f"#/components/schemas/{value.name}"}
        if isinstance(value, Mapping):
            return {key: self.resolve(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve(each) for each in value]
        return value
