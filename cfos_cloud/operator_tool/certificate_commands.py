"""``cfos-cloud certificates …``: several certificates side by side."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfos_cloud.logs import escape
from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.certificate_command import remember_served
from cfos_cloud.operator_tool.certificate_text import (
    COLUMNS,
    COLUMNS_FOR_PEOPLE,
    names_of,
    row,
    row_for_people,
)
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.questions import ask

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

#: Digits of a fingerprint that tell certificates apart well enough.
LEAST_DIGITS = 8


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``certificates`` to the commands."""
    parser = subparsers.add_parser(
        "certificates", help="the server's certificates, of which each name has its own"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_action(
        actions,
        "list",
        "list the certificates in use, the one that was imported last first",
        list_,
    )
    remove_ = add_action(
        actions,
        "remove",
        "remove an imported certificate with its key; open connections keep it",
        remove,
    )
    remove_.add_argument(
        "certificate",
        metavar="CERTIFICATE",
        help=f"its fingerprint, or {LEAST_DIGITS} digits of it or more, or a name that "
        "no other one is for",
    )
    remove_.add_argument("--yes", action="store_true", help="do not ask")


def list_(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        found = await session.client.certificates()
        if session.output.for_people:
            rows = [row_for_people(each) for each in found]
            session.output.items(found, COLUMNS_FOR_PEOPLE, rows)
            for each in found:
                for warning in each["warnings"]:
                    session.output.line(f"! {names_of(each)}: {warning['text']}")
        else:
            session.output.items(found, COLUMNS, [row(each) for each in found])

    return work


def remove(arguments: argparse.Namespace) -> Work:

    async def work(session: Session) -> None:
        found = _find(await session.client.certificates(), arguments.certificate)
        names = names_of(found)
        ask(
            arguments,
            f"Remove the certificate for {escape(names)}, with its key "
            f"(SHA-256 {found['fingerprint']})?",
            f"the certificate for {escape(names)} is not removed",
        )
        await session.client.remove_certificate(found["fingerprint"])
        await remember_served(session)
        session.output.document(
            {"removed": found["fingerprint"]},
            f"The certificate for {names} is removed.",
        )

    return work


def _find(certificates: Sequence[Object], wanted: str) -> Object:
    """
    :raises ToolError: none is meant, or more than one.
    """
    digits = wanted.replace(":", "").upper()
    found = [
        each
        for each in certificates
        if len(digits) >= LEAST_DIGITS
        and each["fingerprint"].replace(":", "").startswith(digits)
    ]
    name = wanted.lower()
    found = found or [
        each for each in certificates if name in map(str.lower, each["names"])
    ]
    if not found:
        raise ToolError(
            f"no certificate has this name or fingerprint: {escape(wanted)}"
        )
    if len(found) > 1:
        fingerprints = ", ".join(each["fingerprint"][:11] for each in found)
        raise ToolError(
            f"several certificates are for it, so give one of: {fingerprints}"
        )
    return found[0]
