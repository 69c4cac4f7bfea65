"""What the operator's tool prints."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from cfos_cloud.logs import escape
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.table import Column, lines_of

#: Of a terminal that does not say how wide it is.
DEFAULT_WIDTH = 80
Row = Sequence[str]


def _width_of_terminal() -> int:
    return shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns


class Output:
    """
    ``as_json``: what the API said, one JSON document a command.

    :ivar as_json: said to the constructor.
    :ivar for_people: this goes to a terminal, so numbers and times may be written as
        people like them.
    """

    def __init__(
        self,
        as_json: bool,
        file: TextIO | None = None,
        width: Callable[[], int] = _width_of_terminal,
    ) -> None:
        self.as_json = as_json
        self._file = sys.stdout if file is None else file
        self._width = width
        self.for_people = not as_json and self._file.isatty()

    def document(self, document: object, *lines: str) -> None:
        """The document, or for people the lines."""
        if self.as_json:
            self._print(json.dumps(document))
        else:
            for line in lines:
                self._print(escape(line))

    def members(self, document: Object, members: Object | None = None) -> None:
        """One thing, a member a line; ``members`` in place of the document's own."""
        shown = document if members is None else members
        width = max(map(len, shown), default=0) + 1
        lines = [f"{name + ':':<{width}} {text(of)}" for name, of in shown.items()]
        self.document(document, *lines)

    def items(
        self, items: Sequence[Object], columns: Sequence[Column], rows: Sequence[Row]
    ) -> None:
        """A table on a terminal, elsewhere fields between tabs."""
        if self.as_json:
            self._print(json.dumps({"items": items, "next": None}))
        elif self.for_people:
            for line in lines_of(columns, rows, self._width()):
                self._print(line)
        else:
            for row in ([column.title for column in columns], *rows):
                self._print("\t".join(map(escape, row)))

    def line(self, text: str) -> None:
        """A line for people below a table."""
        self._print(escape(text))

    def _print(self, line: str) -> None:
        print(line, file=self._file)


def text(value: object) -> str:
    """A value of the API as a cell."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(text, value)) or "-"
    return str(value)
