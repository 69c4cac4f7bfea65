"""Passwords of whoever runs the tool."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.secret_files import SecretFileError, read_secret

VARIABLE = "CFOS_CLOUD_ADMIN_PASSWORD"

Ask = Callable[[str], str]


def secret_from(path: Path) -> str:
    """
    What is in the file, which is not nothing.

    :raises BadUsage: it can't be read, or is empty.
    """
    try:
        secret = read_secret(path)
    except SecretFileError as error:
        raise BadUsage(str(error)) from error
    if not secret:
        raise BadUsage(f"{path} is empty")
    return secret


def admin_password(
    path: Path | None,
    environment: Mapping[str, str],
    ask: Ask = getpass.getpass,
) -> str:
    """
    From the file, else from the environment, else from the person at the terminal.

    :raises BadUsage: there is none of them.
    """
    if path is not None:
        return secret_from(path)
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    if not sys.stdin.isatty():
        raise BadUsage(
            "the admin password is needed: --admin-password-file FILE, "
            f"the variable {VARIABLE}, or a terminal to ask at"
        )
    password = _answer(ask, "Admin password: ")
    if not password:
        raise BadUsage("no admin password was given")
    return password


def new_admin_password(path: Path | None, ask: Ask = getpass.getpass) -> str:
    """
    From the file, else twice from the person at the terminal.

    :raises BadUsage: there is neither, or the two are not the same.
    """
    if path is not None:
        return secret_from(path)
    if not sys.stdin.isatty():
        raise BadUsage(
            "the new password is needed: --new-password-file FILE, "
            "or a terminal to ask at"
        )
    password = _answer(ask, "New admin password: ")
    if not password:
        raise BadUsage("no new password was given")
    if _answer(ask, "The same once more: ") != password:
        raise BadUsage("the two are not the same; nothing has changed")
    return password


def _answer(ask: Ask, prompt: str) -> str:
    try:
        return ask(prompt)
    except EOFError:
        return ""
