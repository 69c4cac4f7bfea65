"""Why a command of the operator's tool fails."""

from __future__ import annotations


class ToolError(Exception):
    """The server says no, or is not there; the message is one clear line."""

    status = 1


class BadUsage(ToolError):
    """What was asked makes no sense as it was asked."""

    status = 2


class Refused(ToolError):
    """
    The operator API says no.

    :ivar field: the member or parameter at fault, if it is one.
    """

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.detail = detail
        self.field = field


class ServerKeyChanged(ToolError):
    """The server shows another key than before, and no CA vouches for it."""


class UnknownServerKey(ToolError):
    """
    Nobody vouches for the server's key, and it was not seen before.

    :ivar pin: of the key, to be remembered if somebody knows it to be right.
    """

    def __init__(self, message: str, pin: str) -> None:
        super().__init__(message)
        self.pin = pin
