"""What a vector is."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

#: A session's token is as long, so that bodies keep their lengths where a real one
#: takes its place.
TOKEN = b"T" * 43
COOKIE = b"Cookie: cfos=" + TOKEN + b"\r\n"
HOST = b"Host: h.example\r\n" + COOKIE


class RequestVector(NamedTuple):
    """
    A client's bytes.

    :ivar rule: its name in docs/http-rules.md.
    :ivar bodies: of the requests that may get through, in their order.
    :ivar status: of the answer to what may not; 0: the connection is cut, since the
        body broke off behind a head that was good. ``None``: there is no such thing.
    """

    name: str
    rule: str
    data: bytes
    bodies: tuple[bytes, ...]
    status: int | None


class Outcome(Enum):
    """What a client gets of a device's bytes."""

    #: The response.
    PASSED = auto()
    #: Our own 502.
    REFUSED = auto()
    #: A beginning, and then the end of the connection, so that it is no whole; or our
    #: own 502, where nothing of it was sent yet.
    CUT = auto()
    #: The 101, and what follows.
    SWITCHED = auto()


class ResponseVector(NamedTuple):
    """
    A device's bytes, and then the end of its connection if ``closes``.

    :ivar rule: its name in docs/http-rules.md.
    :ivar body: what the client gets of it.
    :ivar method: of the request; ``UPGRADE``: a GET that asks for a WebSocket.
    """

    name: str
    rule: str
    data: bytes
    outcome: Outcome
    body: bytes = b""
    method: bytes = b"GET"
    closes: bool = False
