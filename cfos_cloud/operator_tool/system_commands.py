"""``cfos-cloud system …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.cloud_id import fold
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.human import local_time, size
from cfos_cloud.operator_tool.options import Session, Work, add_action, cloud_id_of
from cfos_cloud.operator_tool.output import text
from cfos_cloud.operator_tool.passwords import secret_from
from cfos_cloud.operator_tool.questions import may_ask
from cfos_cloud.operator_tool.table import Column

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

COLUMNS = (
    Column("CLOUD ID"),
    Column("STATE"),
    Column("SINCE"),
    Column("NAME", shrinks=True),
    Column("AGENT", shrinks=True),
    Column("CLIENT", shrinks=True, least=15),
    Column("IN", is_number=True),
    Column("OUT", is_number=True),
    Column("TLS AT"),
)
_SHOWN_ONCE = "The password is shown this once; it goes to the device end."
_QUERIES = {
    "online": {"online": "true"},
    "offline": {"online": "false"},
    "disabled": {"enabled": "false"},
}


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``system`` to the commands."""
    parser = subparsers.add_parser("system", help="the systems of a server")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = add_action(actions, "list", "list systems", list_)
    add_ = add_action(
        actions, "add", "add a system, by default with a new password", add
    )
    show_ = add_action(actions, "show", "show a system", show)
    rename_ = add_action(actions, "rename", "call a system otherwise", rename)
    rotate_ = add_action(
        actions,
        "rotate",
        "give a system another password, and cut off who uses the old one",
        rotate,
    )
    for name, help_ in (
        ("disable", "cut off a system's device end, and keep it away"),
        ("enable", "admit a system's device end again"),
    ):
        add_action(actions, name, help_, switch).add_argument(
            "cloud_id", metavar="CLOUD-ID"
        )
    disconnect_ = add_action(
        actions, "disconnect", "cut a system's tunnel; it comes back", disconnect
    )
    remove_ = add_action(actions, "remove", "remove a system", remove)
    for each in (add_, show_, rename_, rotate_, disconnect_, remove_):
        each.add_argument("cloud_id", metavar="CLOUD-ID")
    rename_.add_argument("name", metavar="NAME", help="what people call it")
    add_.add_argument("--name", default="", help="what people call it")
    for each in (add_, rotate_):
        each.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="a Cloud password of your own, at least 12 characters",
        )
    remove_.add_argument(
        "--erase", action="store_true", help="and all events that are about it"
    )
    remove_.add_argument("--yes", action="store_true", help="do not ask")
    listing.add_argument(
        "search", nargs="?", default="", help="a part of the Cloud ID or the name"
    )
    listing.add_argument(
        "--state", choices=list(_QUERIES), help="only those that are so"
    )


def list_(arguments: argparse.Namespace) -> Work:
    query = dict(_QUERIES.get(arguments.state, {}))
    if arguments.search:
        query["q"] = arguments.search

    async def work(session: Session) -> None:
        systems = [system async for system in session.client.systems(query)]
        row = _row_for_people if session.output.for_people else _row
        session.output.items(systems, COLUMNS, [row(system) for system in systems])

    return work


def add(arguments: argparse.Namespace) -> Work:
    cloud_id, password = cloud_id_of(arguments), _chosen(arguments)

    async def work(session: Session) -> None:
        system = await session.client.add(cloud_id, password, arguments.name)
        session.output.document(system, *_credentials(system))

    return work


def show(arguments: argparse.Namespace) -> Work:
    cloud_id = cloud_id_of(arguments)

    async def work(session: Session) -> None:
        session.output.members(await session.client.show(cloud_id))

    return work


def rename(arguments: argparse.Namespace) -> Work:
    cloud_id = cloud_id_of(arguments)

    async def work(session: Session) -> None:
        system = await session.client.change(cloud_id, name=arguments.name)
        called = f"called {system['name']!r}" if system["name"] else "without a name"
        session.output.document(system, f"{system['cloud_id']} is {called} now")

    return work


def rotate(arguments: argparse.Namespace) -> Work:
    cloud_id, password = cloud_id_of(arguments), _chosen(arguments)

    async def work(session: Session) -> None:
        system = await session.client.rotate(cloud_id, password)
        session.output.document(
            system,
            *_credentials(system),
            "Its device end stays away until it has the new one.",
        )

    return work


def switch(arguments: argparse.Namespace) -> Work:
    cloud_id, enabled = cloud_id_of(arguments), arguments.action == "enable"

    async def work(session: Session) -> None:
        system = await session.client.change(cloud_id, enabled=enabled)
        done = "enabled" if system["enabled"] else "disabled"
        session.output.document(system, f"{system['cloud_id']} is {done}")

    return work


def disconnect(arguments: argparse.Namespace) -> Work:
    cloud_id = cloud_id_of(arguments)

    async def work(session: Session) -> None:
        cut = await session.client.disconnect(cloud_id)
        line = "is cut off; it comes back by itself" if cut else "was not online"
        session.output.document(
            {"cloud_id": cloud_id, "disconnected": cut}, f"{cloud_id} {line}"
        )

    return work


def remove(arguments: argparse.Namespace) -> Work:
    cloud_id = cloud_id_of(arguments)
    if may_ask(arguments):
        _confirm_removal(cloud_id)

    async def work(session: Session) -> None:
        await session.client.remove(cloud_id, erase=arguments.erase)
        session.output.document({"removed": cloud_id}, f"{cloud_id} is removed")

    return work


def _chosen(arguments: argparse.Namespace) -> str | None:
    path: Path | None = arguments.password_file
    return None if path is None else secret_from(path)


def _credentials(system: Object) -> list[str]:
    lines = [f"Cloud ID:       {system['cloud_id']}"]
    if "password" in system:
        lines += [f"Cloud password: {system['password']}", _SHOWN_ONCE]
    return lines


def _confirm_removal(cloud_id: str) -> None:
    print(
        f"Remove {cloud_id}? Type its Cloud ID: ", end="", file=sys.stderr, flush=True
    )
    if fold(sys.stdin.readline().strip()) != fold(cloud_id):
        raise ToolError(f"{cloud_id} is not removed")


def _state(system: Object) -> str:
    if not system["enabled"]:
        return "disabled"
    return "online" if system["online"] else "offline"


def _tls_at(system: Object) -> str:
    """Where the TLS of its visitors ends."""
    return "device" if system["end_to_end"] else "server"


def _row(system: Object) -> Sequence[str]:
    names = ("since", "name", "agent", "client", "bytes_in", "bytes_out")
    cells = (text(system[name]) for name in names)
    return (system["cloud_id"], _state(system), *cells, _tls_at(system))


def _row_for_people(system: Object) -> Sequence[str]:
    since = system["since"]
    return (
        system["cloud_id"],
        _state(system),
        "-" if since is None else local_time(since),
        *(text(system[name] or None) for name in ("name", "agent", "client")),
        size(system["bytes_in"]),
        size(system["bytes_out"]),
        _tls_at(system),
    )
