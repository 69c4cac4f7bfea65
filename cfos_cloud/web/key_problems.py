"""What can be wrong with access keys, and what an API answers then."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping

from cfos_cloud.keys.pairing import WINDOW, PairingClosed, TooManyRequests
from cfos_cloud.keys.signing import TooManySigningKeys, UnknownSigningKey
from cfos_cloud.registry_errors import KeyEnded, TooManyKeys, UnknownKey

#: Seconds after which a device may look at its password again that has had enough of
#: wrong ones; it knows better, and does not say.
DEVICE_SECONDS = 30


class Obstacle(enum.Enum):
    """
    Why a device does not consent to a key: status, the type of the problem, and what
    to say of it.
    """

    WRONG_SECRET = 403, "wrong-secret", "this is not the device's admin password"
    OFFLINE = (
        409,
        "offline",
        "the system is offline: its device has to agree to the key, so try again later",
    )
    NO_PASSWORD = (
        409,
        "no-admin-password",
        "the device has no admin password: set one there first",
    )
    TOO_OLD = (
        409,
        "device-too-old",
        "the device end knows no access keys: update cfos-device there",
    )
    NO_ROOM = (
        409,
        "device-full",
        "the device has as many access keys as it can keep: revoke one first",
    )
    CLOCK = (
        409,
        "device-clock",
        "the device's clock is past the key's expiry: set the clock there first",
    )
    TOO_MANY_TRIES = (
        429,
        "too-many-tries",
        "the device has had too many wrong passwords: wait",
    )
    BROKEN = 502, "device-error", "the device gave no answer that can be understood"
    LOST = 502, "device-lost", "the device went offline before it had answered"
    OVERDUE = 504, "device-overdue", "the device did not answer in time"

    def __init__(self, status: int, slug: str, detail: str) -> None:
        self.status = status
        self.slug = slug
        self.detail = detail


class NoConsent(Exception):
    """A device does not consent to a key, or can't be asked."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.detail)
        self.obstacle = obstacle


class SigningKeysFailed(Exception):
    """The file of the signing keys can't be written; all is as it was."""


class KeysNotKept(Exception):
    """A change of access keys can't be written down; all is as it was."""


#: Status, what to say (``{}`` being what the exception says), and the problem's type.
KEY_PROBLEMS: Mapping[type[Exception], tuple[int, str, str | None]] = {
    PairingClosed: (
        403,
        "nobody waits for requests of keys here: the system's admin has to allow them "
        "on its page of access keys, which is for ten minutes",
        "pairing-closed",
    ),
    UnknownKey: (404, "no access key has the ID {}", None),
    UnknownSigningKey: (404, "no signing key is called {}", None),
    KeyEnded: (409, "the access key is revoked or has expired", "key-ended"),
    TooManyKeys: (
        409,
        "there are as many access keys as there may be: revoke one first",
        "too-many-keys",
    ),
    TooManySigningKeys: (
        409,
        "there are as many signing keys as there may be, all with keys under them",
        "too-many-signing-keys",
    ),
    TooManyRequests: (
        429,
        "as many applications have asked as may while the admin allows it",
        "too-many-requests",
    ),
    KeysNotKept: (503, "the access keys stay as they were: {}", None),
    SigningKeysFailed: (503, "the signing keys stay as they were: {}", None),
}


def retry_after(error: BaseException) -> float | None:
    """Seconds after which to try again; ``None``: that is not known."""
    if isinstance(error, TooManyRequests):
        return math.ceil(WINDOW)
    is_waiting = isinstance(error, NoConsent) and (
        error.obstacle is Obstacle.TOO_MANY_TRIES
    )
    return DEVICE_SECONDS if is_waiting else None
