"""The one thing a server can say to a TLS client without a certificate."""

from __future__ import annotations

from enum import IntEnum

_ALERT_RECORD = 21
_FATAL = 2


class Alert(IntEnum):
    """Why there is no connection (RFC 8446 §6.2)."""

    INTERNAL_ERROR = 80
    #: There is nobody of the name that was asked for (RFC 6066 §3).
    UNRECOGNIZED_NAME = 112


def fatal(alert: Alert) -> bytes:
    """
    A record that ends a handshake of which the client has seen nothing yet; all
    versions of TLS take it so (RFC 8446 §5.1 for its version, §6 for the rest).
    """
    return bytes((_ALERT_RECORD, 3, 3, 0, 2, _FATAL, alert))
