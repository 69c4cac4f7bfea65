"""Where the consents of a device end survive its restart."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.device.consent import Consent, InvalidConsent
from cfos_cloud.secret_files import write_secret

FILE_NAME = "access-keys.json"
#: Of the keys that the door makes where TLS ends here. No key is for both: who could
#: read what passes in one mode knows none of the other.
DOOR_FILE_NAME = "door-consents.json"
#: Several times what :data:`~cfos_cloud.device.consents.MAX_CONSENTS` need.
MAX_FILE_BYTES = 512 * 1024
_VERSION = 1


class ConsentFileError(Exception):
    """The file can't be read; the message names it and says what to do."""


@dataclass(frozen=True)
class Kept:
    """
    All of the file: the consents, and the mark of the admin password that they were
    given by, see :mod:`cfos_cloud.device.password_mark`.
    """

    consents: tuple[Consent, ...] = ()
    mark: str | None = field(default=None, repr=False)


class ConsentFile:
    """
    A file in the state directory, for its owner only. It has hashes of hashes of
    tokens: nobody who reads it can use a key.
    """

    log = Logger()

    def __init__(self, directory: Path, name: str = FILE_NAME) -> None:
        self.path = directory / name

    def read(self) -> Kept:
        """
        What was kept; nothing where there is no file. A damaged one is put aside,
        with an error in the log: its keys have to be authorised again, and
        everything else works.

        :raises ConsentFileError: there is one, and it can't be read.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            raise ConsentFileError(
                f"can't read {self.path}: {error.strerror}"
            ) from error
        try:
            if len(data) > MAX_FILE_BYTES:
                raise InvalidConsent("it is too large")
            return _parse(json.loads(data))
        except (ValueError, KeyError, TypeError, RecursionError):
            self._put_aside()
            return Kept()

    def write(self, kept: Kept) -> None:
        """
        Replace the file as a whole; it is on the disk on return.

        :raises OSError: it may not be.
        """
        keys = [
            {
                "key": consent.key,
                "name": consent.name,
                "role": consent.role.value,
                "expires": None
                if consent.expires is None
                else datetime.fromtimestamp(consent.expires, UTC).isoformat(),
            }
            for consent in kept.consents
        ]
        data = {"version": _VERSION, "admin": kept.mark, "keys": keys}
        write_secret(self.path, json.dumps(data, indent=1) + "\n")

    def _put_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(aside)
        except OSError as error:
            raise ConsentFileError(
                f"{self.path} is damaged and can't be moved: {error.strerror}"
            ) from error
        self.log.error(
            "{path} is damaged: all access keys have to be authorised again; it is "
            "kept as {aside}",
            path=str(self.path),
            aside=aside.name,
        )


def _parse(data: object) -> Kept:
    if not isinstance(data, dict) or data["version"] != _VERSION:
        raise InvalidConsent("it is of another version")
    mark = data["admin"]
    if mark is not None and not isinstance(mark, str):
        raise InvalidConsent("admin: a text")
    consents = tuple(
        Consent.check(k["key"], k["name"], k["role"], k["expires"])
        for k in data["keys"]
    )
    return Kept(consents, mark)
