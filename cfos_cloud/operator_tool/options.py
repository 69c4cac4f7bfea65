"""What the commands of the operator's tool have in common."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.credentials import KEY_VARIABLE
from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.exit_statuses import EXIT_STATUSES
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.passwords import VARIABLE
from cfos_cloud.operator_tool.server_address import DEFAULT

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]


@dataclass(frozen=True)
class Session:
    """
    What a command works with.

    :ivar remember_key: the server has the key of this pin from now on.
    :ivar password: the admin password, asked for once if need be; raises
        :class:`BadUsage` where it can't be.
    :ivar curl_options: with which curl trusts the server as this tool does.
    """

    client: OperatorClient
    output: Output
    remember_key: Callable[[str], None]
    password: Callable[[], str]
    curl_options: Callable[[], list[str]]


#: Does what was asked and prints what came of it; gives an exit status other than 0.
Work = Callable[[Session], Awaitable[int | None]]
#: What a command line asks for, checked as far as that needs no server.
Prepare = Callable[[argparse.Namespace], Work]


def add_action(
    actions: SubParsers, name: str, help_: str, prepare: Prepare
) -> argparse.ArgumentParser:
    """A parser of a command, with all options that every one has."""
    parser = actions.add_parser(
        name,
        help=help_,
        description=help_[:1].upper() + help_[1:] + ".",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser)
    parser.set_defaults(prepare=prepare, says_as=parser.prog)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Which server, how it is known, and how the answer is printed."""
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
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="log in with the access key in FILE, of role admin; "
        f"default: the variable {KEY_VARIABLE}, else with the admin password",
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


def cloud_id_of(arguments: argparse.Namespace) -> str:
    """
    :raises BadUsage: it is none.
    """
    text: str = arguments.cloud_id
    try:
        check_cloud_id(text)
    except InvalidCloudID as error:
        raise BadUsage(f"{text!r}: {error}") from error
    return text
