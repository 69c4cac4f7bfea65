"""``cfos-cloud key signing`` and more: the keys that access keys are signed with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfos_cloud.logs import escape
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.human import local_time
from cfos_cloud.operator_tool.key_text import number_of_keys
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.output import text
from cfos_cloud.operator_tool.questions import ask
from cfos_cloud.operator_tool.table import Column

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

COLUMNS = (
    Column("KID"),
    Column("SIGNS"),
    Column("ACCESS KEYS", is_number=True),
    Column("CREATED"),
)


def add_actions(actions: SubParsers) -> None:
    """Add these to the actions of ``key``."""
    add_action(actions, "signing", "list the signing keys", signing)
    add_action(
        actions,
        "rotate-signing",
        "sign new access keys with a new signing key; all others go on",
        rotate,
    )
    drop_ = add_action(
        actions,
        "drop-signing",
        "emergency: forget a signing key, and end all access keys under it",
        drop,
    )
    drop_.add_argument("kid", metavar="KID", help="see cfos-cloud key signing")
    drop_.add_argument("--yes", action="store_true", help="do not ask")


def signing(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        keys = await session.client.signing_keys()
        for_people = session.output.for_people
        session.output.items(keys, COLUMNS, [_row(key, for_people) for key in keys])

    return work


def rotate(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        key = await session.client.rotate_signing_key()
        session.output.document(
            key,
            f"New access keys are signed with {key['kid']} from now on.",
            "Those that are there already go on until they end.",
        )

    return work


def drop(arguments: argparse.Namespace) -> Work:

    async def work(session: Session) -> None:
        kid = arguments.kid
        found = [
            key for key in await session.client.signing_keys() if key["kid"] == kid
        ]
        if not found:
            raise ToolError(f"there is no signing key {escape(kid)}")
        count = found[0]["keys"]
        number = number_of_keys(count)
        ask(
            arguments,
            f"Drop {kid}? {number} under it, of all systems, "
            f"{'ends' if count == 1 else 'end'} at once, for good.",
            f"{kid} is not dropped",
        )
        await session.client.drop_signing_key(kid)
        session.output.document(
            {"dropped": kid, "keys": count},
            f"{kid} is dropped; {number} under it {'is' if count == 1 else 'are'} over",
        )

    return work


def _row(key: Object, for_people: bool) -> Sequence[str]:
    created = local_time(key["created"]) if for_people else key["created"]
    return (key["kid"], text(key["current"]), str(key["keys"]), created)
