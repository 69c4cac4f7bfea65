"""``twistd cfos-device``: a device end as a daemon of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sdnotify
from twisted.internet import reactor as _reactor

from cfos_cloud.daemon_options import leave, state_directory
from cfos_cloud.device.consent_file import ConsentFileError
from cfos_cloud.device.credentials import CredentialsError
from cfos_cloud.device.door import DoorError, DoorFactory
from cfos_cloud.device.end import DeviceEnd
from cfos_cloud.device.options import Options
from cfos_cloud.device.pins import PinFileError
from cfos_cloud.device.settings import DeviceSettings
from cfos_cloud.device.target_header import TargetHeaderError
from cfos_cloud.logs import LoggedService, LogLevel, observer_for_twistd
from cfos_cloud.secret_files import SecretFileError, read_secret
from cfos_cloud.signals import stop_once
from cfos_cloud.steady_time import keep_steady
from cfos_cloud.tunnel.scram import UnusablePassword
from cfos_cloud.watchdog import Watchdog

__all__ = ["Options", "makeService"]

# The global reactor has every interface that we ask of it.
reactor: Any = _reactor


class DeviceService(LoggedService):
    """A device end and its log."""

    def __init__(
        self, options: Options, directory: Path, make_door: DoorFactory | None
    ) -> None:
        level = LogLevel(options.loglevel)
        super().__init__(
            observer_for_twistd(options.parent, level, formatter=options.log_formatter)
        )
        notify = sdnotify.SystemdNotifier().notify
        Watchdog(notify, reactor).setServiceParent(self)
        self.end = DeviceEnd(
            _settings(options, directory),
            reactor,
            notify=notify,
            make_door=make_door,
        )
        self.end.setServiceParent(self)


def _settings(options: Options, directory: Path) -> DeviceSettings:
    return DeviceSettings(
        server=options.server,
        cloud_id=options["cloud-id"],
        password=read_secret(options["password-file"]),
        target=options.target,
        state_directory=directory,
        verify=options.verify,
        max_connections=options.max_connections,
        admin_password_file=options.path("admin-password-file"),
        users_file=options.path("users-file"),
        target_header_file=options.path("target-header-file"),
        proxy=options.read_proxy(),
        transport=options.transport,
        profile=options.profile,
        end_to_end=options.end_to_end,
        also=tuple(options.also),
    )


def makeService(
    options: Options, make_door: DoorFactory | None = None
) -> DeviceService:
    """
    What twistd runs; errors of files are one line and exit status 1.

    :param make_door: for ``--end-to-end``.
    """
    keep_steady(reactor)
    stop_once(reactor)
    directory = state_directory(options["state-dir"])
    try:
        return DeviceService(options, directory, make_door)
    except UnusablePassword as error:
        leave(Options.command, f"{options['password-file']}: {error}")
    except (
        ConsentFileError,
        CredentialsError,
        DoorError,
        PinFileError,
        SecretFileError,
        TargetHeaderError,
    ) as error:
        leave(Options.command, error)
    except OSError as error:
        leave(
            Options.command,
            f"can't use {error.filename or directory}: {error.strerror}",
        )
