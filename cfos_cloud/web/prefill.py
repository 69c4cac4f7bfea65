"""
What the log-in form has in it already: the last log-in of this browser.

It comes from a cookie alone, never from what was just sent: the answer to a log-in
that failed must not depend on that. Log-out forgets it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id

_ROLES = {b"a": True, b"u": False}


@dataclass(frozen=True)
class Prefill:
    """Cloud ID, and whether the box "admin" was ticked; nothing of the secret."""

    cloud_id: str
    as_admin: bool

    @classmethod
    def read(cls, cookie: bytes | None) -> Prefill | None:
        """From the cookie's value; ``None`` where it can't be one of ours."""
        role, _, cloud_id = (cookie or b"").partition(b".")
        try:
            return cls(check_cloud_id(cloud_id.decode("ascii")), _ROLES[role])
        except (InvalidCloudID, KeyError, UnicodeDecodeError):
            return None

    def to_cookie(self) -> bytes:
        """The cookie's value."""
        role = b"a" if self.as_admin else b"u"
        return role + b"." + self.cloud_id.encode("ascii")
