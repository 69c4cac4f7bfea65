"""Keeps the site's settings in a file, which has each change before anybody is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cfos_cloud.demo.site.settings import (
    MAX_BYTES,
    InvalidSettings,
    SiteSettings,
    from_text,
    new_serial,
    to_text,
)
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret
from cfos_cloud.turns import Turns
from cfos_cloud.workers import Worker

FILE_NAME = "settings.json"


class SettingsError(Exception):
    """The file can't be used; one line names it and says why."""


class SettingsFull(Exception):
    """There are so many users that the file would grow too large to be read."""


def load_settings(directory: Path) -> SiteSettings | None:
    """
    The settings in ``directory``; ``None`` where there are none yet.

    :raises SettingsError: the file can't be used.
    """
    path = directory / FILE_NAME
    try:
        return from_text(read_secret(path))
    except SecretFileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise SettingsError(str(error)) from error
    except InvalidSettings as error:
        raise SettingsError(
            f"{path}: {error}; correct it, or delete it to begin anew"
        ) from error


def save_settings(directory: Path, settings: SiteSettings) -> None:
    """
    Replace the file as a whole; it is on the disk when this returns. It holds the
    Cloud password, so it is its owner's only.

    :raises OSError: it can't be written; the old content stays.
    :raises SettingsFull: it would be too large.
    """
    text = to_text(settings)
    if len(text.encode()) > MAX_BYTES:
        raise SettingsFull
    write_secret(directory / FILE_NAME, text)


class SettingsStore:
    """
    The settings as they are now; one change at a time.

    :raises SettingsError: the file can't be used.
    :raises OSError: a first one can't be written.
    """

    def __init__(self, directory: Path, worker: Worker) -> None:
        self._directory = directory
        self._worker = worker
        self._turns = Turns()
        settings = load_settings(directory)
        if settings is None:
            settings = SiteSettings(new_serial())
            save_settings(directory, settings)
        self.settings = settings

    async def change(
        self, make: Callable[[SiteSettings], SiteSettings]
    ) -> SiteSettings:
        """
        Put what ``make`` gives in the place of the settings; returns when it is on
        the disk.

        :raises OSError: it can't be written; nothing has changed.
        :raises SettingsFull: as :func:`save_settings`.
        :raises Overloaded: so many changes wait already.
        """

        async def change() -> SiteSettings:
            settings = make(self.settings)
            if settings != self.settings:
                await self._worker.run(save_settings, self._directory, settings)
                self.settings = settings
            return settings

        return await self._turns.take(change)
