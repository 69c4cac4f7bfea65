"""What a command asks before it does what can't be taken back."""

from __future__ import annotations

import argparse
import sys

from cfos_cloud.operator_tool.errors import ToolError


def may_ask(arguments: argparse.Namespace) -> bool:
    """
    Whether somebody is there to be asked, and has not said ``--yes``. A script, which
    has no terminal, means what it says.
    """
    return not arguments.yes and sys.stdin is not None and sys.stdin.isatty()


def ask(arguments: argparse.Namespace, question: str, otherwise: str) -> None:
    """
    Go on if the person at the terminal says yes; see :func:`may_ask`.

    :raises ToolError: they do not; its line is ``otherwise``.
    """
    if not may_ask(arguments):
        return
    print(f"{question} (yes/no) ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise ToolError(otherwise)
