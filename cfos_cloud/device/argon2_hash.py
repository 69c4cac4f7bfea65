"""A secret as argon2id keeps it, in the PHC string format."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field

from argon2.exceptions import HashingError
from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

#: What one computation may cost, so that a pasted hash can't stall log-ins.
MAX_MEMORY_KIB = 256 * 1024
MAX_PASSES = 16
MAX_LANES = 8

SALT_BYTES = 16
DIGEST_BYTES = 32

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})\Z"
)


class InvalidHash(ValueError):
    """A text that is no usable argon2id hash; the message says why in one line."""


@dataclass(frozen=True)
class Recipe:
    """
    What a digest depends on besides the secret: hashes of equal recipes need one
    computation together. The default cost is OWASP's for argon2id (19 MiB, two
    passes, one lane).
    """

    salt: bytes
    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1
    length: int = DIGEST_BYTES

    def digest(self, secret: str) -> bytes:
        """What ``secret`` gives: some 20 to 300 ms of work, to be done in a thread."""
        return hash_secret_raw(
            secret.encode("utf-8", "surrogatepass"),
            self.salt,
            time_cost=self.passes,
            memory_cost=self.memory_kib,
            parallelism=self.lanes,
            hash_len=self.length,
            type=Type.ID,
            version=ARGON2_VERSION,
        )

    def hash(self, secret: str) -> Argon2Hash:
        """The hash of ``secret``; costs one :meth:`digest`."""
        return Argon2Hash(self, self.digest(secret))


@dataclass(frozen=True)
class Argon2Hash:
    """A hash; ``str()`` is its PHC string."""

    recipe: Recipe
    digest: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Argon2Hash:
        """
        The hash in a PHC string ``$argon2id$v=19$m=…,t=…,p=…$SALT$DIGEST``.

        :raises InvalidHash: another algorithm or version, a broken string, or one
            that costs more than 256 MiB, 16 passes or 8 lanes.
        """
        match = _PHC.match(text)
        if match is None:
            raise InvalidHash("not an argon2id hash ($argon2id$v=19$…)")
        memory_kib, passes, lanes = (int(match[number]) for number in (1, 2, 3))
        if not (
            8 * lanes <= memory_kib <= MAX_MEMORY_KIB
            and 1 <= passes <= MAX_PASSES
            and 1 <= lanes <= MAX_LANES
        ):
            raise InvalidHash(
                f"the hash's cost is out of bounds (m up to {MAX_MEMORY_KIB}, "
                f"t up to {MAX_PASSES}, p up to {MAX_LANES})"
            )
        salt, digest = _from_base64(match[4]), _from_base64(match[5])
        return cls(Recipe(salt, memory_kib, passes, lanes, len(digest)), digest)

    def matches(self, secret: str) -> bool:
        """Whether ``secret`` gives this hash; costs one :meth:`Recipe.digest`."""
        try:
            return hmac.compare_digest(self.recipe.digest(secret), self.digest)
        except HashingError:  # no memory: not proven
            return False

    def __str__(self) -> str:
        recipe = self.recipe
        return (
            f"$argon2id$v={ARGON2_VERSION}"
            f"$m={recipe.memory_kib},t={recipe.passes},p={recipe.lanes}"
            f"${_to_base64(recipe.salt)}${_to_base64(self.digest)}"
        )


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise InvalidHash("the hash's salt or digest is not base64") from error


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii").rstrip("=")
