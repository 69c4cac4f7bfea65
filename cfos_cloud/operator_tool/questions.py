"""What a command asks before it does what can't be taken back."""

from __future__ import annotations

import argparse
import sys

from cfos_cloud.operator_tool.errors import BadUsage, ToolError


def check_can_ask(arguments: argparse.Namespace) -> None:
    """
    :raises BadUsage: there is neither ``--yes`` nor a terminal.
    """
    if not arguments.yes and not sys.stdin.isatty():
        raise BadUsage("there is no terminal to ask at; --yes does it without asking")


def ask(arguments: argparse.Namespace, question: str, otherwise: str) -> None:
    """
    Go on if the person says yes, or said ``--yes`` before.

    :raises ToolError: they do not; its line is ``otherwise``.
    """
    if arguments.yes:
        return
    print(f"{question} (yes/no) ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise ToolError(otherwise)
