"""A table of new systems (CSV), checked line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cfos_cloud.cloud_id import fold
from cfos_cloud.web.api.csv_cells import unguard
from cfos_cloud.web.api.schema import NewSystem
from cfos_cloud.web.problem import MAX_LINES, BadTable, InvalidInput, LineError

#: Systems in one table.
MAX_SYSTEMS = 1000
#: … and those of them with a chosen password, whose verifiers cost 50 ms each.
MAX_CHOSEN = 100
#: Columns of a table; more are in none of ours.
MAX_COLUMNS = 50
_DELIMITERS = ",;\t"
_YES = frozenset({"", "true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})


@dataclass(frozen=True)
class TableRow:
    """``line``: where it begins in the table, from 1."""

    line: int
    system: NewSystem
    enabled: bool


@dataclass(frozen=True)
class Table:
    """``skipped``: lines whose systems were there already."""

    rows: tuple[TableRow, ...]
    skipped: int


def read_table(
    data: bytes, exists: Callable[[str], bool], *, skip_existing: bool
) -> Table:
    """
    The new systems in a table. Its first line names the columns: ``cloud_id`` is
    needed, ``name``, ``password`` and ``enabled`` may be there, others are ignored;
    so a table that was exported can be read. Commas, semicolons or tabs are between
    them. Empty lines are ignored.

    :param exists: whether a Cloud ID is taken.
    :param skip_existing: lines whose system is there are passed over; otherwise
        they are wrong.
    :raises BadTable: with the first 100 lines that are wrong; nothing of it is to be
        used then.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable("the table is not in UTF-8") from error
    if "\0" in text:
        raise BadTable("the table has NUL characters")
    head = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    lines = _Lines(exists, skip_existing)
    try:
        for line, cells in _records(text, delimiter):
            lines.add(line, cells)
    except csv.Error as error:
        raise BadTable(f"the table can't be read: {error}") from error
    return lines.table()


def _records(text: str, delimiter: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line with its number, as cells by the name of their column."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    begins = 1
    for cells in reader:
        line, begins = begins, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = [cell.strip().lower() for cell in cells]
            if "cloud_id" not in columns:
                raise BadTable("the first line has to name the columns, cloud_id first")
            if len(columns) > MAX_COLUMNS:
                raise BadTable(f"the table has more than {MAX_COLUMNS} columns")
        else:
            yield (
                line,
                {
                    # Nobody guards what is never exported.
                    column: cell.strip()
                    if column == "password"
                    else unguard(cell.strip())
                    for column, cell in zip(columns, cells, strict=False)
                },
            )
    if columns is None:
        raise BadTable("the table is empty")


class _Lines:
    """What was read, and what was wrong with it."""

    def __init__(self, exists: Callable[[str], bool], skip_existing: bool) -> None:
        self._exists = exists
        self._skip_existing = skip_existing
        self._rows: list[TableRow] = []
        self._errors: list[LineError] = []
        self._wrong = 0
        self._skipped = 0
        self._chosen = 0
        #: Where a Cloud ID was read first.
        self._seen: dict[str, int] = {}

    def add(self, line: int, cells: Mapping[str, str]) -> None:
        try:
            row = self._row(line, cells)
        except InvalidInput as error:
            self._wrong += 1
            if len(self._errors) < MAX_LINES:
                self._errors.append(LineError(line, error.field, str(error)))
            return
        if row is None:
            self._skipped += 1
            return
        self._rows.append(row)
        self._chosen += row.system.password is not None
        if len(self._rows) > MAX_SYSTEMS:
            raise BadTable(f"the table has more than {MAX_SYSTEMS} systems")
        if self._chosen > MAX_CHOSEN:
            raise BadTable(f"the table has more than {MAX_CHOSEN} passwords")

    def table(self) -> Table:
        if self._wrong:
            lines = "1 line is" if self._wrong == 1 else f"{self._wrong} lines are"
            raise BadTable(
                f"{lines} wrong, and nothing was added",
                self._errors,
                self._wrong - len(self._errors),
            )
        return Table(tuple(self._rows), self._skipped)

    def _row(self, line: int, cells: Mapping[str, str]) -> TableRow | None:
        system = NewSystem.from_json(
            {
                "cloud_id": cells.get("cloud_id", ""),
                "name": cells.get("name", ""),
                "password": cells.get("password") or None,
            }
        )
        enabled = cells.get("enabled", "").lower()
        if enabled not in _YES | _NO:
            raise InvalidInput("enabled", "true or false is needed")
        first = self._seen.setdefault(fold(system.cloud_id), line)
        if first != line:
            raise InvalidInput("cloud_id", f"the Cloud ID is in line {first} already")
        if self._exists(system.cloud_id):
            if self._skip_existing:
                return None
            raise InvalidInput("cloud_id", "a system has this Cloud ID already")
        return TableRow(line, system, enabled in _YES)
