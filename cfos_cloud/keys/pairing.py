"""
Windows of time in which an application may ask a system for a key.

Its admin opens one; outside of it nobody can put anything before the admin's eyes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cfos_cloud.cloud_id import fold

#: Seconds that a window is open.
WINDOW = 600.0
#: Requests in one window.
MAX_REQUESTS = 5
#: Windows that are open at a time; beyond, the one that was opened first closes.
MAX_WINDOWS = 10_000

#: 32 signs, none of which is taken for another: no 0, 1, I, O.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUP = 3
#: 30 bits go into a code.
_CODE_BYTES = 4


class PairingClosed(Exception):
    """The system's admin has opened no window, or it is over."""


class TooManyRequests(Exception):
    """As many applications have asked in this window as may."""


@dataclass(slots=True)
class _Window:
    until: float
    codes: set[str] = field(default_factory=set)


class Pairing:
    """
    The open windows of all systems, whose Cloud IDs count in any case. ``seconds`` is
    a clock, ``random`` makes so many bytes that nobody can guess.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._seconds = seconds
        self._random = random
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def open(self, cloud_id: str) -> float:
        """
        Let applications ask for keys of this system, for the next 600 seconds and
        anew: until when, by ``seconds``.
        """
        self._forget_what_is_over()
        folded = fold(cloud_id)
        self._windows.pop(folded, None)
        while len(self._windows) >= MAX_WINDOWS:
            del self._windows[next(iter(self._windows))]
        until = self._seconds() + WINDOW
        self._windows[folded] = _Window(until)
        return until

    def close(self, cloud_id: str) -> None:
        """No application may ask any more; none can have been."""
        self._windows.pop(fold(cloud_id), None)

    def until(self, cloud_id: str) -> float | None:
        """When the window closes, by ``seconds``; ``None``: it is not open."""
        window = self._find(cloud_id)
        return None if window is None else window.until

    def is_open(self, cloud_id: str) -> bool:
        """Whether applications may ask now."""
        return self._find(cloud_id) is not None

    def take(self, cloud_id: str) -> str:
        """
        One of the window's requests: the code by which a person finds the right one,
        like ``7KQ-M2X``, and no other in this window has it.

        :raises PairingClosed: no window.
        :raises TooManyRequests: five have been taken.
        """
        window = self._find(cloud_id)
        if window is None:
            raise PairingClosed
        if len(window.codes) >= MAX_REQUESTS:
            raise TooManyRequests
        number = int.from_bytes(self._random(_CODE_BYTES), "big")
        while (code := _code(number)) in window.codes:
            number += 1
        window.codes.add(code)
        return code

    def _find(self, cloud_id: str) -> _Window | None:
        window = self._windows.get(fold(cloud_id))
        if window is None or window.until <= self._seconds():
            return None
        return window

    def _forget_what_is_over(self) -> None:
        now = self._seconds()
        over = [key for key, window in self._windows.items() if window.until <= now]
        for key in over:
            del self._windows[key]


def _code(number: int) -> str:
    signs = ""
    for _ in range(2 * _GROUP):
        number, at = divmod(number, len(_ALPHABET))
        signs += _ALPHABET[at]
    return f"{signs[:_GROUP]}-{signs[_GROUP:]}"
