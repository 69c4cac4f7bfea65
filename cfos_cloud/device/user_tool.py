"""``cfos-cloud device-user``: edits the users file of a device end."""

from __future__ import annotations

import argparse
import fcntl
import getpass
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.device.further import InvalidFurther
from cfos_cloud.device.users import (
    UserEntry,
    Users,
    UsersError,
    check_user_id,
    check_user_name,
    parse_devices,
    parse_line,
)
from cfos_cloud.secret_files import (
    MAX_SECRET_BYTES,
    SecretFileError,
    read_secret,
    write_secret,
)

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

GENERATED_DIGITS = 12
#: Seconds to wait for another edit to end.
LOCK_PATIENCE = 10.0

_HEADER = (
    "# Users of a cfos-device: NAME:HASH, argon2id hashes of their user IDs.\n"
    "# NAME:HASH:DEVICE,DEVICE: further devices of the site that the user may see.\n"
    "# Edit with: cfos-cloud device-user add|allow|list|remove --users-file FILE\n"
)


class UserToolError(Exception):
    """What was asked for can't be done; one line."""

    status = 1


class BadInput(UserToolError):
    """It makes no sense as it was asked."""

    status = 2


class UsersFile:
    """
    A users file that is edited: as a whole or not at all, by one at a time, and with
    its comments kept. All edits raise :class:`UserToolError`.
    """

    def __init__(self, path: Path) -> None:
        #: A link stays a link.
        self._path = path.resolve()

    def users(self) -> Users:
        """Who is in it; nobody where there is no file."""
        try:
            return Users.load(self._path)
        except UsersError as error:
            raise UserToolError(str(error)) from error

    def entries(self) -> list[UserEntry]:
        """Who is in it, in its order."""
        if not self._path.exists():  # more likely a mistyped name than no users
            raise UserToolError(f"there is no file {self._path}")
        users = self.users()
        return [entry for name in users.hashes if (entry := users.entry(name))]

    def add(
        self,
        name: str,
        user_id: str | None = None,
        devices: frozenset[str] = frozenset(),
    ) -> str:
        """
        Add a user and return the ID: ``user_id``, or a new one of 12 digits.

        :param devices: further ones of the site that the user may see.
        """
        try:
            check_user_name(name)
            if user_id is not None:
                check_user_id(user_id)
        except ValueError as error:
            raise BadInput(str(error)) from error
        with self._locked():
            users = self.users()
            if name.lower() in {known.lower() for known in users.hashes}:
                raise UserToolError(f"there is a user {name} already")
            if user_id is None:
                user_id = _generate_id()
                while users.match(user_id) is not None:
                    user_id = _generate_id()
            elif users.match(user_id) is not None:
                raise UserToolError("this user ID is in use")
            line = f"{UserEntry(name, users.recipe().hash(user_id), devices)}\n"
            text = self._text() or _HEADER
            text += "" if text.endswith("\n") else "\n"
            self._write(text + line)
        return user_id

    def allow(self, name: str, devices: frozenset[str]) -> None:
        """Change which further devices a user may see; the user's log-ins end."""
        with self._locked():
            entry = self.users().entry(name)
            if entry is None:
                raise UserToolError(f"there is no user {name}")
            new = str(UserEntry(name, entry.hash, devices))
            lines = self._text().split("\n")
            self._write("\n".join(new if _name(old) == name else old for old in lines))

    def remove(self, name: str) -> None:
        """Take a user out; the device end drops what the user has open."""
        with self._locked():
            if name not in self.users().hashes:
                raise UserToolError(f"there is no user {name}")
            kept = [line for line in self._text().split("\n") if _name(line) != name]
            self._write("\n".join(kept))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            directory = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise UserToolError(
                f"can't open {self._path.parent}: {error.strerror}"
            ) from error
        try:  # the file itself is replaced: a lock on it would lock the old one
            deadline = time.monotonic() + LOCK_PATIENCE
            while not _lock(directory):
                if time.monotonic() > deadline:
                    raise UserToolError(
                        f"somebody else keeps {self._path.parent} locked"
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(directory)

    def _text(self) -> str:
        if not self._path.exists():
            return ""
        try:
            text = read_secret(self._path)
        except SecretFileError as error:
            raise UserToolError(str(error)) from error
        return f"{text}\n" if text else ""

    def _write(self, text: str) -> None:
        if len(text.encode()) > MAX_SECRET_BYTES:
            raise UserToolError(f"{self._path} would get too large to be read")
        try:
            owner = (self._path if self._path.exists() else self._path.parent).stat()
            write_secret(self._path, text)
            if os.geteuid() == 0:  # under sudo: the device end must read it still
                os.chown(self._path, owner.st_uid, owner.st_gid)
        except OSError as error:
            raise UserToolError(
                f"can't write {self._path}: {error.strerror}"
            ) from error


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``device-user`` to the commands."""
    parser = subparsers.add_parser(
        "device-user", help="the users who may log in at a device end"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a user, by default with a new user ID")
    add.add_argument("name", metavar="NAME")
    source = add.add_mutually_exclusive_group()
    source.add_argument("--id-file", metavar="FILE", help="the user ID is in FILE")
    source.add_argument("--ask", action="store_true", help="ask for the user ID")
    allow = actions.add_parser(
        "allow", help="change which further devices of the site a user may see"
    )
    allow.add_argument("name", metavar="NAME")
    for action, required in ((add, False), (allow, True)):
        action.add_argument(
            "--devices",
            metavar="NAMES",
            required=required,
            default="",
            help="further devices that the user may see beside the main one: "
            "meter,inverter say, as in --also of the device end; '' for none",
        )
    remove = actions.add_parser("remove", help="remove a user")
    remove.add_argument("name", metavar="NAME")
    list_ = actions.add_parser("list", help="list the users")
    for action in (add, allow, list_, remove):
        action.add_argument(
            "--users-file", metavar="FILE", required=True, type=Path, dest="users_file"
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit status. An error is one line on stderr."""
    file = UsersFile(arguments.users_file)
    try:
        match arguments.action:
            case "add":
                _add(file, arguments)
            case "remove":
                file.remove(arguments.name)
                _say(arguments, {"removed": arguments.name}, [])
            case "allow":
                devices = _given_devices(arguments)
                file.allow(arguments.name, devices)
                named = {"name": arguments.name, "devices": sorted(devices)}
                _say(arguments, named, [])
            case _:
                entries = file.entries()
                _say(arguments, {"items": list(map(_shown, entries))}, _lines(entries))
    except UserToolError as error:
        print(f"cfos-cloud device-user: {error}", file=sys.stderr)
        return error.status
    return 0


def _add(file: UsersFile, arguments: argparse.Namespace) -> None:
    name = arguments.name
    given = _given_id(arguments)
    user_id = file.add(name, given, _given_devices(arguments))
    if given is None:
        _say(
            arguments,
            {"name": name, "user_id": user_id},
            [f"user ID of {name}, shown this once: {user_id}"],
        )
    else:
        _say(arguments, {"name": name}, [])


def _given_devices(arguments: argparse.Namespace) -> frozenset[str]:
    try:
        return parse_devices(arguments.devices)
    except InvalidFurther as error:
        raise BadInput(f"--devices: {error}") from error


def _shown(entry: UserEntry) -> dict[str, object]:
    shown: dict[str, object] = {"name": entry.name}
    return shown | ({"devices": sorted(entry.devices)} if entry.devices else {})


def _lines(entries: list[UserEntry]) -> list[str]:
    """A name a line, and what else the user may see."""
    return [
        "\t".join((entry.name, *filter(None, [",".join(sorted(entry.devices))])))
        for entry in entries
    ]


def _given_id(arguments: argparse.Namespace) -> str | None:
    if arguments.id_file is not None:
        try:
            return read_secret(arguments.id_file)
        except SecretFileError as error:
            raise UserToolError(str(error)) from error
    if not arguments.ask:
        return None
    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask for the user ID; use --id-file")
    try:
        return getpass.getpass("User ID: ")
    except EOFError as error:
        raise BadInput("no user ID was given") from error


def _say(
    arguments: argparse.Namespace, document: dict[str, object], lines: list[str]
) -> None:
    for line in [json.dumps(document)] if arguments.json else lines:
        print(line)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(line: str) -> str | None:
    entry = parse_line(line)
    return None if entry is None else entry.name


def _generate_id() -> str:
    return f"{secrets.randbelow(10**GENERATED_DIGITS):0{GENERATED_DIGITS}}"
