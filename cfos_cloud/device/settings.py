"""What a device end is told: which server, which device, and by which credentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cfos_cloud.device.further import FurtherDevice, InvalidFurther, check_further
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.proxy import Proxy
from cfos_cloud.device.trust import Verify
from cfos_cloud.device.ways import Transport

DEFAULT_CONNECTIONS = 4
MOST_CONNECTIONS = 256


class InvalidSetting(ValueError):
    """A setting that can't be used; ``name`` is the option's, the text one line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


@dataclass(frozen=True)
class EndToEnd:
    """
    TLS of people ends at the device end.

    :param certificate_file: PEM, the chain included; ``None``: one of our own making
        in the state directory.
    :param key_file: PEM; goes with ``certificate_file``.
    """

    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class DeviceSettings:
    """
    All of one device end.

    :param password: the Cloud password that system and server share.
    :param target: the device's web UI.
    :param also: further devices of the site.
    :param state_directory: where the server's key and the consents to access keys are
        kept; made where it is missing.
    :param max_connections: to each target, 1 to 256.
    :param admin_password_file: without it, or while it is empty, every log-in is
        refused; with another profile than ``generic`` see
        :mod:`~cfos_cloud.device.profiles`.
    :param target_header_file: the device's own credential, see
        :mod:`~cfos_cloud.device.target_header`.
    :param proxy: what leads to the server; ``None``: straight there, whatever the
        environment says.
    :param transport: how the tunnel is asked for.
    :param end_to_end: ``None``: TLS of people ends at the server.
    :raises InvalidSetting: see :func:`check_settings` and :func:`check_also`.
    """

    server: Origin
    cloud_id: str
    password: str = field(repr=False)
    target: Origin
    state_directory: Path
    verify: Verify = Verify.AUTO
    max_connections: int = DEFAULT_CONNECTIONS
    admin_password_file: Path | None = None
    users_file: Path | None = None
    target_header_file: Path | None = None
    proxy: Proxy | None = None
    transport: Transport = Transport.AUTO
    profile: Profile = Profile.GENERIC
    end_to_end: EndToEnd | None = None
    also: tuple[FurtherDevice, ...] = ()

    def __post_init__(self) -> None:
        check_settings(self.server, self.target, self.verify, self.max_connections)
        check_also(self.also)


def check_settings(
    server: Origin, target: Origin, verify: Verify, max_connections: int
) -> None:
    """
    :raises InvalidSetting: the target wants TLS, ``verify`` a server that has none, or
        there are too few or too many connections.
    """
    if target.tls:
        raise InvalidSetting(
            "target",
            "https targets are not supported yet; give the device's http:// address",
        )
    if verify is Verify.CA and not server.tls:
        raise InvalidSetting("verify", "ca needs a --server with https://")
    if not 1 <= max_connections <= MOST_CONNECTIONS:
        raise InvalidSetting(
            "max-connections", f"a number from 1 to {MOST_CONNECTIONS}"
        )


def check_also(devices: Sequence[FurtherDevice]) -> None:
    """
    :raises InvalidSetting: see :func:`~cfos_cloud.device.further.check_further`.
    """
    try:
        check_further(devices)
    except InvalidFurther as error:
        raise InvalidSetting("also", str(error)) from error
