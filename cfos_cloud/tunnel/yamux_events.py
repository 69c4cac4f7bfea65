"""What a yamux connection reports, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass


class ProtocolError(Exception):
    """The peer broke the protocol or a limit: the connection is over."""


class LocalError(Exception):
    """Our side asked for what can't be done; the connection is unharmed."""


class GoneAway(LocalError):
    """A goaway was sent or received: no new streams."""


class StreamIDsExhausted(LocalError):
    """All stream IDs of this side were used; a new connection is needed."""


class StreamClosed(LocalError):
    """The stream is unknown, reset, or our direction of it has ended."""


# Not frozen: a large download makes 10,000 of these a second, and setting the
# fields of a frozen dataclass costs 2.5 times as much, a NamedTuple 1.7 times.


@dataclass(slots=True)
class StreamOpened:
    """The peer opened a stream; it is acknowledged already."""

    stream_id: int


@dataclass(slots=True)
class Data:
    """
    Bytes of a stream, never empty. The boundaries mean nothing: a frame may arrive
    in several pieces. They count against the window until they are ``consumed``.
    """

    stream_id: int
    data: bytes


@dataclass(slots=True)
class Fin:
    """The peer sends no more on this stream; it may still read."""

    stream_id: int


@dataclass(slots=True)
class Reset:
    """The peer ended the stream in both directions, what was queued is dropped."""

    stream_id: int


@dataclass(slots=True)
class Pong:
    """The peer answered the ping that has this value, once."""

    value: int


@dataclass(slots=True)
class GoAway:
    """The peer accepts no new streams. Live ones go on if the code is 0."""

    code: int


Event = StreamOpened | Data | Fin | Reset | Pong | GoAway
