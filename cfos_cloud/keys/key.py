"""What an access key is: whose, for what, and whether it works now."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

#: The scope of keys that are the operator's: the cloud, and no one system.
CLOUD = "cloud"
#: Characters of a key's name.
MAX_NAME = 64


class Role(enum.Enum):
    """What a key may do; the values are in tokens, and stay."""

    #: Read ``/api/json/…``, nothing else.
    API = "api"
    #: All that a person who is logged in as admin may.
    ADMIN = "admin"


class KeyState(enum.Enum):
    """The values are part of the API, and stay."""

    #: Made, or forgotten by its device: it works once somebody authorises it.
    PENDING = "pending"
    AUTHORISED = "authorised"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True)
class AccessKey:
    """
    The row behind a key, which is the authority; all times are aware. Its token is
    nowhere.
    """

    #: ``jti`` of the token: 128 random bits, base64url.
    id: str
    #: Of its system, as the registry spells it; ``None``: of scope ``cloud``.
    cloud_id: str | None
    name: str
    role: Role
    #: The signing key that its token is under.
    kid: str
    #: Of its token, see :mod:`cfos_cloud.keys.consent`: what the device knows it by.
    consent: str = field(repr=False)
    created: datetime
    expires: datetime | None = None
    authorised: datetime | None = None
    revoked: datetime | None = None
    #: Within half a minute, see ``Keys.used``.
    last_used: datetime | None = None
    last_client: str | None = None
    #: What an application that asked for the key shows, and whence it asked.
    code: str | None = None
    requested_from: str | None = None

    @property
    def scope(self) -> str:
        """``sub`` of its token: the Cloud ID, or ``cloud``."""
        return CLOUD if self.cloud_id is None else self.cloud_id

    def state(self, now: datetime) -> KeyState:
        """How it is at ``now``."""
        if self.revoked is not None:
            return KeyState.REVOKED
        if self.expires is not None and self.expires <= now:
            return KeyState.EXPIRED
        if self.authorised is None:
            return KeyState.PENDING
        return KeyState.AUTHORISED

    def works(self, now: datetime) -> bool:
        """Whether requests with it are let through at ``now``."""
        return self.state(now) is KeyState.AUTHORISED
