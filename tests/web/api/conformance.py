"""Is what the API answers what its description says?"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

#: Not of a route: an address or a method that there is not, and faults of ours.
_UNDESCRIBED = {404, 405, 500}


class Conformance:
    """
    :param document: in OpenAPI 3.1.
    :param base: where the API is mounted.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Any] = {}
        self._paths = [
            (re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", path) + r"\Z"), operations)
            for path, operations in document["paths"].items()
        ]

    def complaint(
        self, method: str, path: str, status: int, content_type: str | None, body: bytes
    ) -> str | None:
        """What is wrong with an answer, in one line; ``None``: nothing."""
        where = f"{method} {path} {status}"
        operation = self._operation(method, urlsplit(path).path)
        if operation is None:
            known = status in _UNDESCRIBED
            return None if known else f"{where}: there is no such operation"
        response = operation["responses"].get(str(status))
        if response is None:
            return None if status == 500 else f"{where}: not described"
        content = response.get("content", {})
        if method == "HEAD":
            return None
        if not content:
            return f"{where}: there is a body" if body else None
        if status == 401 and not body and content_type is None:
            # Of an access key: nothing is said of why it is not good.
            return None
        media_type = (content_type or "").partition(";")[0]
        if media_type not in content:
            return f"{where}: {content_type} is not described"
        if not media_type.endswith("json"):
            return None
        schema = content[media_type]["schema"]
        errors = self._validator(schema).iter_errors(json.loads(body))
        for error in errors:
            return f"{where}: {error.message}"
        return None

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        wanted = "get" if method == "HEAD" else method.lower()
        # Whole names come before those with a variable in them.
        for pattern, operations in sorted(
            self._paths, key=lambda pair: "[^/]" in pair[0].pattern
        ):
            if pattern.match(path) and wanted in operations:
                found: dict[str, Any] = operations[wanted]
                return found
        return None

    def _validator(self, schema: dict[str, Any]) -> Any:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {"components": self._document["components"], **schema}
            self._validators[key] = jsonschema_rs.Draft202012Validator(
                whole, validate_formats=True, ignore_unknown_formats=True
            )
        return self._validators[key]
