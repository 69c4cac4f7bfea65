"""What the operator's tool logs in with."""

from __future__ import annotations

import argparse
import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.passwords import secret_from

#: An access key, where neither option says what to log in with.
KEY_VARIABLE = "CFOS_CLOUD_KEY"

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}\Z")


@dataclass(frozen=True)
class Credentials:
    """
    :ivar authorization: the field of that name (RFC 9110 §11.6.2).
    :ivar name: what they are, for who reads that they are refused.
    """

    authorization: str = field(repr=False)
    name: str

    @classmethod
    def by_password(cls, password: str) -> Credentials:
        encoded = base64.b64encode(f"admin:{password}".encode()).decode("ascii")
        return cls(f"Basic {encoded}", "the admin password")

    @classmethod
    def by_key(cls, key: str) -> Credentials:
        return cls(f"Bearer {key}", "the access key")


def credentials_of(
    arguments: argparse.Namespace,
    environment: Mapping[str, str],
    password: Callable[[], str],
) -> Credentials:
    """
    The access key of ``--key-file``; else, unless ``--admin-password-file`` is there,
    the one in the environment; else the password.

    :raises BadUsage: what was named is no access key.
    """
    if arguments.key_file is not None:
        path = arguments.key_file
        return Credentials.by_key(_checked(secret_from(path), str(path)))
    if environment.get(KEY_VARIABLE) and arguments.admin_password_file is None:
        key = environment[KEY_VARIABLE].strip()
        return Credentials.by_key(_checked(key, f"the variable {KEY_VARIABLE}"))
    return Credentials.by_password(password())


def _checked(key: str, where: str) -> str:
    if not _KEY.match(key):
        raise BadUsage(f"{where} has no access key in it")
    return key
