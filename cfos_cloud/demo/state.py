"""What a demonstration keeps in its directory: passwords, the site, logs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cfos_cloud import cloud_password
from cfos_cloud.demo.site_directory import SiteDirectory
from cfos_cloud.secret_files import write_secret

#: What demonstrations of earlier versions had beside the site's directory.
_MOVED = ("admin-password", "users", "user-id", "device-end")


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
    def site(self) -> SiteDirectory:
        """The simulated site's own."""
        return SiteDirectory(self.directory / "site")

    @property
    def site_port(self) -> Path:
        """The port that the site had last, so that its address stays."""
        return self.directory / "site-port"

    @property
    def logs(self) -> Path:
        """Where the processes' logs are."""
        return self.directory / "logs"

    def prepare(self) -> None:
        """
        Make what isn't there yet.

        :raises OSError: the directory can't be used.
        :raises SecretFileError: a file in it can't.
        :raises SettingsError: the site's settings can't.
        :raises UserToolError: its users file can't.
        """
        site = self.site.directory
        for directory in (self.directory, self.logs, site):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, secret in (
            (self.operator_password, secrets.token_urlsafe(15)),
            (self.cloud_password, cloud_password.generate()),
        ):
            if not path.exists():
                write_secret(path, f"{secret}\n")
        for name in _MOVED:
            old, new = self.directory / name, site / name
            if old.exists() and not new.exists():
                old.rename(new)
        self.site.prepare()
