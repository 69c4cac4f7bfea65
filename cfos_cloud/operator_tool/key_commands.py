"""``cfos-cloud key …``: the operator's access keys, which are of scope ``cloud``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cfos_cloud.logs import escape
from cfos_cloud.operator_tool import key_text, signing_commands
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.questions import ask

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

ROLES = ("api", "admin")
#: What each role can be tried with.
_EXAMPLES = {"api": "/api/json/systems", "admin": "/cloud/api/v1/status"}
_LIVING = ("pending", "authorised")


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``key`` to the commands."""
    parser = subparsers.add_parser("key", help="access keys to this server")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create_ = add_action(
        actions, "create", "make an access key, and print it this once", create
    )
    create_.add_argument("name", metavar="NAME", help="what it is for")
    create_.add_argument(
        "--role",
        required=True,
        choices=ROLES,
        help="api: read /api/json/…, nothing else; admin: all that an operator may",
    )
    create_.add_argument(
        "--expires",
        metavar="DATE",
        help="2027-01-31, or 2027-01-31T12:00:00Z; default: never",
    )
    create_.add_argument(
        "--authorize",
        action="store_true",
        help="and let it work at once; needs the admin password",
    )
    add_action(actions, "list", "list access keys, the newest first", list_)
    authorize_ = add_action(
        actions,
        "authorize",
        "let an access key work; needs the admin password",
        authorize,
    )
    revoke_ = add_action(
        actions, "revoke", "end an access key, and all that is open by it", revoke
    )
    for each in (authorize_, revoke_):
        each.add_argument("key", metavar="ID", help="its ID, or its name")
    revoke_.add_argument("--yes", action="store_true", help="do not ask")
    signing_commands.add_actions(actions)


def create(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        client = session.client
        # Asked for before anything is made; wrong ones are found out at the end.
        password = session.password() if arguments.authorize else None
        key = await client.add_key(arguments.name, arguments.role, arguments.expires)
        if password is not None:
            # What is shown once must not be lost for what fails after it.
            try:
                key |= await client.authorize_key(key["id"], password)
            except ToolError:
                _print_new(session, key)
                raise
        _print_new(session, key)

    return work


def list_(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        keys = [key async for key in session.client.access_keys()]
        if session.output.for_people:
            now = datetime.now(UTC)
            columns = key_text.COLUMNS_FOR_PEOPLE
            rows = [key_text.row_for_people(key, now) for key in keys]
        else:
            columns, rows = key_text.COLUMNS, [key_text.row(key) for key in keys]
        session.output.items(keys, columns, rows)

    return work


def authorize(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        password = session.password()
        key = await _find(session.client, arguments.key, ("pending",))
        key = await session.client.authorize_key(key["id"], password)
        session.output.document(key, f"{key['name']} works now")

    return work


def revoke(arguments: argparse.Namespace) -> Work:

    async def work(session: Session) -> None:
        key = await _find(session.client, arguments.key, _LIVING)
        name = escape(key["name"])
        ask(
            arguments,
            f"Revoke {name} ({key['role']}, {key['id']})? What uses it is cut off.",
            f"{name} is not revoked",
        )
        await session.client.revoke_key(key["id"])
        session.output.document({"revoked": key["id"]}, f"{key['name']} is revoked")

    return work


async def _find(client: OperatorClient, wanted: str, states: Collection[str]) -> Object:
    """
    The key with this ID, or the one with this name in these states.

    :raises ToolError: there is none, or more than one.
    """
    keys = [key async for key in client.access_keys()]
    for key in keys:
        if key["id"] == wanted:
            return key
    named = [key for key in keys if key["name"] == wanted and key["state"] in states]
    if not named:
        kind = " or ".join(states)
        raise ToolError(f"no {kind} access key has this name or ID: {escape(wanted)}")
    if len(named) > 1:
        ids = ", ".join(key["id"] for key in named)
        raise ToolError(f"several access keys have this name, so give an ID: {ids}")
    return named[0]


def _print_new(session: Session, key: Object) -> None:
    """The key alone goes to standard output, to be kept; what to know to the person."""
    session.output.document(key, key["key"])
    if session.output.as_json:
        return
    token = key["key"] if session.output.for_people else "$(cat FILE)"
    curl = shlex.join(["curl", *session.curl_options()])
    address = f"{session.client.server}{_EXAMPLES[key['role']]}"
    lines = [
        f"This is access key {key['id']}. It is shown this once; keep it safe.",
        f'{curl} -H "Authorization: Bearer {token}" {address}',
    ]
    if key["state"] == "pending":
        lines.insert(
            1, f"It works once it is authorised: cfos-cloud key authorize {key['id']}"
        )
    for line in lines:
        print(line, file=sys.stderr)
