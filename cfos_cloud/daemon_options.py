"""What the command lines of both daemons have in common: one line for an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Never

from platformdirs import user_data_path, user_state_path
from twisted.python import usage

from cfos_cloud.log_json import format_json
from cfos_cloud.logs import DEFAULT_LEVEL, LEVELS, EventFormatter, format_line

#: What ``--log-format`` takes.
LOG_FORMATS: Mapping[str, EventFormatter] = {"text": format_line, "json": format_json}

USAGE_STATUS = 2
FAILURE_STATUS = 1


def leave(command: str, message: object, status: int = FAILURE_STATUS) -> Never:
    """Say why on standard error, in one line, and end the process."""
    # The log may have taken over sys.stderr.
    stream = sys.__stderr__ or sys.stderr
    line = " ".join(str(message).split())
    stream.write(f"{command}: {line}\n")
    stream.flush()
    raise SystemExit(status)


class DaemonOptions(usage.Options):
    """Options whose errors are one line on standard error and exit status 2."""

    #: Names the command in errors.
    command = ""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            leave(self.command, error, USAGE_STATUS)

    def opt_loglevel(self, value: str) -> None:
        """1 errors, 2 warnings, 3 information, 4 data [default: 3]"""
        if value not in {str(level) for level in LEVELS}:
            raise usage.UsageError(f"--loglevel is 1 to 4, not {value!r}")
        self["loglevel"] = int(value)

    def opt_log_format(self, value: str) -> None:
        """text, or json: one object a line [default: text]"""
        if value not in LOG_FORMATS:
            raise usage.UsageError(f"--log-format is text or json, not {value!r}")
        self["log-format"] = value

    @property
    def log_formatter(self) -> EventFormatter:
        """What makes a line of an event."""
        return LOG_FORMATS[self.get("log-format", "text")]

    @property
    def loglevel(self) -> int:
        """The level at the start."""
        level: int = self.get("loglevel", DEFAULT_LEVEL)
        return level

    def take_credentials(self, names: Mapping[str, str]) -> None:
        """
        For options that are not given, take the files that systemd has handed over
        (``LoadCredential=``): names of credentials by option.
        """
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        for option, name in names.items():
            if directory and not self[option]:
                path = Path(directory, name)
                self[option] = str(path) if path.exists() else None

    def path(self, name: str) -> Path | None:
        """The value of an option that names a file."""
        value = self[name]
        return Path(value) if value else None


def data_directory(given: str | None) -> Path:
    """``--data-dir``, else ``$STATE_DIRECTORY`` (systemd's), else the XDG one."""
    return _directory(given, user_data_path("cfos-cloud"))


def state_directory(given: str | None) -> Path:
    """``--state-dir``, else ``$STATE_DIRECTORY`` (systemd's), else the XDG one."""
    return _directory(given, user_state_path("cfos-device"))


def _directory(given: str | None, default: Path) -> Path:
    if given:
        return Path(given)
    # systemd names several, colon separated, where a unit has several.
    of_unit = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(of_unit) if of_unit else default


def make_private(directory: Path) -> None:
    """
    Make ``directory`` where it is missing, for its owner only.

    :raises OSError: it can't be made or written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(directory))
