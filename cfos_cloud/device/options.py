"""The command line of ``twistd cfos-device``."""

from __future__ import annotations

from twisted.python import usage

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.daemon_options import DaemonOptions
from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin
from cfos_cloud.device.settings import (
    DEFAULT_CONNECTIONS,
    InvalidSetting,
    check_settings,
)
from cfos_cloud.device.trust import Verify

PROFILES = ("generic", "cfos", "tq")
#: Profiles that this version has.
AVAILABLE_PROFILES = ("generic",)


class Options(DaemonOptions):
    """Checked as far as that needs no file and no socket."""

    command = "twistd cfos-device"
    synopsis = "[options]"
    longdesc = "The device end: connects a device's web UI to a cloud server."

    optParameters = [  # noqa: RUF012 - the way of usage.Options
        ["server", "s", None, "the cloud server, https://HOST:PORT"],
        ["cloud-id", None, None, "the Cloud ID of this system"],
        ["password-file", None, None, "file with the Cloud password"],
        ["target", "t", None, "the device's web UI, http://HOST[:PORT]"],
        ["admin-password-file", None, None, "file with the device's admin password"],
        ["users-file", None, None, "file with the users who may log in"],
        [
            "target-header-file",
            None,
            None,
            "file with lines 'Name: value', 8 at most: the device's own credential, "
            "added to requests to the target by access keys and by who is logged in "
            "as admin (where the request has no such field of its own), never by users",
        ],
        ["profile", None, "generic", "kind of device: generic, cfos or tq"],
        [
            "verify",
            None,
            "auto",
            "how to know the server: auto (password and pinned key) or ca",
        ],
        [
            "max-connections",
            None,
            str(DEFAULT_CONNECTIONS),
            "connections to the target",
        ],
        [
            "state-dir",
            None,
            None,
            "where the server's key and the consents to access keys are kept",
        ],
    ]

    server: Origin
    target: Origin
    verify: Verify
    max_connections: int

    def postOptions(self) -> None:
        self.take_credentials(
            {
                "password-file": "cloud-password",
                "admin-password-file": "admin-password",
                "users-file": "users",
                "target-header-file": "target-header",
            }
        )
        for name in ("server", "cloud-id", "password-file", "target"):
            if not self[name]:
                raise usage.UsageError(f"--{name} is missing")
        try:
            check_cloud_id(self["cloud-id"])
        except InvalidCloudID as error:
            raise usage.UsageError(f"--cloud-id: {error}") from error
        self.server = self._origin("server")
        self.target = self._origin("target")
        self._check_profile(self["profile"])
        self._check_verify(self["verify"])
        self.max_connections = self._number(self["max-connections"])
        try:
            check_settings(self.server, self.target, self.verify, self.max_connections)
        except InvalidSetting as error:
            raise usage.UsageError(f"--{error.name}: {error}") from error

    def _origin(self, name: str) -> Origin:
        try:
            return parse_origin(self[name])
        except InvalidOrigin as error:
            raise usage.UsageError(f"--{name}: {error}") from error

    def _check_profile(self, profile: str) -> None:
        if profile not in PROFILES:
            raise usage.UsageError(
                f"--profile is {', '.join(PROFILES)}, not {profile!r}"
            )
        if profile not in AVAILABLE_PROFILES:
            raise usage.UsageError(
                f"--profile {profile} is not available in this version; generic is"
            )

    def _check_verify(self, verify: str) -> None:
        try:
            self.verify = Verify(verify)
        except ValueError as error:
            raise usage.UsageError(f"--verify is auto or ca, not {verify!r}") from error

    def _number(self, value: str) -> int:
        text = value if value.isascii() and value.isdigit() else ""
        # A longer number is out of bounds as well, and int() takes its time over it.
        return int(text[:4]) if text else 0
