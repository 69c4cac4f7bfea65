"""Problem JSON (RFC 9457), whatever the problem is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from http import HTTPStatus

CONTENT_TYPE = b"application/problem+json"
#: Of the type of a problem that has one of its own.
TYPE_PREFIX = "urn:problem:cfos-cloud:"


@dataclass(frozen=True)
class Problem:
    status: int
    detail: str
    #: The member or parameter that is at fault.
    field: str | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()
    #: A name for programs, where the status alone does not say what to do.
    slug: str | None = None
    #: Further members.
    more: Mapping[str, object] = dataclass_field(default_factory=dict)

    def body(self) -> bytes:
        """The problem as JSON; a type of ``about:blank`` is left out."""
        members: dict[str, object] = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.slug is not None:
            members = {"type": f"{TYPE_PREFIX}{self.slug}", **members}
        if self.field is not None:
            members["field"] = self.field
        return json.dumps({**members, **self.more}).encode("ascii")
