"""
How a tunnel is asked for: by an upgrade of its own, or as a WebSocket.

Some networks let only WebSockets through, so with ``auto`` one way is tried after the
other until one leads to the server; that one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Protocol

from cfos_cloud.device.outcomes import Lost, Outcome
from cfos_cloud.tunnel.websocket_frames import SUBPROTOCOL, VERSION, accept_of, new_key

UPGRADE = "cfos-tunnel/1"


class Transport(Enum):
    """What ``--transport`` takes."""

    AUTO = "auto"
    UPGRADE = "upgrade"
    WEBSOCKET = "websocket"


class Way(Enum):
    """What one connection tries; the value is for the log."""

    UPGRADE = "by Upgrade"
    WEBSOCKET = "as a WebSocket"


class Values(Protocol):
    """The values of a response's field, by its name in lower case."""

    def __call__(self, name: str) -> Sequence[bytes]: ...


class UpgradeRequest:
    """
    The part of one request that asks for the upgrade.

    :param key: makes a new ``Sec-WebSocket-Key``.
    """

    def __init__(self, way: Way, key: Callable[[], bytes] = new_key) -> None:
        self._way = way
        self._key = key() if way is Way.WEBSOCKET else b""

    @property
    def lines(self) -> bytes:
        """Header lines."""
        if self._way is Way.UPGRADE:
            return f"Connection: Upgrade\r\nUpgrade: {UPGRADE}\r\n".encode("ascii")
        return (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n"
            b"Sec-WebSocket-Protocol: %b\r\n" % (VERSION, self._key, SUBPROTOCOL)
        )

    def is_granted(self, values: Values) -> bool:
        """Whether a 101 with these fields is to what was asked for."""
        protocols = _tokens(values("upgrade"))
        if self._way is Way.UPGRADE:
            return UPGRADE.encode("ascii") in protocols
        return (
            b"websocket" in protocols
            and list(values("sec-websocket-accept")) == [accept_of(self._key)]
            and list(values("sec-websocket-protocol")) == [SUBPROTOCOL]
            and not values("sec-websocket-extensions")
        )


class Ways:
    """Which way the next attempt goes."""

    def __init__(self, transport: Transport) -> None:
        self._free = transport is Transport.AUTO
        self.current = (
            Way.WEBSOCKET if transport is Transport.WEBSOCKET else Way.UPGRADE
        )

    def after(self, outcome: Outcome) -> Outcome:
        """
        Note how an attempt or a tunnel has ended; ``outcome`` for people, who are told
        if the next attempt goes the other way.
        """
        if not (self._free and isinstance(outcome, Lost) and outcome.turned_away):
            return outcome
        turned = self.current is Way.UPGRADE
        self.current = Way.WEBSOCKET if turned else Way.UPGRADE
        return replace(
            outcome, reason=f"{outcome.reason}; next time {self.current.value}"
        )


def _tokens(values: Sequence[bytes]) -> set[bytes]:
    return {token.strip().lower() for token in b",".join(values).split(b",")}
