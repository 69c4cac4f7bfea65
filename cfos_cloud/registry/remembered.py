"""A password that was right a moment ago, without the password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

#: How long a success is remembered, in seconds.
LIFETIME = 60.0


class RememberedPassword:
    """
    Keeps a hash of one password under a key that only this process has, for 60 s
    from the moment it proved right.
    """

    def __init__(
        self,
        clock: IReactorTime,
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._clock = clock
        self._key = token_bytes(32)
        self._hash: bytes | None = None
        self._until = 0.0

    def remember(self, password: str) -> None:
        self._hash = self._keyed(password)
        self._until = self._clock.seconds() + LIFETIME

    def forget(self) -> None:
        self._hash = None

    def matches(self, password: str) -> bool:
        """Whether this is the password that was remembered, in constant time."""
        if self._hash is None:
            return False
        if self._clock.seconds() >= self._until:
            self._hash = None
            return False
        return hmac.compare_digest(self._hash, self._keyed(password))

    def _keyed(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode("utf-8"), hashlib.sha256)
