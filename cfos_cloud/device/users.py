"""
The users of a device end: people who log in with a user ID.

The file has one user a line, ``NAME:HASH`` or ``NAME:HASH:DEVICE,DEVICE``: the hash as
an argon2id PHC string, and the further devices of the site that the user may see
beside the main one; without them that one only. Empty lines and lines that start with
``#`` say nothing. A log-in brings the user
ID only, no name, so every different salt in the file costs one computation: the
tool that writes the file gives all its lines the same salt.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import urandom
from pathlib import Path
from types import MappingProxyType

from argon2.exceptions import HashingError

from cfos_cloud.device.argon2_hash import (
    SALT_BYTES,
    Argon2Hash,
    InvalidHash,
    Recipe,
)
from cfos_cloud.device.further import InvalidFurther, check_device_name
from cfos_cloud.secret_files import SecretFileError, read_secret_if_any

#: Different salts and costs in one file; a log-in computes each of them.
MAX_RECIPES = 8

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?\Z", re.ASCII)
_USER_ID = re.compile(r"[A-Za-z0-9-]{10,64}\Z", re.ASCII)
#: The name that a log-in as administrator has.
ADMIN = "admin"


class UsersError(Exception):
    """The users can't be had from their file; one line, naming file and line."""


def check_user_name(text: str) -> str:
    """
    Return ``text`` unchanged if it can name a user: 1 to 64 of ``A-Z a-z 0-9 . _ @
    -``, a letter or digit first and last, and not ``admin``.

    :raises ValueError: otherwise, with a message of one line.
    """
    if _NAME.match(text) is None:
        raise ValueError(
            "a user's name is 1 to 64 letters, digits and . _ @ -, "
            "with a letter or digit first and last"
        )
    if text.lower() == ADMIN:
        raise ValueError("'admin' can't name a user")
    return text


def check_user_id(text: str) -> str:
    """
    Return ``text`` unchanged if it can be a user ID: 10 to 64 of ``A-Z a-z 0-9 -``.

    :raises ValueError: otherwise, with a message that doesn't repeat it.
    """
    if _USER_ID.match(text) is None:
        raise ValueError("a user ID is 10 to 64 digits, letters and '-'")
    return text


@dataclass(frozen=True)
class UserEntry:
    """One user; ``devices`` are further ones of the site."""

    name: str
    hash: Argon2Hash
    devices: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The line."""
        devices = f":{','.join(sorted(self.devices))}" if self.devices else ""
        return f"{self.name}:{self.hash}{devices}"


@dataclass(frozen=True)
class Users:
    """
    The users of one moment, their hashes by name; and the further devices of those who
    may see any.
    """

    hashes: Mapping[str, Argon2Hash] = field(
        default_factory=lambda: MappingProxyType({})
    )
    devices: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @classmethod
    def load(cls, path: str | Path | None) -> Users:
        """
        The users in the file; none if ``path`` is ``None`` or there is no file.

        :raises UsersError: unreadable, or broken as :meth:`parse` says.
        """
        try:
            text = read_secret_if_any(path)
        except SecretFileError as error:
            raise UsersError(str(error)) from error
        return cls() if text is None else cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str) -> Users:
        """
        The users in ``text``, which came from the file ``source``.

        :raises UsersError: a line is no user, a name comes twice (in any case of
            letters), or there are more than 8 different salts and costs.
        """
        hashes: dict[str, Argon2Hash] = {}
        devices: dict[str, frozenset[str]] = {}
        names: set[str] = set()
        recipes: set[Recipe] = set()
        for number, line in enumerate(text.split("\n"), start=1):
            try:
                entry = parse_line(line)
                if entry is None:
                    continue
                name, hash_ = entry.name, entry.hash
                if name.lower() in names:
                    raise ValueError(f"user {name} comes twice")
                recipes.add(hash_.recipe)
                if len(recipes) > MAX_RECIPES:
                    raise ValueError(
                        f"more than {MAX_RECIPES} different salts or costs; "
                        "give the users one in common"
                    )
            except ValueError as error:
                raise UsersError(f"{source}, line {number}: {error}") from error
            names.add(name.lower())
            hashes[name] = hash_
            if entry.devices:
                devices[name] = entry.devices
        return cls(MappingProxyType(hashes), MappingProxyType(devices))

    def entry(self, name: str) -> UserEntry | None:
        """All that there is of a user; ``None``: there is no such user."""
        hash_ = self.hashes.get(name)
        if hash_ is None:
            return None
        return UserEntry(name, hash_, self.devices.get(name, frozenset()))

    def match(self, user_id: str) -> str | None:
        """
        The name of the user whose ID this is. Costs one computation for each
        different salt, one too where there are no users; call it in a thread. What
        it costs doesn't depend on whether the ID is known.
        """
        found: str | None = None
        computed: dict[Recipe, bytes] = {}
        for recipe in {hash_.recipe for hash_ in self.hashes.values()} or {_DECOY}:
            try:
                computed[recipe] = recipe.digest(user_id)
            except HashingError:  # no memory: nobody is known by it
                computed[recipe] = b""
        for name, hash_ in self.hashes.items():
            if hmac.compare_digest(computed[hash_.recipe], hash_.digest):
                found = name
        return found

    def recipe(self, random: Callable[[int], bytes] = urandom) -> Recipe:
        """The recipe for one more user: the first user's, else one of a new salt."""
        for hash_ in self.hashes.values():
            return hash_.recipe
        return Recipe(random(SALT_BYTES))


#: Computed in vain where there are no users.
_DECOY = Recipe(bytes(SALT_BYTES))


def parse_devices(text: str) -> frozenset[str]:
    """
    The names in ``meter,inverter``, none in an empty text.

    :raises InvalidFurther: one of them can't name a device.
    """
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    return frozenset(check_device_name(name) for name in names)


def parse_line(line: str) -> UserEntry | None:
    """
    The user that ``line`` is, ``None`` for an empty one or a comment.

    :raises ValueError: neither (:class:`InvalidHash` is one).
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    name, colon, text = line.partition(":")
    if not colon:
        raise ValueError("not NAME:HASH, nor NAME:HASH:DEVICES")
    name = check_user_name(name.strip())
    hash_, _, devices = text.partition(":")
    try:
        return UserEntry(name, Argon2Hash.parse(hash_.strip()), parse_devices(devices))
    except (InvalidHash, InvalidFurther) as error:
        raise ValueError(f"user {name}: {error}") from error
