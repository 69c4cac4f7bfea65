"""The command line of ``twistd cfos-device``."""

from __future__ import annotations

import os
from typing import ClassVar

from twisted.python import usage

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.daemon_options import DaemonOptions
from cfos_cloud.device.further import (
    FurtherDevice,
    InvalidFurther,
    parse_further,
)
from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.proxy import NONE as NO_PROXY
from cfos_cloud.device.proxy import (
    InvalidProxy,
    Proxy,
    parse_proxy,
    proxy_of_environment,
)
from cfos_cloud.device.settings import (
    DEFAULT_CONNECTIONS,
    EndToEnd,
    InvalidSetting,
    check_also,
    check_settings,
)
from cfos_cloud.device.trust import Verify
from cfos_cloud.device.ways import Transport
from cfos_cloud.secret_files import read_secret

_OF_END_TO_END = ("tls-certificate", "tls-key")


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
        [
            "profile",
            None,
            "generic",
            "kind of device: generic; or cfos (Charging Manager, Power Brain) or tq "
            "(Smart Energy Meter), which are asked themselves who may log in",
        ],
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
        [
            "proxy",
            None,
            None,
            "HTTP proxy on the way to the server, http://[USER@]HOST:PORT, or none "
            "[default: https_proxy and the like, but for no_proxy]",
        ],
        ["proxy-password-file", None, None, "file with the proxy's password"],
        [
            "transport",
            None,
            "auto",
            "how the tunnel is asked for: upgrade, websocket, or auto (one after the "
            "other)",
        ],
        [
            "tls-certificate",
            None,
            None,
            "with --end-to-end: file with your own certificate and its chain, PEM",
        ],
        ["tls-key", None, None, "file with its private key, PEM"],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        [
            "end-to-end",
            None,
            "TLS of people ends here, not at the server, which can't look inside",
        ],
    ]

    server: Origin
    target: Origin
    profile: Profile
    verify: Verify
    max_connections: int
    #: Without the password that a file has: see :meth:`read_proxy`.
    proxy: Proxy | None
    transport: Transport
    end_to_end: EndToEnd | None = None

    def __init__(self) -> None:
        super().__init__()
        self.also: list[FurtherDevice] = []

    def opt_also(self, value: str) -> None:
        """
        a further device of the site, NAME=http://HOST[:PORT], NAME of 1 to 20 a-z and
        0-9; up to 16 times
        """
        try:
            self.also.append(parse_further(value))
        except InvalidFurther as error:
            raise usage.UsageError(f"--also: {error}") from error

    def postOptions(self) -> None:
        self.take_credentials(
            {
                "password-file": "cloud-password",
                "admin-password-file": "admin-password",
                "users-file": "users",
                "target-header-file": "target-header",
                "proxy-password-file": "proxy-password",
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
        self.proxy = self._proxy(self["proxy"])
        self._check_transport(self["transport"])
        self.max_connections = self._number(self["max-connections"])
        try:
            check_settings(self.server, self.target, self.verify, self.max_connections)
            check_also(self.also)
        except InvalidSetting as error:
            raise usage.UsageError(f"--{error.name}: {error}") from error
        self._check_end_to_end()

    def _check_end_to_end(self) -> None:
        given = [name for name in _OF_END_TO_END if self[name]]
        if not self["end-to-end"]:
            if given:
                raise usage.UsageError(f"--{given[0]} goes with --end-to-end")
            return
        if bool(self["tls-certificate"]) != bool(self["tls-key"]):
            raise usage.UsageError("--tls-certificate and --tls-key go together")
        self.end_to_end = EndToEnd(self.path("tls-certificate"), self.path("tls-key"))

    def read_proxy(self) -> Proxy | None:
        """
        The proxy with its password.

        :raises SecretFileError: the file with it can't be used.
        """
        file = self["proxy-password-file"]
        if self.proxy is None or not file:
            return self.proxy
        return self.proxy.with_password(read_secret(file))

    def _origin(self, name: str) -> Origin:
        try:
            return parse_origin(self[name])
        except InvalidOrigin as error:
            raise usage.UsageError(f"--{name}: {error}") from error

    def _check_profile(self, profile: str) -> None:
        try:
            self.profile = Profile(profile)
        except ValueError as error:
            raise usage.UsageError(
                f"--profile is {', '.join(Profile)}, not {profile!r}"
            ) from error

    def _check_verify(self, verify: str) -> None:
        try:
            self.verify = Verify(verify)
        except ValueError as error:
            raise usage.UsageError(f"--verify is auto or ca, not {verify!r}") from error

    def _proxy(self, value: str | None) -> Proxy | None:
        try:
            if value is None:
                proxy = proxy_of_environment(os.environ, self.server)
            else:
                proxy = None if value == NO_PROXY else parse_proxy(value)
            if proxy is not None and self["proxy-password-file"]:
                proxy.with_password("")
        except InvalidProxy as error:
            where = "" if value is None else "--proxy: "
            raise usage.UsageError(f"{where}{error}") from error
        return proxy

    def _check_transport(self, transport: str) -> None:
        try:
            self.transport = Transport(transport)
        except ValueError as error:
            raise usage.UsageError(
                f"--transport is auto, upgrade or websocket, not {transport!r}"
            ) from error

    def _number(self, value: str) -> int:
        text = value if value.isascii() and value.isdigit() else ""
        # A longer number is out of bounds as well, and int() takes its time over it.
        return int(text[:4]) if text else 0
