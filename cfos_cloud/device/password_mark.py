"""
Whether the admin password is still the one that something was agreed to by.

A device end that was off must notice a change, so a mark of the password is kept
beside the consents. Who has that file learns no more by it than an argon2id hash
tells: of a password that its own file holds in plain text the mark is such a hash,
under a salt of its own; of one whose file holds a hash it is an HMAC of that hash,
which is no help in guessing without the file itself.
"""

from __future__ import annotations

import hashlib
import hmac

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import SALT_BYTES, Argon2Hash, InvalidHash, Recipe

#: Random bytes of a mark.
MARK_BYTES = SALT_BYTES
_KEYED = "hmac-sha256$"


def make_mark(admin: AdminPassword, random: bytes) -> str:
    """
    The mark of ``admin``, which is set; of a plain one that costs one computation of
    argon2id, to be done in a thread.

    :param random: :data:`MARK_BYTES` of them, new for each mark.
    """
    if admin.hash is not None:
        digest = hmac.digest(random, str(admin.hash).encode("ascii"), hashlib.sha256)
        return f"{_KEYED}{random.hex()}${digest.hex()}"
    return str(Recipe(random).hash(admin.plain or ""))


def bears_mark(admin: AdminPassword, mark: str) -> bool:
    """Whether ``mark`` was made of ``admin``; costs as much as to make it."""
    if not admin.is_set:
        return False
    if admin.hash is None:
        try:
            return admin.plain is not None and Argon2Hash.parse(mark).matches(
                admin.plain
            )
        except InvalidHash:
            return False
    random, _, _ = mark.removeprefix(_KEYED).partition("$")
    try:
        made = make_mark(admin, bytes.fromhex(random))
    except ValueError:
        return False
    return hmac.compare_digest(made.encode("ascii"), mark.encode("utf-8", "replace"))
