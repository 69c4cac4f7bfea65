"""Why a device end has no tunnel: every way in which an attempt can end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lost:
    """
    No connection, or a connection that broke; ``up_for`` in seconds. ``turned_away``:
    the request for the tunnel got lost on the way, and another kind of it may not.
    """

    reason: str
    up_for: float = 0.0
    turned_away: bool = False


@dataclass(frozen=True)
class Refused:
    """The server takes neither Cloud ID nor password; ``reason`` says it in a line."""

    reason: str


@dataclass(frozen=True)
class ProxyDenied:
    """The proxy on the way does not take its user and password."""

    reason: str


@dataclass(frozen=True)
class Disabled:
    """The password is right, and the operator has disabled the system."""


@dataclass(frozen=True)
class Busy:
    """The server asks to come back in ``retry_after`` seconds."""

    reason: str
    retry_after: float


@dataclass(frozen=True)
class Distrusted:
    """The server's certificate is not acceptable: no proof was sent to it."""

    reason: str
    key_changed: bool = False


@dataclass(frozen=True)
class Unsuited:
    """The server can't do what this device end insists on; ``reason`` is one line."""

    reason: str


@dataclass(frozen=True)
class SentAway:
    """The server's goodbye: ``replaced``, ``disabled``, ``removed``, ``shutdown``."""

    reason: str
    retry_after: float | None
    up_for: float = 0.0


Outcome = (
    Lost | Refused | ProxyDenied | Disabled | Busy | Distrusted | Unsuited | SentAway
)
