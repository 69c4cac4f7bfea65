"""
A tunnel's bytes in binary messages of a WebSocket (RFC 6455), without I/O.

The handshake is not here: it is one with the proof of the Cloud password. Source:
docs/tunnel-protocol.md, "As a WebSocket".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token, generate_nonce

#: In ``Sec-WebSocket-Protocol``: what the messages hold.
SUBPROTOCOL = b"cfos-tunnel.1"
#: In ``Sec-WebSocket-Version`` (§4.1).
VERSION = b"13"
#: Payload of one message of ours at most; the peer's may have any size, since none is
#: kept until it is whole.
MESSAGE_BYTES = 2**16


@dataclass(frozen=True)
class PeerPings:
    """Wants :meth:`WebSocketFrames.pong` with this payload, 125 bytes at most."""

    payload: bytes


@dataclass(frozen=True)
class PeerCloses:
    """The last event: the peer sends nothing more."""


@dataclass(frozen=True)
class PeerBroken:
    """The last event: the peer did not keep to the protocol; ``why`` for the log."""

    why: str


FrameEvent = bytes | PeerPings | PeerCloses | PeerBroken


def new_key() -> bytes:
    """A value for ``Sec-WebSocket-Key``: 16 random bytes in base64."""
    return generate_nonce()


def accept_of(key: bytes) -> bytes:
    """The ``Sec-WebSocket-Accept`` that answers ``key`` (§4.2.2)."""
    return generate_accept_token(key)


class WebSocketFrames:
    """
    One side of an open WebSocket; a ``client`` masks what it sends (§5.3). Control
    frames apart, at most 125 bytes each, nothing of what comes is kept.
    """

    def __init__(self, *, client: bool) -> None:
        kind = ConnectionType.CLIENT if client else ConnectionType.SERVER
        self._connection = Connection(kind)
        self._ended = False
        #: Whether :meth:`receive` has left something for the next call.
        self.unread = False

    @property
    def open(self) -> bool:
        """Whether something may still be sent."""
        return self._connection.state is ConnectionState.OPEN

    def messages(self, data: bytes) -> bytes:
        """``data`` in messages; nothing once :meth:`close` was called."""
        if not self.open:
            return b""
        if len(data) <= MESSAGE_BYTES:
            return self._connection.send(BytesMessage(data))
        return b"".join(
            self._connection.send(BytesMessage(data[start : start + MESSAGE_BYTES]))
            for start in range(0, len(data), MESSAGE_BYTES)
        )

    def pong(self, payload: bytes) -> bytes:
        """The answer to a ping; nothing once :meth:`close` was called."""
        return self._connection.send(Pong(payload)) if self.open else b""

    def close(self, *, broken: bool = False) -> bytes:
        """Our part of the closing handshake (§7.1.2); nothing if it is out already."""
        state = self._connection.state
        if state not in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            return b""
        code = CloseReason.PROTOCOL_ERROR if broken else CloseReason.NORMAL_CLOSURE
        return self._connection.send(CloseConnection(code))

    def receive(self, data: bytes, most: int | None = None) -> Iterator[FrameEvent]:
        """
        What ``data`` says, to be read to its end; nothing after the last event.

        :param most: frames, or parts of one, that are looked at, with or without an
            event; see :attr:`unread`.
        """
        self.unread = False
        if self._ended:
            return
        self._connection.receive_data(data)
        if most == 0:
            self.unread = True
            return
        for number, event in enumerate(self._connection.events(), 1):
            self.unread = number == most
            match event:
                case BytesMessage(payload):
                    if payload:
                        yield bytes(payload)
                case Ping(payload):
                    yield PeerPings(bytes(payload))
                case CloseConnection():
                    self._ended = True
                    self.unread = False
                    if self.open:
                        # wsproto's way to say that it could not read on.
                        yield PeerBroken(str(event.reason))
                    else:
                        yield PeerCloses()
                    return
                case Message():
                    self._ended = True
                    self.unread = False
                    yield PeerBroken("a message is text")
                    return
            if self.unread:
                return
