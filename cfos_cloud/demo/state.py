"""What a demonstration keeps in its directory: passwords, users, logs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cfos_cloud import cloud_password
from cfos_cloud.device.user_tool import UsersFile
from cfos_cloud.secret_files import read_secret, write_secret

USER = "guest"


@dataclass(frozen=True)
class DemoState:
    """A directory, and what is in it after :meth:`prepare`."""

    directory: Path

    @property
    def operator_password(self) -> Path:
        """The server's admin password."""
        return self.directory / "operator-password"

    @property
    def cloud_password(self) -> Path:
        """What device end and server share."""
        return self.directory / "cloud-password"

    @property
    def admin_password(self) -> Path:
        """The device end's admin password."""
        return self.directory / "admin-password"

    @property
    def users(self) -> Path:
        """The device end's users file."""
        return self.directory / "users"

    @property
    def user_id(self) -> Path:
        """The ID of the one user in it, to be shown at each start."""
        return self.directory / "user-id"

    @property
    def logs(self) -> Path:
        """Where the processes' logs are."""
        return self.directory / "logs"

    def prepare(self) -> None:
        """
        Make what isn't there yet.

        :raises OSError: the directory can't be used.
        :raises SecretFileError: a file in it can't.
        :raises UserToolError: the users file can't.
        """
        for directory in (self.directory, self.logs):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, secret in (
            (self.operator_password, secrets.token_urlsafe(15)),
            (self.cloud_password, cloud_password.generate()),
            (self.admin_password, secrets.token_hex(6)),
        ):
            if not path.exists():
                write_secret(path, f"{secret}\n")
        self._prepare_user()

    def _prepare_user(self) -> None:
        file = UsersFile(self.users)
        users = file.users()
        if self.user_id.exists():
            user_id = read_secret(self.user_id)
            if users.match(user_id) == USER:
                return
        if USER in users.hashes:
            file.remove(USER)
        write_secret(self.user_id, f"{file.add(USER)}\n")
