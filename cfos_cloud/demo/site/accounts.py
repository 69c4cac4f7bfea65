"""Who may use the site: its admin password, and its users by their IDs."""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.device.admin_password import (
    MAX_PASSWORD_LENGTH,
    AdminPassword,
    AdminPasswordError,
)
from cfos_cloud.device.argon2_hash import SALT_BYTES, Argon2Hash, Recipe
from cfos_cloud.device.user_tool import UsersFile
from cfos_cloud.device.users import ADMIN, Users, UsersError
from cfos_cloud.secret_files import write_secret
from cfos_cloud.workers import Worker

MIN_PASSWORD_LENGTH = 8
#: Seconds for which a secret that proved right need not be proven again, and how
#: many of them are remembered: browsers send theirs with every request.
REMEMBER_SECONDS = 300.0
MAX_REMEMBERED = 256

ADMIN_FILE = "admin-password"
USERS_FILE = "users"


@dataclass(frozen=True)
class Account:
    """Who somebody has proven to be; ``name`` is ``admin`` or a user's."""

    name: str
    is_admin: bool


@dataclass(frozen=True)
class _Proof:
    account: Account
    #: What it was proven by: once that has changed, it proves nothing.
    by: AdminPassword | Argon2Hash
    until: float


class Accounts:
    """
    Both files are also read by the device end, which follows their changes. While
    one is broken, nobody gets in by it.

    :param seconds: a clock that never goes back.
    :param worker: computes hashes and writes files.
    """

    log = Logger()

    def __init__(
        self,
        directory: Path,
        worker: Worker,
        seconds: Callable[[], float],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.admin_file = directory / ADMIN_FILE
        self.users_file = directory / USERS_FILE
        self._worker = worker
        self._seconds = seconds
        self._random = random
        self._key = random(32)
        self._proofs: OrderedDict[bytes, _Proof] = OrderedDict()
        #: Grows with each change of the admin password.
        self.generation = 0

    # who there is

    @property
    def admin_password_set(self) -> bool:
        """Whether anybody may log in through the cloud at all."""
        return self._admin().is_set

    @property
    def user_names(self) -> list[str]:
        """In the order in which they were added."""
        return list(self._users().hashes)

    # proofs

    async def prove(self, user: str, secret: str) -> Account | None:
        """
        The account of somebody who gave ``user`` and ``secret``: ``admin`` with the
        admin password, or anything else with a user ID.

        :raises Overloaded: so much is being proven that this must wait.
        """
        if len(secret) > MAX_PASSWORD_LENGTH:
            return None
        admin, users = self._admin(), self._users()
        is_admin = user == ADMIN
        key = hmac.digest(
            self._key, f"{is_admin} {secret}".encode("utf-8", "surrogatepass"), "sha256"
        )
        known = self._remembered(key, admin, users)
        if known is not None:
            return known
        if is_admin:
            if not await self._worker.run(_matches, admin, secret):
                return None
            return self._remember(key, Account(ADMIN, True), admin)
        name = await self._worker.run(users.match, secret.strip())
        if name is None:
            return None
        return self._remember(key, Account(name, False), users.hashes[name])

    def _remember(
        self, key: bytes, account: Account, by: AdminPassword | Argon2Hash
    ) -> Account:
        self._proofs[key] = _Proof(account, by, self._seconds() + REMEMBER_SECONDS)
        while len(self._proofs) > MAX_REMEMBERED:
            self._proofs.popitem(last=False)
        return account

    def _remembered(
        self, key: bytes, admin: AdminPassword, users: Users
    ) -> Account | None:
        proof = self._proofs.get(key)
        if proof is None:
            return None
        account = proof.account
        by = admin if account.is_admin else users.hashes.get(account.name)
        if by != proof.by or self._seconds() >= proof.until:
            del self._proofs[key]
            return None
        return account

    # changes

    async def change_admin_password(self, old: str, new: str) -> bool:
        """
        Whether ``old`` was right; then ``new`` is on the disk, as a hash. Empty: none
        is set any more.

        :raises OSError: it can't be written; the old one stays.
        """
        right = await self._worker.run(_matches, self._admin(), old)
        if right:
            recipe = Recipe(self._random(SALT_BYTES))
            await self._worker.run(write_admin_password, self.admin_file, new, recipe)
            self.generation += 1
        return right

    async def add_user(self, name: str) -> str:
        """
        The ID of a new user, who can use it at once.

        :raises UserToolError: there is such a user, or the file can't be used.
        """
        return await self._worker.run(UsersFile(self.users_file).add, name)

    async def remove_user(self, name: str) -> None:
        """
        :raises UserToolError: there is no such user, or the file can't be used.
        """
        await self._worker.run(UsersFile(self.users_file).remove, name)

    # files

    def _admin(self) -> AdminPassword:
        try:
            return AdminPassword.load(self.admin_file)
        except AdminPasswordError as error:
            self.log.error("{why}: nobody is let in by it", why=str(error))
            # set, and not to be matched: a broken file must not open the site
            return AdminPassword(hash=_NOBODY)

    def _users(self) -> Users:
        try:
            return Users.load(self.users_file)
        except UsersError as error:
            self.log.error("{why}: nobody is let in by it", why=str(error))
            return Users()


#: The hash of nothing that anybody could say.
_NOBODY = Argon2Hash(Recipe(bytes(SALT_BYTES)), b"")


def _matches(admin: AdminPassword, secret: str) -> bool:
    """While no password is set, the empty one is right, as on a new device."""
    return admin.matches(secret) if admin.is_set else secret == ""


def write_admin_password(path: Path, password: str, recipe: Recipe | None) -> None:
    """
    Keep the admin password in ``path``: as a hash by ``recipe``, or as it is.

    :raises OSError: it can't be written.
    """
    kept = str(recipe.hash(password)) if recipe and password else password
    write_secret(path, f"{kept}\n")


def password_problem(password: str) -> str | None:
    """What is wrong with a new admin password, as a code; ``None``: nothing is."""
    if password == "":
        return None
    if len(password) < MIN_PASSWORD_LENGTH:
        return "too-short"
    if len(password) > MAX_PASSWORD_LENGTH:
        return "too-long"
    if not password.isprintable() or password.startswith("$argon2"):
        return "invalid"
    return None if password.strip() else "invalid"
