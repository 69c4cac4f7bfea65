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
from cfos_cloud.web.api.refusals import (
    SECURITY_SCHEMES,
    is_silent,
    problems_of,
    security_of,
)
from cfos_cloud.web.api.routes import Answer, Route, Text, route
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.problem import CONTENT_TYPE

JSONObject = dict[str, object]

_VARIABLE = re.compile(r"<([a-z_]+)>")
_INTRODUCTION = """\
Manages a cloud server: its systems, certificate, events and settings.

Times are RFC 3339 in UTC. Lists come in pages: `next` is the `cursor` of the page
that follows, or null. Cloud IDs in paths are of any case. Members that are not known
here are ignored in requests, and may be added to answers.\
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
    "fingerprint": (
        {"type": "string", "maxLength": 95, "pattern": "^[0-9A-Fa-f:]+$"},
        "The SHA-256 of a certificate; neither case nor colons matter.",
    ),
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

_PROBLEM_CONTENT: Content = {CONTENT_TYPE.decode(): PROBLEM}


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
        "security": security_of(Needs.OPERATOR),
        "paths": paths,
        "components": {
            "schemas": shapes.schemas,
            "securitySchemes": SECURITY_SCHEMES,
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
    security = security_of(declared.needs)
    if security != security_of(Needs.OPERATOR):
        operation["security"] = security
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
            str(status): _response(
                text,
                None if is_silent(declared, status) else _PROBLEM_CONTENT,
                shapes,
            )
            for status, text in sorted(problems_of(declared, variables).items())
        },
    }
    return operation


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
