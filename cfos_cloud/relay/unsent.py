"""Connections that many share: what waits in the system, all of them wait for."""

from __future__ import annotations

from twisted.internet.interfaces import ITransport

from cfos_cloud.relay.prompt import PromptTLS, PromptTransport

#: Bytes of such a connection that the system may keep because it can't send them yet;
#: Linux adds up to 64 KiB to them. Its own bound is some megabytes, which on a slow
#: line are many seconds.
UNSENT_BYTES = 32 * 1024


def keep_unsent_short(transport: ITransport | None) -> None:
    """
    Have the system take little in advance of what it can send, and who writes pause as
    soon as it takes no more. What is under way, and not acknowledged yet, is not
    bounded by this. No effect on what is no prompt transport.
    """
    below = transport.transport if isinstance(transport, PromptTLS) else transport
    if isinstance(below, PromptTransport):
        below.keep_unsent_short(UNSENT_BYTES)
