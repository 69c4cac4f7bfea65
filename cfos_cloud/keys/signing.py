"""The keys that tokens are signed with: ``DATA/signing-keys.json``."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Iterator
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from cfos_cloud.keys import signing_file
from cfos_cloud.keys.signing_file import SigningKey

FILE = "signing-keys.json"
#: Signing keys at a time; about 350 bytes each, within what a secret file may have.
MAX_SIGNING_KEYS = 100
#: Of a ``kid``: told apart, not guessed.
_KID_BYTES = 8

__all__ = ["SigningKey", "SigningKeys", "TooManySigningKeys", "UnknownSigningKey"]


class UnknownSigningKey(Exception):
    """There is no signing key of this ``kid``."""


class TooManySigningKeys(Exception):
    """No further one: all 100 have keys under them, or nobody has pruned."""


class SigningKeys:
    """
    The first one signs, all of them verify.

    A change is on disk, as a whole, before it counts here; a change that fails
    (:class:`OSError`) leaves these as they were. Not for several threads at once.
    """

    def __init__(
        self,
        path: Path,
        keys: list[SigningKey],
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._path = path
        self._keys = keys
        self._now = now
        self._random = random

    @classmethod
    def in_directory(
        cls,
        data_dir: Path,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> SigningKeys:
        """
        Those of ``DATA/signing-keys.json``, which is made with one where there is
        none. ``now`` tells aware times, ``random`` makes names of keys.

        :raises SecretFileError: the file can't be read, is damaged, or others may
            read it.
        :raises OSError: it can't be written.
        """
        path = data_dir / FILE
        if signing_file.exists(path):
            return cls(path, signing_file.read(path), now, random)
        signing = cls(path, [], now, random)
        signing._use([signing._make()])
        return signing

    @property
    def current(self) -> SigningKey:
        """The one that new tokens are signed with."""
        return self._keys[0]

    def find(self, kid: str) -> SigningKey | None:
        """The one that is called ``kid``."""
        return next((key for key in self._keys if key.kid == kid), None)

    def __iter__(self) -> Iterator[SigningKey]:
        """All, the current one first, then from the newest to the oldest."""
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def rotate(self) -> SigningKey:
        """
        A new one signs from now on; the others go on verifying.

        :raises TooManySigningKeys: there are 100 already.
        :raises OSError: it can't be written; nothing has changed.
        """
        if len(self._keys) >= MAX_SIGNING_KEYS:
            raise TooManySigningKeys
        self._use([self._make(), *self._keys])
        return self.current

    def drop(self, kid: str) -> None:
        """
        No token under ``kid`` is good any more, at once. Where it was the current
        one, a new one signs.

        :raises UnknownSigningKey: there is none such.
        :raises OSError: it can't be written; nothing has changed.
        """
        if self.find(kid) is None:
            raise UnknownSigningKey(kid)
        kept = [key for key in self._keys if key.kid != kid]
        if kid == self.current.kid:
            kept.insert(0, self._make())
        self._use(kept)

    def prune(self, used: Container[str]) -> list[str]:
        """
        Forget those that aren't current and that no key is under by ``used``, which
        has to know the keys that are being made, too. The ``kid`` of each that went.

        :raises OSError: it can't be written; nothing has changed.
        """
        current, *older = self._keys
        kept = [key for key in older if key.kid in used]
        gone = [key.kid for key in older if key.kid not in used]
        if gone:
            self._use([current, *kept])
        return gone

    def _make(self) -> SigningKey:
        return SigningKey(
            kid=self._random(_KID_BYTES).hex(),
            created=self._now().replace(microsecond=0),
            private_key=ec.generate_private_key(ec.SECP256R1()),
        )

    def _use(self, keys: list[SigningKey]) -> None:
        signing_file.write(self._path, keys)
        self._keys = keys
