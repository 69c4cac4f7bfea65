"""The admin password of a device end; without one nobody logs in."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path

from cfos_cloud.device.argon2_hash import Argon2Hash, InvalidHash
from cfos_cloud.secret_files import SecretFileError, read_secret_if_any

#: Longest password, in characters.
MAX_PASSWORD_LENGTH = 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AdminPasswordError(Exception):
    """The password can't be had from its file; one line, naming the file."""


@dataclass(frozen=True)
class AdminPassword:
    """
    The password of one moment: as it is (``plain``), or as a ``hash`` of which only
    a log-in knows the password, or none.
    """

    plain: str | None = field(default=None, repr=False)
    hash: Argon2Hash | None = None

    @classmethod
    def load(cls, path: str | Path | None) -> AdminPassword:
        """
        The password in the file, as plain text or as an argon2id PHC string. None
        is set if ``path`` is ``None``, there is no file, or nothing but space in it.

        :raises AdminPasswordError: unreadable, more than one line or 1,024
            characters, control characters, or a broken hash.
        """
        try:
            text = read_secret_if_any(path)
        except SecretFileError as error:
            raise AdminPasswordError(str(error)) from error
        if text is None or not text.strip():
            return cls()
        if text.startswith("$argon2"):
            try:
                return cls(hash=Argon2Hash.parse(text.strip()))
            except InvalidHash as error:
                raise AdminPasswordError(f"{path}: {error}") from error
        if len(text) > MAX_PASSWORD_LENGTH or _CONTROL.search(text):
            raise AdminPasswordError(
                f"{path}: a password is one line of at most "
                f"{MAX_PASSWORD_LENGTH} characters, none of them a control character"
            )
        return cls(plain=text)

    @property
    def is_set(self) -> bool:
        """Whether anybody may log in at all."""
        return self.plain is not None or self.hash is not None

    def matches(self, secret: str) -> bool:
        """Whether ``secret`` is the password; a hash costs, so call it in a thread."""
        if self.hash is not None:
            return self.hash.matches(secret)
        if self.plain is None:
            return False
        # digests have one length: comparing them doesn't tell the password's
        return hmac.compare_digest(_digest(secret), _digest(self.plain))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
