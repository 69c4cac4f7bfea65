"""``cfos-cloud system|key|status|cert|certificates|password|loglevel|events``."""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from cfos_cloud.operator_tool import (
    certificate_command,
    certificate_commands,
    event_command,
    key_commands,
    server_commands,
    system_commands,
)
from cfos_cloud.operator_tool.api import OperatorAPI
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.connection import Connection, ask_at_terminal
from cfos_cloud.operator_tool.credentials import credentials_of
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.options import Session, Work
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.passwords import admin_password
from cfos_cloud.operator_tool.server_address import ServerAddress

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers


def add_parsers(subparsers: SubParsers) -> None:
    """Add the operator's commands."""
    for module in (
        system_commands,
        key_commands,
        server_commands,
        certificate_command,
        certificate_commands,
        event_command,
    ):
        module.add_parsers(subparsers)


async def run(reactor: Any, arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit status. An error is one line on stderr."""
    try:
        return await _run(reactor, arguments)
    except ToolError as error:
        print(f"{arguments.says_as}: {error}", file=sys.stderr)
        return error.status


async def _run(reactor: Any, arguments: argparse.Namespace) -> int:
    output = Output(arguments.json)
    # First, for it may know the server's address better.
    work: Work = arguments.prepare(arguments)
    server = ServerAddress.parse(arguments.server)
    confirm = ask_at_terminal if sys.stdin.isatty() else None
    connection = Connection(reactor, server, arguments, confirm)

    @cache
    def password() -> str:
        return admin_password(arguments.admin_password_file, os.environ)

    credentials = credentials_of(arguments, os.environ, password)
    session = Session(
        OperatorClient(OperatorAPI(connection.http, server, credentials)),
        output,
        connection.remember_key,
        password,
        connection.curl_options,
    )
    return await connection.through(lambda: perform(work, session)) or 0


async def perform(work: Work, session: Session) -> int | None:
    """
    :raises ToolError: it can't be done.
    """
    try:
        return await work(session)
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(
            f"{session.client.server} does not answer as an operator API of this "
            f"version does ({type(error).__name__}: {error})"
        ) from error
