"""
How a token becomes what the device knows it by.

``token`` is what an application holds; ``grant`` goes into each stream; ``consent`` is
what server and device keep. Each is a hash of the one before: who has the server's
database, or the device's file, can't make a grant of it.
"""

from __future__ import annotations

import base64
import hashlib

_PREFIX = b"cfos-key"


def grant_of(token: bytes) -> str:
    """b64url(SHA-256(``cfos-key`` ‖ token)), 43 characters."""
    return _encode(hashlib.sha256(_PREFIX + token).digest())


def consent_of(grant: str) -> str:
    """b64url(SHA-256(grant)), 43 characters: ``key`` of ``authorize``."""
    return _encode(hashlib.sha256(grant.encode()).digest())


def _encode(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
