"""
Tokens that tell our forms from a stranger's page.

The browser holds a random nonce in a cookie, the form a MAC of it under the server's
key: who can't read our pages can't know the token, and who plants a cookie can't
make one.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable, Sequence

_NONCE_BYTES = 16
_NONCE = re.compile(rb"[A-Za-z0-9_-]{22}\Z")


class Csrf:
    """``key``: at least 32 random bytes. ``random`` makes nonces."""

    def __init__(
        self, key: bytes, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._key = hmac.digest(key, b"csrf", "sha256")
        self._random = random

    def new_nonce(self) -> bytes:
        """A value for the cookie."""
        return base64.urlsafe_b64encode(self._random(_NONCE_BYTES)).rstrip(b"=")

    def token(self, nonce: bytes) -> str:
        """What a form carries where the cookie holds ``nonce``."""
        mac = hmac.digest(self._key, nonce, "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def is_valid(self, nonces: Sequence[bytes], token: str) -> bool:
        """
        Whether a form with ``token`` is ours; no cookie: it isn't.

        :param nonces: of all cookies of the name: on plain HTTP a device's page can
            add some, and must not lock anybody out by that.
        """
        given = token.encode()
        return any(
            hmac.compare_digest(self.token(nonce).encode(), given)
            for nonce in nonces
            if is_nonce(nonce)
        )


def is_nonce(value: bytes) -> bool:
    """Whether a cookie's value has the form of a nonce."""
    return _NONCE.match(value) is not None
