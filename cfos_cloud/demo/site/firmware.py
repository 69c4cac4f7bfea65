"""The simulated update: what was uploaded, and the restart that installs it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

#: What a site has before anything was uploaded.
FIRST_VERSION = "1.22.1107"
#: Seconds that a restart takes.
RESTART_SECONDS = 5


@dataclass(frozen=True)
class Uploaded:
    """What came, as it was measured on its way; nothing of it is kept."""

    size: int
    sha256: str

    @property
    def version(self) -> str:
        """A version that tells it from others."""
        return f"{FIRST_VERSION}+{self.sha256[:7]}"


class Measure:
    """Size and hash of bytes that pass."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0

    def add(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)

    def result(self) -> Uploaded:
        return Uploaded(self._size, self._digest.hexdigest())


class Firmware:
    """
    :param version: the present one, empty for the first.
    :param seconds: a clock that never goes back.
    """

    def __init__(self, version: str, seconds: Callable[[], float]) -> None:
        self.version = version or FIRST_VERSION
        self._seconds = seconds
        self._next: str | None = None
        self._back_at = seconds()

    def uploaded(self, what: Uploaded) -> None:
        """It will be installed by the next restart."""
        self._next = what.version

    @property
    def next_version(self) -> str:
        """The version after the next restart."""
        return self._next or self.version

    def restart(self) -> None:
        """Be away for 5 s."""
        self.version, self._next = self.next_version, None
        self._back_at = self._seconds() + RESTART_SECONDS

    @property
    def away_for(self) -> float:
        """Seconds until a restart is over; 0: there is none."""
        return max(self._back_at - self._seconds(), 0.0)
