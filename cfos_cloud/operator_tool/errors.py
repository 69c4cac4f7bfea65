"""Why a command of the operator's tool fails."""

from __future__ import annotations


class ToolError(Exception):
    """The server says no, or is not there; the message is one clear line."""

    status = 1


class BadUsage(ToolError):
    """What was asked makes no sense as it was asked."""

    status = 2


class ServerKeyChanged(ToolError):
    """The server shows another key than before, and no CA vouches for it."""
