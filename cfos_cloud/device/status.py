"""What a device end is doing, as another part of the same process may show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class DeviceState(Enum):
    """The five things that can be said of a device end."""

    #: It does not run.
    OFF = "off"
    #: It is on its way to the server: connection, proof, greeting.
    CONNECTING = "connecting"
    #: The tunnel is up: people can log in.
    CONNECTED = "connected"
    #: No connection, or a lost one, or the server is busy: it tries again by itself.
    WAITING = "waiting"
    #: Wrong password, disabled, removed, replaced, or a server that can't be trusted:
    #: somebody has to change something. It tries again by itself, minutes later.
    REFUSED = "refused"


class Cause(Enum):
    """Why there is no tunnel, for whoever has words of their own for it."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    SHUTDOWN = "shutdown"
    #: The server does not take Cloud ID and password, or knows another password.
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - no password
    DISABLED = "disabled"
    REMOVED = "removed"
    REPLACED = "replaced"
    #: The server's certificate is not acceptable.
    UNTRUSTED = "untrusted"
    #: It can't do what this device end insists on.
    UNSUITED = "unsuited"


@dataclass(frozen=True)
class DeviceStatus:
    """
    Times are seconds since the epoch.

    :param since: when this state began.
    :param reason: one line for people, in English, as the log has it. While
        ``CONNECTING`` it is what ended the attempt before, empty at the first one;
        empty while ``OFF``.
    :param retry_at: when the next attempt begins; ``WAITING`` and ``REFUSED`` only.
    :param cause: what ``reason`` is about; ``WAITING`` and ``REFUSED`` only.
    :param login_url: where people log in; ``CONNECTED`` only. It came from the
        server: http or https, printable ASCII without spaces.
    """

    state: DeviceState
    since: float
    reason: str = ""
    retry_at: float | None = None
    login_url: str | None = None
    cause: Cause | None = None


StatusListener = Callable[[DeviceStatus], object]
