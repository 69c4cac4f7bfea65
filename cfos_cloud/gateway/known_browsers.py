"""
The cookie that tells a browser that has logged in before from a stranger.

It lets its owner in while strangers guess at the same Cloud ID, or from the same
address. It is no credential: what it buys is a throttle key of one's own. That key
is of the user, not of the browser, so nobody gets more tries by more log-ins.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from cfos_cloud.cloud_id import fold

#: Log-ins that one browser remembers, the latest first.
MAX_PROOFS = 4
#: Seconds that a browser keeps the cookie: 400 days, the most that browsers allow.
MAX_AGE = 400 * 24 * 3600

_TAG_BYTES = 8
_PROOF_BYTES = _TAG_BYTES + 16


class KnownBrowsers:
    """
    Makes and reads the cookie's value: proofs, joined by dots, each a tag of the
    user and a MAC over Cloud ID and tag. ``key``: 32 random bytes that stay.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"known browsers", "sha256")

    def remember(
        self, cookie: bytes | None, cloud_id: str, role: str, user: str
    ) -> bytes:
        """The value after a log-in, given the one before it."""
        proof = self._proof(cloud_id, self._user_tag(cloud_id, role, user))
        others = [each for each in _split(cookie) if each != proof]
        return b".".join(_encode(each) for each in [proof, *others][:MAX_PROOFS])

    def throttle_key(self, cookie: bytes | None, cloud_id: str) -> str | None:
        """The key of a user of ``cloud_id`` who is known; ``None``: a stranger."""
        for proof in _split(cookie):
            tag = proof[:_TAG_BYTES]
            if hmac.compare_digest(proof, self._proof(cloud_id, tag)):
                return f"known {fold(cloud_id)} {tag.hex()}"
        return None

    def was_last(
        self, cookie: bytes | None, cloud_id: str, role: str, user: str
    ) -> bool:
        """Whether this user of this system is who logged in last by this browser."""
        proof = self._proof(cloud_id, self._user_tag(cloud_id, role, user))
        return _split(cookie)[:1] == [proof]

    def _user_tag(self, cloud_id: str, role: str, user: str) -> bytes:
        text = json.dumps([fold(cloud_id), role, user]).encode()
        return hmac.digest(self._key, b"user" + text, hashlib.sha256)[:_TAG_BYTES]

    def _proof(self, cloud_id: str, tag: bytes) -> bytes:
        text = tag + fold(cloud_id).encode()
        mac = hmac.digest(self._key, b"proof" + text, hashlib.sha256)
        return (tag + mac)[:_PROOF_BYTES]


def _encode(proof: bytes) -> bytes:
    return base64.urlsafe_b64encode(proof)


def _split(cookie: bytes | None) -> list[bytes]:
    """The proofs in a cookie's value, checked for their form only."""
    proofs = []
    for part in (cookie or b"").split(b".", MAX_PROOFS)[:MAX_PROOFS]:
        try:
            proof = base64.b64decode(part, altchars=b"-_", validate=True)
        except ValueError:
            continue
        if len(proof) == _PROOF_BYTES:
            proofs.append(proof)
    return proofs
