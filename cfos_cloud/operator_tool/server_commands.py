"""``cfos-cloud status``, ``password`` and ``loglevel``: the server itself."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.logs import LEVELS
from cfos_cloud.operator_tool.certificate_text import lines_about
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.human import duration
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.passwords import new_admin_password

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

_INDENT = " " * 14
_LEVELS = {1: "errors", 2: "warnings", 3: "information", 4: "data"}


def add_parsers(subparsers: SubParsers) -> None:
    """Add these commands."""
    add_action(subparsers, "status", "how the server stands", status)
    password_ = add_action(
        subparsers, "password", "change the admin password", password
    )
    password_.add_argument(
        "--new-password-file",
        type=Path,
        metavar="FILE",
        help="the new password; default: it is asked for, twice",
    )
    level = add_action(
        subparsers, "loglevel", "show or change what the server's log has", loglevel
    )
    level.add_argument(
        "level",
        type=int,
        nargs="?",
        choices=LEVELS,
        help="1 errors, 2 warnings too, 3 information too, 4 data too",
    )


def status(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> int | None:
        client = session.client
        found, certificate = await client.status(), await client.certificate()
        level = await client.log_level()
        systems, database = found["systems"], found["database"]
        disabled = systems["total"] - systems["enabled"]
        session.output.document(
            {**found, "certificate": certificate, "loglevel": level},
            f"Server:       {client.server}, version {found['version']}",
            f"{_INDENT}up {duration(found['uptime'])}",
            f"Systems:      {systems['total']}, {systems['online']} online, "
            f"{disabled} disabled",
            f"Sessions:     {found['sessions']}",
            f"Database:     {'ok' if database['ok'] else 'does not answer'}",
            *lines_about(certificate),
            f"Log level:    {level} ({_LEVELS.get(level, '?')})",
        )
        return None if database["ok"] else ToolError.status

    return work


def password(arguments: argparse.Namespace) -> Work:
    # Asked for once, even if the work begins anew for a server's unknown key.
    @cache
    def new() -> str:
        return new_admin_password(arguments.new_password_file)

    if arguments.new_password_file is not None:
        new()

    async def work(session: Session) -> None:
        # An access key alone is not enough for this.
        await session.client.change_password(new(), session.password())
        session.output.document({"changed": True}, "The admin password is changed.")

    return work


def loglevel(arguments: argparse.Namespace) -> Work:
    async def work(session: Session) -> None:
        level = (
            await session.client.log_level()
            if arguments.level is None
            else await session.client.set_log_level(arguments.level)
        )
        session.output.document(
            {"loglevel": level}, f"{level} ({_LEVELS.get(level, '?')})"
        )

    return work
