"""The directory of a simulated site: made at the first start, kept from then on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cfos_cloud.demo.site.accounts import (
    ADMIN_FILE,
    USERS_FILE,
    write_admin_password,
)
from cfos_cloud.demo.site.settings import SiteSettings, new_serial
from cfos_cloud.demo.site.store import load_settings, save_settings
from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.user_tool import UsersFile
from cfos_cloud.secret_files import read_secret, write_secret

#: The user whom a new site has, and the wallbox of theirs.
USER = "guest"
USER_WALLBOX = "E1"


@dataclass(frozen=True)
class SiteDirectory:
    """A directory, and what is in it after :meth:`prepare`."""

    directory: Path

    @property
    def admin_password(self) -> Path:
        """The site's admin password, plain as long as nobody has set another."""
        return self.directory / ADMIN_FILE

    @property
    def users(self) -> Path:
        """The users, with hashes of their IDs."""
        return self.directory / USERS_FILE

    @property
    def user_id(self) -> Path:
        """The ID of the first user, to be shown at each start."""
        return self.directory / "user-id"

    def prepare(self, admin_password: str | None = None) -> SiteSettings:
        """
        Make what isn't there yet, and return the settings.

        :param admin_password: to be the admin password from now on, empty for none;
            ``None``: the one that there is, or a new one.
        :raises OSError: the directory can't be used.
        :raises SecretFileError: a file in it can't.
        :raises SettingsError: the settings can't.
        :raises UserToolError: the users file can't.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if admin_password is None and not self.admin_password.exists():
            admin_password = secrets.token_hex(6)
        if admin_password is not None:
            write_admin_password(self.admin_password, admin_password, None)
        settings = load_settings(self.directory)
        if settings is None:
            self._add_first_user()
            settings = SiteSettings(new_serial(), users={USER: USER_WALLBOX})
            save_settings(self.directory, settings)
        return settings

    def save(self, settings: SiteSettings) -> None:
        """
        Keep other settings, while the site does not run.

        :raises OSError: they can't be written.
        :raises SettingsFull: they would be too large.
        """
        save_settings(self.directory, settings)

    def _add_first_user(self) -> None:
        file = UsersFile(self.users)
        users = file.users()
        if self.user_id.exists() and users.match(read_secret(self.user_id)) == USER:
            return
        if USER in users.hashes:
            file.remove(USER)
        write_secret(self.user_id, f"{file.add(USER)}\n")

    # what a person may be told

    def shown_admin_password(self) -> str | None:
        """
        The admin password, empty if none is set; ``None`` once somebody has set one,
        which only they know.

        :raises AdminPasswordError: the file can't be used.
        """
        password = AdminPassword.load(self.admin_password)
        if not password.is_set:
            return ""
        return password.plain

    def shown_user_id(self) -> str | None:
        """
        The first user's ID, as long as it is one.

        :raises UserToolError: the users file can't be used.
        """
        if not self.user_id.exists():
            return None
        user_id = read_secret(self.user_id)
        return user_id if UsersFile(self.users).users().match(user_id) else None
