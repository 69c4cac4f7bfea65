"""The files that decide who may log in at a device end, followed as they change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.device.admin_password import AdminPassword, AdminPasswordError
from cfos_cloud.device.grants import Grant, Grants
from cfos_cloud.device.users import ADMIN, Users, UsersError
from cfos_cloud.device.watched import Watched

#: Seconds between two looks, so that a change takes effect within one second.
POLL_SECONDS = 0.5


class CredentialsError(Exception):
    """A credentials file can't be used; one line, naming the file."""


@dataclass(frozen=True)
class CredentialsChange:
    """
    What has changed: the admin password, whether it is now empty (``closed``), and
    which users are gone, have another ID, or may see other devices.
    """

    admin: bool = False
    closed: bool = False
    users: frozenset[str] = frozenset()

    def drops(self, grant: Grant) -> bool:
        """Whether ``grant`` came from what is no longer so."""
        if self.closed:
            return True
        if grant.role == ADMIN:
            return self.admin
        return grant.user in self.users


class Credentials:
    """
    Admin password and users as they are now. While a file is broken it counts as
    empty: nobody logs in by it. What grants it has given is then decided when it can
    be read again.
    """

    log = Logger()

    def __init__(
        self,
        admin_file: Path | None,
        users_file: Path | None,
        on_change: Callable[[CredentialsChange], object] = lambda change: None,
    ) -> None:
        self.admin = AdminPassword()
        self.users = Users()
        self._admin_file = admin_file
        self._users_file = users_file
        self._on_change = on_change
        self._admin_watched = Watched(admin_file)
        self._users_watched = Watched(users_file)
        self._good_admin = self.admin
        self._good_users = self.users
        self._complaints: dict[Path | None, str] = {}

    def load(self) -> None:
        """
        Read both for the first time.

        :raises CredentialsError: either can't be used.
        """
        self._admin_watched.is_due()
        self._users_watched.is_due()
        try:
            self.admin = self._good_admin = AdminPassword.load(self._admin_file)
            self.users = self._good_users = Users.load(self._users_file)
        except (AdminPasswordError, UsersError) as error:
            raise CredentialsError(str(error)) from error

    def poll(self) -> None:
        """Read what has changed, and tell what that drops."""
        if self._admin_watched.is_due():
            self._read_admin()
        if self._users_watched.is_due():
            self._read_users()

    def _read_admin(self) -> None:
        try:
            new = AdminPassword.load(self._admin_file)
        except AdminPasswordError as error:
            self.admin = AdminPassword()
            self._complain(self._admin_file, str(error))
            return
        self._praise(self._admin_file)
        old, self._good_admin, self.admin = self._good_admin, new, new
        if new == old:
            return
        if new.is_set:
            self.log.info("the admin password has changed")
        else:
            self.log.warn("the admin password is empty now: every log-in is refused")
        self._on_change(CredentialsChange(admin=True, closed=not new.is_set))

    def _read_users(self) -> None:
        try:
            new = Users.load(self._users_file)
        except UsersError as error:
            self.users = Users()
            self._complain(self._users_file, str(error))
            return
        self._praise(self._users_file)
        old, self._good_users, self.users = self._good_users, new, new
        if new == old:
            return
        self.log.info("the users have changed, {count} now", count=len(new.hashes))
        dropped = frozenset(
            name for name in old.hashes if new.entry(name) != old.entry(name)
        )
        if dropped:
            self._on_change(CredentialsChange(users=dropped))

    def _complain(self, path: Path | None, why: str) -> None:
        if self._complaints.get(path) != why:
            self._complaints[path] = why
            self.log.error(
                "{why}; log-ins by it are refused until that is mended", why=why
            )

    def _praise(self, path: Path | None) -> None:
        if self._complaints.pop(path, None) is not None:
            self.log.info("{path} can be read again", path=str(path))


class CredentialsWatch(Service):
    """
    Ends grants in time: by their own, and by their credentials. ``more`` is looked at
    as often.
    """

    log = Logger()

    def __init__(
        self,
        credentials: Credentials,
        grants: Grants,
        clock: IReactorTime,
        *more: Callable[[], object],
    ) -> None:
        self._credentials = credentials
        self._grants = grants
        self._more = more
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def startService(self) -> None:
        super().startService()
        self._loop.start(POLL_SECONDS, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        for look in (self._credentials.poll, self._grants.sweep, *self._more):
            try:
                look()
            except Exception:  # a loop that ended would never revoke again
                self.log.failure("the credentials could not be looked at")
