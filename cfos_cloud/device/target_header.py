"""
The device's own credential, which the device end adds to requests to the target.

A file has one to eight lines ``Name: value``. What role ``user`` asks for never gets
it: the target would take a user for whoever the credential is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.device.watched import Watched
from cfos_cloud.http.fields import HOP_BY_HOP
from cfos_cloud.secret_files import SecretFileError, read_secret

MAX_FIELDS = 8
#: Longest value, in characters.
MAX_VALUE_LENGTH = 4096

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}\Z", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z", re.ASCII)
#: What frames and addresses a request, and what only the two ends of the tunnel say.
_NOT_OURS = HOP_BY_HOP | {
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"origin",
    b"referer",
    b"via",
}
_NOT_OURS_BEGIN = (b"cfos-", b"x-forwarded-", b"sec-websocket-")


class TargetHeaderError(Exception):
    """The file can't be used; one line, naming it."""


@dataclass(frozen=True)
class TargetHeader:
    """Fields of requests: lower-case name and whole line of each."""

    lines: tuple[tuple[bytes, bytes], ...] = field(repr=False)

    @property
    def names(self) -> frozenset[bytes]:
        """Their names, in lower case."""
        return frozenset(name for name, _ in self.lines)

    @classmethod
    def parse(cls, text: str) -> TargetHeader:
        """
        The fields that ``text`` has, a line each; empty lines are skipped.

        :raises ValueError: none, more than eight, one twice, or one that is not to be
            set; the message never has a value.
        """
        lines: dict[bytes, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            name, colon, value = (part.strip(" \t") for part in line.partition(":"))
            if not colon or _NAME.match(name) is None:
                raise ValueError(f"line {number} is not 'Name: value'")
            lower = name.lower().encode("ascii")
            if lower in _NOT_OURS or lower.startswith(_NOT_OURS_BEGIN):
                raise ValueError(f"line {number}: {name} can't be set here")
            if len(value) > MAX_VALUE_LENGTH or _VALUE.match(value) is None:
                raise ValueError(
                    f"line {number}: the value of {name} must be 1 to "
                    f"{MAX_VALUE_LENGTH} visible ASCII characters"
                )
            if lower in lines:
                raise ValueError(f"line {number}: {name} is there twice")
            lines[lower] = f"{name}: {value}\r\n".encode("ascii")
        if not 1 <= len(lines) <= MAX_FIELDS:
            raise ValueError(f"it must have 1 to {MAX_FIELDS} lines 'Name: value'")
        return cls(tuple(lines.items()))

    @classmethod
    def load(cls, path: Path) -> TargetHeader:
        """
        The fields in the file.

        :raises TargetHeaderError: it can't be used.
        """
        try:
            return cls.parse(read_secret(path))
        except SecretFileError as error:
            raise TargetHeaderError(str(error)) from error
        except ValueError as error:
            raise TargetHeaderError(f"{path}: {error}") from error


class TargetHeaderFile:
    """
    The file, followed as it changes. While it is broken ``header`` is ``None``: what
    needs it must not go to the target without it, nor with what it was before.
    """

    log = Logger()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watched = Watched(path)
        self._complaint: str | None = None
        self.header: TargetHeader | None = None

    def load(self) -> None:
        """
        Read it for the first time.

        :raises TargetHeaderError: it can't be used.
        """
        self._watched.is_due()
        self.header = TargetHeader.load(self._path)

    def warn_of_others(self) -> None:
        """Say so in the log if more than its owner may read it."""
        try:
            mode = self._path.stat().st_mode
        except OSError:
            return
        if mode & 0o077:
            self.log.warn(
                "{path} has a credential, and others than its owner may read it; "
                "chmod 600 would end that",
                path=str(self._path),
            )

    def renewal(self) -> Deferred[None] | None:
        """Nobody can renew it but the site."""
        return None

    def doubt(self) -> None:
        """Only the site knows whether it is right."""

    def poll(self) -> None:
        """Read it again if it has changed."""
        if not self._watched.is_due():
            return
        try:
            new = TargetHeader.load(self._path)
        except TargetHeaderError as error:
            self.header = None
            if self._complaint != str(error):
                self._complaint = str(error)
                self.log.error(
                    "{why}; requests that need it are refused until that is mended",
                    why=str(error),
                )
            return
        if self._complaint is not None:
            self.log.info("{path} can be read again", path=str(self._path))
        elif new != self.header:
            self.log.info("{path} has changed", path=str(self._path))
        self._complaint, self.header = None, new
