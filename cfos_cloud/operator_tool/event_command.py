"""``cfos-cloud events``: who did what, and when."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.human import local_time
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.output import text
from cfos_cloud.operator_tool.table import Column

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000_000
COLUMNS = (
    Column("TIME"),
    Column("EVENT"),
    Column("SYSTEM"),
    Column("WHO", shrinks=True, least=8),
    Column("CLIENT", shrinks=True, least=15),
    Column("DETAIL", shrinks=True, least=10),
)


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``events`` to the commands."""
    parser = add_action(
        subparsers, "events", "who did what and when, the newest first", prepare
    )
    parser.add_argument(
        "--system", metavar="CLOUD-ID", help="only what is about this system"
    )
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        help="only such events, connected for example; may be given several times",
    )
    parser.add_argument("--actor", metavar="WHO", help="only what they did")
    parser.add_argument(
        "--since", metavar="TIME", help="only from then on: 2026-11-22T12:00:00Z"
    )
    parser.add_argument("--until", metavar="TIME", help="only what was before")
    parser.add_argument(
        "--limit",
        type=int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help=f"how many at most; default: {DEFAULT_LIMIT}",
    )


def prepare(arguments: argparse.Namespace) -> Work:
    """
    :raises BadUsage: no such limit, no such Cloud ID.
    """
    if not 1 <= arguments.limit <= MAX_LIMIT:
        raise BadUsage(f"--limit is 1 to {MAX_LIMIT}, not {arguments.limit}")
    if arguments.system is not None:
        try:
            check_cloud_id(arguments.system)
        except InvalidCloudID as error:
            raise BadUsage(f"--system {arguments.system!r}: {error}") from error
    given: Mapping[str, str | list[str] | None] = {
        "cloud_id": arguments.system,
        "kind": arguments.kind,
        "actor": arguments.actor,
        "since": arguments.since,
        "until": arguments.until,
    }
    query = {name: value for name, value in given.items() if value}

    async def work(session: Session) -> None:
        found = session.client.events(query, arguments.limit)
        events = [event async for event in found]
        row = _row_for_people if session.output.for_people else _row
        session.output.items(events, COLUMNS, [row(event) for event in events])

    return work


def _row(event: Object) -> Sequence[str]:
    detail = text(event["detail"] or None)
    if event["times"] > 1:
        detail = f"{detail} (× {event['times']})"
    return (
        event["time"],
        event["kind"],
        *(text(event[name] or None) for name in ("cloud_id", "actor", "client")),
        detail,
    )


def _row_for_people(event: Object) -> Sequence[str]:
    time, kind, *rest = _row(event)
    return (local_time(time, seconds=True), kind.replace("_", " "), *rest)
