"""The commands ``cfos-cloud`` and ``charging_manager``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any, NoReturn

from cfos_cloud import __version__, charging_manager
from cfos_cloud.operator_tool.exit_statuses import EXIT_STATUSES
from cfos_cloud.twistd_command import child_environment, twistd_command

#: Exit statuses: bad usage, and Ctrl-C as shells count it.
USAGE = 2
INTERRUPTED = 130

#: The module of each command. What a command does not need is not imported for it: all
#: their libraries together take longer than most commands do.
_MODULES = {
    "cfos_cloud.operator_tool.commands": (
        *("system", "key", "status", "cert", "certificates", "password"),
        *("loglevel", "events"),
    ),
    "cfos_cloud.operator_tool.backup_command": ("backup", "restore"),
    "cfos_cloud.device.user_tool": ("device-user",),
    "cfos_cloud.device.check": ("device-check",),
    "cfos_cloud.device.fingerprint_tool": ("device-fingerprint",),
    "cfos_cloud.demo.command": ("demo",),
    "cfos_cloud.demo.site_command": ("demo-site",),
}

AsyncCommand = Callable[[Any, argparse.Namespace], Coroutine[Any, Any, int]]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line on stderr and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        self.exit(USAGE, f"{self.prog}: {line} (see {self.prog} --help)\n")


def modules_for(words: Sequence[str]) -> list[str]:
    """Those that can understand this command line: one, or all if that is not clear."""
    for module, commands in _MODULES.items():
        if words and words[0] in commands:
            return [module]
    return list(_MODULES)


def make_parser(modules: Sequence[str] = tuple(_MODULES)) -> Parser:
    """
    The parser of ``cfos-cloud``, with the commands of these modules; ``run`` of what it
    gives is the command's own.
    """
    parser = Parser(
        prog="cfos-cloud",
        description="Remote access for energy devices: the tools.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"cfos-cloud {__version__}"
    )
    commands = parser.add_subparsers(
        dest="command",
        required=True,
        metavar="COMMAND",
    )
    for name in modules:
        module = import_module(name)
        before = set(commands.choices)
        module.add_parsers(commands)
        for command in set(commands.choices) - before:
            commands.choices[command].set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """``cfos-cloud``; exits."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str], says_as: str | None = None) -> int:
    """
    Run ``cfos-cloud`` with these arguments; the exit status. ``says_as`` is what an
    error begins with, if not the command.
    """
    arguments = make_parser(modules_for(argv)).parse_args(argv)
    if says_as is not None:
        arguments.says_as = says_as
    try:
        if iscoroutinefunction(arguments.run):
            return run_async(arguments.run, arguments)
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more goes there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def run_async(command: AsyncCommand, arguments: argparse.Namespace) -> int:
    """Run a command within the reactor; the exit status."""
    # What is wrong with a command line is said without Twisted.
    from twisted.internet.task import react

    statuses: list[int] = []
    errors: list[BaseException] = []

    async def within(reactor: object) -> None:
        try:
            statuses.append(await command(reactor, arguments))
        except Exception as error:
            errors.append(error)

    try:
        react(within)
    except SystemExit:
        if errors and isinstance(errors[0], BrokenPipeError):
            raise errors[0] from None
        if errors:
            kind = type(errors[0]).__name__
            print(f"cfos-cloud: unexpected {kind}: {errors[0]}", file=sys.stderr)
            return 1
        # No status: the reactor was stopped by a signal.
        return statuses[0] if statuses else INTERRUPTED


def charging_manager_main(argv: Sequence[str] | None = None) -> NoReturn:
    """``charging_manager``: becomes the server's process, or imports a certificate."""
    words = sys.argv[1:] if argv is None else argv
    if charging_manager.wants_help(words):
        print(charging_manager.USAGE, end="")
        sys.exit(0)
    try:
        if charging_manager.is_cloud_cert(words):
            imports = charging_manager.certificate_arguments(words)
            sys.exit(run(imports, "charging_manager cloud_cert"))
        options = charging_manager.server_arguments(words)
    except charging_manager.BadCommandLine as error:
        print(f"charging_manager: {error}", file=sys.stderr)
        sys.exit(USAGE)
    command = twistd_command("-n", "--pidfile=", "cfos-cloud", *options)
    os.execve(command[0], command, child_environment())  # noqa: S606 - no shell
