"""Where the rows of a door's own access keys survive its restart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.strict_json import parse_object
from cfos_cloud.secret_files import SecretFileError, write_secret

FILE_NAME = "door-keys.json"
#: Several times what as many rows as are kept need.
MAX_FILE_BYTES = 512 * 1024
_VERSION = 1
_TEXTS = ("id", "name", "kid", "consent")
_TEXTS_OR_NONE = ("last_client", "code", "requested_from")
_TIMES_OR_NONE = ("expires", "authorised", "revoked", "last_used")


class KeyFile:
    """
    ``door-keys.json`` in the state directory, for its owner only: what the keys are
    for, and a hash of a hash of each token. Nobody who reads it can use one.

    :param cloud_id: whose keys they are. Those of another system are none: their
        tokens say so, too.
    """

    log = Logger()

    def __init__(self, directory: Path, cloud_id: str) -> None:
        self.path = directory / FILE_NAME
        self._cloud_id = cloud_id

    def read(self) -> list[AccessKey]:
        """
        What was kept; nothing where there is no file. A damaged one is put aside,
        with an error in the log: new keys are needed, and everything else works.

        :raises SecretFileError: there is one, and it can't be read.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SecretFileError(
                f"can't read {self.path}: {error.strerror}"
            ) from error
        try:
            if len(data) > MAX_FILE_BYTES:
                raise ValueError("it is too large")
            return self._parse(parse_object(data))
        except (ValueError, KeyError, TypeError):
            self._put_aside()
            return []

    def write(self, keys: Iterable[AccessKey]) -> None:
        """
        Replace the file as a whole; it is on the disk on return.

        :raises OSError: it may not be.
        """
        data = {
            "version": _VERSION,
            "cloud_id": self._cloud_id,
            "keys": [_to_json(key) for key in keys],
        }
        write_secret(self.path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")

    def _parse(self, data: dict[str, Any]) -> list[AccessKey]:
        if data["version"] != _VERSION:
            raise ValueError("it is of another version")
        if data["cloud_id"] != self._cloud_id:
            self.log.warn(
                "the access keys in {path} were made for another Cloud ID: they are "
                "over",
                path=str(self.path),
            )
            return []
        return [_of_json(key, self._cloud_id) for key in data["keys"]]

    def _put_aside(self) -> None:
        aside = self.path.with_name(f"{FILE_NAME}.damaged")
        try:
            self.path.replace(aside)
        except OSError as error:
            raise SecretFileError(
                f"{self.path} is damaged and can't be moved: {error.strerror}"
            ) from error
        self.log.error(
            "{path} is damaged: its access keys are over, and new ones have to be "
            "made; it is kept as {aside}",
            path=str(self.path),
            aside=aside.name,
        )


def _to_json(key: AccessKey) -> dict[str, object]:
    return {
        **{name: getattr(key, name) for name in (*_TEXTS, *_TEXTS_OR_NONE)},
        "role": key.role.value,
        **{name: _text(getattr(key, name)) for name in ("created", *_TIMES_OR_NONE)},
    }


def _of_json(said: dict[str, Any], cloud_id: str) -> AccessKey:
    """:raises ValueError: or :class:`KeyError`, :class:`TypeError`: it says no key."""
    texts = {name: said[name] for name in (*_TEXTS, *_TEXTS_OR_NONE)}
    for name, text in texts.items():
        if not isinstance(text, str) and (text is not None or name in _TEXTS):
            raise ValueError(f"{name} is no text")
    times: dict[str, Any] = {
        name: None if said[name] is None else _time(said[name])
        for name in _TIMES_OR_NONE
    }
    return AccessKey(
        cloud_id=cloud_id,
        role=Role(said["role"]),
        created=_time(said["created"]),
        **texts,
        **times,
    )


def _text(when: datetime | None) -> str | None:
    """All of it: what was made within one second has its order after a restart, too."""
    return None if when is None else when.isoformat()


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time without its zone")
    return when
