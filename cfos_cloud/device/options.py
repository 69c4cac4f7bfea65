"""The command line of ``twistd cfos-device``."""

from __future__ import annotations

from typing import Any

from twisted.python import usage

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.daemon_options import DaemonOptions
from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin
from cfos_cloud.device.trust import Verify

PROFILES = ("generic", "cfos", "tq")
#: Profiles that this version has.
AVAILABLE_PROFILES = ("generic",)
DEFAULT_CONNECTIONS = "4"
MOST_CONNECTIONS = 64


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
        ["profile", None, "generic", "kind of device: generic, cfos or tq"],
        [
            "verify",
            None,
            "auto",
            "how to know the server: auto (password and pinned key) or ca",
        ],
        ["max-connections", None, DEFAULT_CONNECTIONS, "connections to the target"],
        ["state-dir", None, None, "where the server's key is kept"],
    ]

    server: Origin
    target: Origin
    verify: Verify
    max_connections: int

    def postOptions(self) -> None:
        for name in ("server", "cloud-id", "password-file", "target"):
            if not self[name]:
                raise usage.UsageError(f"--{name} is missing")
        try:
            check_cloud_id(self["cloud-id"])
        except InvalidCloudID as error:
            raise usage.UsageError(f"--cloud-id: {error}") from error
        self.server = self._origin("server")
        self.target = self._origin("target")
        if self.target.tls:
            raise usage.UsageError("--target: http:// only, TLS ends at the server")
        self._check_profile(self["profile"])
        self._check_verify(self["verify"])
        self._check_connections(self["max-connections"])

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
        if self.verify is Verify.CA and not self.server.tls:
            raise usage.UsageError("--verify ca needs a --server with https://")

    def _check_connections(self, value: Any) -> None:
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 3) or not (
            1 <= int(text) <= MOST_CONNECTIONS
        ):
            raise usage.UsageError(
                f"--max-connections is 1 to {MOST_CONNECTIONS}, not {text!r}"
            )
        self.max_connections = int(text)
