"""
What the server writes down: who did what, and when.

No secret is ever a part of it. Rooms know the :class:`EventLog`, not who keeps it.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

#: Characters of an actor, an address and a detail; what is longer is cut.
MAX_ACTOR = 100
MAX_CLIENT = 64
MAX_DETAIL = 200

#: NUL, which PostgreSQL takes in no text, other control characters, surrogates.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class EventKind(enum.Enum):
    """The values are part of the API and stay."""

    SERVER_STARTED = "server_started"
    SERVER_STOPPED = "server_stopped"
    #: ``times`` so many events found no room in memory while the database was away.
    EVENTS_LOST = "events_lost"
    BACKUP_MADE = "backup_made"
    SETTINGS_CHANGED = "settings_changed"
    LOG_LEVEL_CHANGED = "log_level_changed"
    CERTIFICATE_IMPORTED = "certificate_imported"
    CERTIFICATE_RENEWED = "certificate_renewed"
    CERTIFICATE_REMOVED = "certificate_removed"

    ADMIN_PASSWORD_CHANGED = "admin_password_changed"  # noqa: S105 - no password
    OPERATOR_LOGGED_IN = "operator_logged_in"
    OPERATOR_LOGGED_OUT = "operator_logged_out"
    OPERATOR_LOGIN_FAILED = "operator_login_failed"

    SYSTEM_ADDED = "system_added"
    SYSTEM_RENAMED = "system_renamed"
    SYSTEM_ENABLED = "system_enabled"
    SYSTEM_DISABLED = "system_disabled"
    SYSTEM_PASSWORD_CHANGED = "system_password_changed"  # noqa: S105 - no password
    #: The operator has cut its tunnel; it may come back.
    SYSTEM_DISCONNECTED = "system_disconnected"
    SYSTEM_REMOVED = "system_removed"
    #: Removed with all that was known of it, so that not even its name is here.
    SYSTEM_ERASED = "system_erased"

    #: Tunnels: ``actor`` is ``device``.
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    TUNNEL_REFUSED = "tunnel_refused"
    #: From now on the system's TLS ends at its device, or at this server again.
    END_TO_END_ON = "end_to_end_on"
    END_TO_END_OFF = "end_to_end_off"

    #: Browsers at a system's device.
    LOGGED_IN = "logged_in"
    LOGIN_FAILED = "login_failed"
    LOGGED_OUT = "logged_out"
    #: All sessions of a system at once, by its admin.
    SESSIONS_ENDED = "sessions_ended"
    #: A source has to wait; ``detail`` says at which door.
    THROTTLED = "throttled"

    #: Access keys: ``cloud_id`` is that of the key's system, ``None`` for the
    #: operator's; ``detail`` has role and name.
    KEY_CREATED = "key_created"
    #: By an application, while the system's admin let it.
    KEY_REQUESTED = "key_requested"
    KEY_AUTHORISED = "key_authorised"
    KEY_AUTHORISATION_FAILED = "key_authorisation_failed"
    #: Its device does not know it any more: it is pending again.
    KEY_SUSPENDED = "key_suspended"
    KEY_REVOKED = "key_revoked"
    PAIRING_OPENED = "pairing_opened"
    SIGNING_KEY_ROTATED = "signing_key_rotated"
    SIGNING_KEY_DROPPED = "signing_key_dropped"

    #: Written by another version of this program.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Origin:
    """
    Who wants something, and from which address.

    ``actor`` is ``server``, ``operator``, ``device``; at a system's device ``admin``
    or ``user:NAME``; ``key:NAME`` is an access key; ``nobody`` has proven nothing.
    """

    actor: str
    client: str | None = None


#: The program itself, and whoever starts it.
SERVER = Origin("server")


@dataclass(frozen=True)
class Event:
    """
    ``time`` is aware. ``cloud_id`` is that of a registered system, as the registry
    spells it. ``times``: so many like it, of which only this one is kept. ``id`` is
    the store's.
    """

    time: datetime
    kind: EventKind
    actor: str
    cloud_id: str | None = None
    client: str | None = None
    detail: str = ""
    times: int = 1
    id: int | None = None


def make_event(
    time: datetime,
    kind: EventKind,
    by: Origin = SERVER,
    cloud_id: str | None = None,
    detail: str = "",
) -> Event:
    """An event whose texts every database takes, see :func:`fit_text`."""
    return Event(
        time,
        kind,
        fit_text(by.actor, MAX_ACTOR),
        cloud_id,
        None if by.client is None else fit_text(by.client, MAX_CLIENT),
        fit_text(detail, MAX_DETAIL),
    )


def fit_text(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, and none that control anything."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text[:limit])


class EventLog(Protocol):
    """Where events go."""

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        """
        Keep it soon. Costs next to nothing, and never fails; kinds that others can
        cause at will are counted rather than kept once there are too many.

        :param cloud_id: of a registered system only: what else people type as a
            Cloud ID may be a password.
        :param detail: never a secret.
        """


class NoEvents:
    """An :class:`EventLog` for who keeps none."""

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        """Forget it."""


NO_EVENTS = NoEvents()
