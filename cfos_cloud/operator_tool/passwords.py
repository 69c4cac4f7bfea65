"""The admin password of whoever runs the tool."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.secret_files import SecretFileError, read_secret

VARIABLE = "CFOS_CLOUD_ADMIN_PASSWORD"


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
    ask: Callable[[str], str] = getpass.getpass,
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
    try:
        password = ask("Admin password: ")
    except EOFError:
        password = ""
    if not password:
        raise BadUsage("no admin password was given")
    return password
