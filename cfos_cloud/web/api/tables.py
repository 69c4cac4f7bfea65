"""``systems.csv`` and ``systems/import`` of the operator API: systems as tables."""

from __future__ import annotations

import enum
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from cfos_cloud.registry import Systems
from cfos_cloud.web import answers
from cfos_cloud.web.api.csv_cells import to_csv
from cfos_cloud.web.api.csv_export import TableBody, tables
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    COUNT,
    CSV,
    JSON,
    STRING,
    Operation,
    Shape,
    members,
)
from cfos_cloud.web.api.query import choice_parameter, read_choice
from cfos_cloud.web.api.routes import Answer, StreamAnswer, Text, route
from cfos_cloud.web.api.schema import CLOUD_ID, CLOUD_PASSWORD, NAME, read_body
from cfos_cloud.web.api.system_import import Imported, SystemImport
from cfos_cloud.web.api.systems import QUERY_PARAMETERS, Presences, read_query
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import check_still
from cfos_cloud.web.operator.origin import operator_of

_FILE = (b"Content-Disposition", b'attachment; filename="systems.csv"')

IMPORTED = Shape(
    "Imported",
    members(
        added=COUNT,
        skipped={**COUNT, "description": "lines whose systems were there already"},
        items={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line", "cloud_id", "name", "enabled"],
                "properties": {
                    "line": COUNT,
                    "cloud_id": CLOUD_ID,
                    "name": NAME,
                    "enabled": BOOLEAN,
                    "password": {
                        **CLOUD_PASSWORD,
                        "description": "if it was generated; it is said this once",
                    },
                },
            },
        },
    ),
)
_IMPORT = """
The first line of the table names its columns: `cloud_id` is needed, `name`, `password`
and `enabled` may be there, others are ignored, so a table that was exported can be
imported elsewhere. Commas, semicolons or tabs are between them; UTF-8. Passwords that
are not given are generated, and said this once: in JSON, or as a table for who
accepts `text/csv`. All systems are added or none: if a line is wrong the problem has
`lines` of `line`, `field` and `detail`. At most 1,000 systems and 100 passwords of
your own.
"""


class Existing(enum.Enum):
    """What becomes of lines whose system is there already."""

    REFUSE = "refuse"
    SKIP = "skip"


class TablesResource:
    def __init__(
        self,
        systems: Systems,
        presences: Presences,
        importer: SystemImport,
        clock: IReactorTime,
    ) -> None:
        self._systems = systems
        self._presences = presences
        self._importer = importer
        self._clock = clock

    @route(
        "/systems.csv",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "The systems as a table",
            {200: {CSV: STRING}},
            description="""
            In UTF-8, with commas (RFC 4180). A text that a spreadsheet would take
            for a formula has an apostrophe before it. There is no password in it.
            """,
            query=QUERY_PARAMETERS,
        ),
    )
    async def export(self, request: IRequest) -> StreamAnswer:
        parts = tables(self._systems, self._presences, read_query(request))
        return StreamAnswer(TableBody(parts, self._clock), (_FILE,))

    @route(
        "/systems/import",
        method="POST",
        needs=Needs.OPERATOR,
        about=Operation(
            "Add the systems of a table",
            {201: {JSON: IMPORTED, CSV: STRING}},
            description=_IMPORT,
            query=(
                choice_parameter(
                    "existing",
                    Existing,
                    "What becomes of lines whose system is there already; "
                    "`refuse`, unless it is given: nothing is added then.",
                ),
            ),
            body={CSV: STRING},
            problems={409: "A Cloud ID was taken meanwhile; nothing was added."},
        ),
    )
    async def import_all(self, request: IRequest) -> Answer:
        existing = read_choice(request, "existing", Existing) or Existing.REFUSE
        imported = await self._importer.run(
            read_body(request),
            operator_of(request),
            skip_existing=existing is Existing.SKIP,
            may_still=partial(check_still, request),
        )
        if CSV.encode() in (answers.field(request, b"accept") or b""):
            return Answer(201, Text(b"text/csv; charset=utf-8", _table(imported)))
        return Answer(201, _json(imported))


def _json(imported: Imported) -> dict[str, object]:
    items = []
    for each in imported.items:
        item = vars(each).copy()
        if each.password is None:
            del item["password"]
        items.append(item)
    return {"added": len(items), "skipped": imported.skipped, "items": items}


def _table(imported: Imported) -> bytes:
    rows = [("cloud_id", "name", "password")]
    rows += [(e.cloud_id, e.name, e.password or "") for e in imported.items]
    return to_csv(rows).encode()
