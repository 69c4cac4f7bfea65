"""What the operator's tool prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TextIO

from cfos_cloud.logs import escape
from cfos_cloud.operator_tool.client import Object

_COLUMNS = ("CLOUD ID", "STATE", "SINCE", "NAME", "AGENT", "CLIENT", "IN", "OUT")


class Output:
    """``as_json``: what the API said, one JSON document a command."""

    def __init__(self, as_json: bool, file: TextIO | None = None) -> None:
        self._as_json = as_json
        self._file = sys.stdout if file is None else file

    def document(self, document: Object, *lines: str) -> None:
        """The document, or for people the lines."""
        if self._as_json:
            self._print(json.dumps(document))
        else:
            for line in lines:
                self._print(escape(line))

    def system(self, system: Object) -> None:
        """One system, a member a line."""
        width = max(len(name) for name in system) + 1
        lines = [
            f"{name + ':':<{width}} {_text(value)}" for name, value in system.items()
        ]
        self.document(system, *lines)

    def systems(self, systems: Sequence[Object]) -> None:
        """A table on a terminal, elsewhere fields between tabs."""
        if self._as_json:
            self._print(json.dumps({"items": systems, "next": None}))
            return
        rows = [_COLUMNS, *(_row(system) for system in systems)]
        if not self._file.isatty():
            for row in rows:
                self._print("\t".join(row))
            return
        widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._print("  ".join(cells).rstrip())

    def _print(self, line: str) -> None:
        print(line, file=self._file)


def _row(system: Object) -> tuple[str, ...]:
    state = "online" if system["online"] else "offline"
    values = (
        system["cloud_id"],
        state if system["enabled"] else "disabled",
        system["since"],
        system["name"],
        system["agent"],
        system["client"],
        system["bytes_in"],
        system["bytes_out"],
    )
    return tuple(escape(_text(value)) for value in values)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
