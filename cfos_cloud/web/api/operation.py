"""
What a route says of itself, for people and programs: the parts of OpenAPI 3.1.

A schema is JSON Schema (draft 2020-12) as Python values. A :class:`Shape` may stand
for one anywhere inside; it becomes a component that others refer to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
CSV = "text/csv"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Shape:
    """A schema that has a name."""

    name: str
    schema: Mapping[str, object]


Schema = Shape | Mapping[str, object]
#: Schemas by media type.
Content = Mapping[str, Schema]


@dataclass(frozen=True)
class Parameter:
    """One of the query."""

    name: str
    schema: Schema
    description: str


@dataclass(frozen=True)
class Operation:
    """
    ``answers`` are those of success, ``None`` being one without a body; ``problems``
    say what else can be wrong than what follows from the rest: credentials, path,
    query and body. A ``body`` may be left out where ``body_optional``.
    """

    summary: str
    answers: Mapping[int, Content | None]
    description: str = ""
    query: tuple[Parameter, ...] = ()
    body: Content | None = None
    body_optional: bool = False
    problems: Mapping[int, str] = field(default_factory=dict)


def as_json(schema: Schema) -> Content:
    """A body in JSON."""
    return {JSON: schema}


def members(**schemas: Schema) -> dict[str, object]:
    """An object that has all of these; more may come with later versions."""
    return {"type": "object", "required": list(schemas), "properties": schemas}


def optional_members(**schemas: Schema) -> dict[str, object]:
    """An object that may have any of these."""
    return {"type": "object", "properties": schemas}


def listed(item: Schema) -> dict[str, object]:
    """A page of a list; ``next`` is the cursor of the one after it."""
    return members(items={"type": "array", "items": item}, next=or_null(STRING))


def or_null(schema: Mapping[str, object]) -> dict[str, object]:
    """``schema``, or nothing is known."""
    return {**schema, "type": [schema["type"], "null"]}


STRING: Mapping[str, object] = {"type": "string"}
BOOLEAN: Mapping[str, object] = {"type": "boolean"}
COUNT: Mapping[str, object] = {"type": "integer", "minimum": 0}
#: RFC 3339, in UTC.
MOMENT: Mapping[str, object] = {"type": "string", "format": "date-time"}
