"""``cfos-cloud system add|list|show|disable|enable|remove``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from treq.client import HTTPClient
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold
from cfos_cloud.device.pins import PinFile
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.errors import BadUsage, ToolError
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.passwords import VARIABLE, admin_password, secret_from
from cfos_cloud.operator_tool.server_address import DEFAULT, ServerAddress
from cfos_cloud.operator_tool.trust import (
    CAFileTrust,
    FirstUseTrust,
    KnownKeys,
    NoTrust,
)

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``system`` to the commands."""
    parser = subparsers.add_parser("system", help="the systems of a server")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a system, by default with a new password")
    list_ = actions.add_parser("list", help="list all systems")
    show = actions.add_parser("show", help="show a system")
    disable = actions.add_parser("disable", help="refuse a system's device")
    enable = actions.add_parser("enable", help="admit a system's device again")
    remove = actions.add_parser("remove", help="remove a system")
    for action in (add, show, disable, enable, remove):
        action.add_argument("cloud_id", metavar="CLOUD-ID")
    add.add_argument("--name", default="", help="what people call it")
    add.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="a Cloud password of your own, at least 12 characters",
    )
    remove.add_argument("--yes", action="store_true", help="do not ask")
    for action in (add, list_, show, disable, enable, remove):
        _add_common(action)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--server", default=DEFAULT, metavar="URL", help=f"default: {DEFAULT}"
    )
    parser.add_argument(
        "--admin-password-file",
        type=Path,
        metavar="FILE",
        help=f"default: the variable {VARIABLE}, else it is asked for",
    )
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument(
        "--cafile", type=Path, metavar="FILE", help="trust the CAs in FILE alone"
    )
    trust.add_argument(
        "--accept-new-key",
        action="store_true",
        help="the server's key has changed, and that is right",
    )
    trust.add_argument(
        "--insecure", action="store_true", help="send the password to anybody"
    )


async def run(reactor: Any, arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit status. An error is one line on stderr."""
    try:
        await _run(reactor, arguments)
    except ToolError as error:
        print(f"cfos-cloud system: {error}", file=sys.stderr)
        return error.status
    return 0


async def _run(reactor: Any, arguments: argparse.Namespace) -> None:
    output = Output(arguments.json)
    server = ServerAddress.parse(arguments.server)
    policy = _policy(server, arguments)
    cloud_password = None
    if arguments.action != "list":
        _check_cloud_id(arguments.cloud_id)
    if arguments.action == "add" and arguments.password_file is not None:
        cloud_password = secret_from(arguments.password_file)
    if arguments.action == "remove" and not arguments.yes:
        _confirm(arguments.cloud_id)
    password = admin_password(arguments.admin_password_file, os.environ)
    pool = HTTPConnectionPool(reactor)
    agent = Agent(reactor, policy, pool=pool)
    client = OperatorClient(HTTPClient(agent), server, password)
    try:
        await perform(client, arguments, cloud_password, output)
    finally:
        await pool.closeCachedConnections()


async def perform(
    client: OperatorClient,
    arguments: argparse.Namespace,
    cloud_password: str | None,
    output: Output,
) -> None:
    """
    Ask for it and print what came of it.

    :raises ToolError: it can't be done.
    """
    match arguments.action:
        case "list":
            output.systems([system async for system in client.systems()])
        case "add":
            system = await client.add(
                arguments.cloud_id, cloud_password, arguments.name
            )
            lines = [f"Cloud ID:       {system['cloud_id']}"]
            if "password" in system:
                lines.append(f"Cloud password: {system['password']}")
                lines.append("The password is shown this once; it goes to the device.")
            output.document(system, *lines)
        case "show":
            output.system(await client.show(arguments.cloud_id))
        case "enable" | "disable" as action:
            system = await client.set_enabled(arguments.cloud_id, action == "enable")
            output.document(system, f"{system['cloud_id']} is {action}d")
        case "remove":
            await client.remove(arguments.cloud_id)
            output.document(
                {"removed": arguments.cloud_id}, f"{arguments.cloud_id} is removed"
            )


def _policy(server: ServerAddress, arguments: argparse.Namespace) -> IPolicyForHTTPS:
    if server.scheme == "http" and not (server.is_loopback or arguments.insecure):
        raise BadUsage(
            f"{server} would get the password in the clear; use https, or --insecure"
        )
    if arguments.insecure:
        return NoTrust()
    if arguments.cafile is not None:
        return CAFileTrust(arguments.cafile)
    pins = PinFile(platformdirs.user_state_path("cfos-cloud"))
    return FirstUseTrust(server, KnownKeys(pins, arguments.accept_new_key, _say))


def _check_cloud_id(text: str) -> None:
    try:
        check_cloud_id(text)
    except InvalidCloudID as error:
        raise BadUsage(f"{text!r}: {error}") from error


def _confirm(cloud_id: str) -> None:
    if not sys.stdin.isatty():
        raise BadUsage("there is no terminal to ask at; --yes removes without asking")
    print(
        f"Remove {cloud_id}? Type its Cloud ID: ", end="", file=sys.stderr, flush=True
    )
    if fold(sys.stdin.readline().strip()) != fold(cloud_id):
        raise ToolError(f"{cloud_id} is not removed")


def _say(line: str) -> None:
    print(line, file=sys.stderr)
