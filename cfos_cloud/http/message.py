"""
What a message is made of (RFC 9112).

Heads are named tuples, not frozen dataclasses, which take longer to make: both ends
make one for every request.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

#: A field line: name in lower case, name as received, value without outer blanks.
Field = tuple[bytes, bytes, bytes]


class End(Enum):
    """The message is complete."""

    END = 0


END = End.END


class BadMessage(NamedTuple):
    """
    The peer broke a rule; the last event of its connection. ``status`` is the
    answer where it was a request (RFC 9110 §15), ``reason`` is for the log.
    """

    status: int
    reason: str


class RequestHead(NamedTuple):
    """A request's head that passed every rule of :mod:`cfos_cloud.http.rules`."""

    method: bytes
    target: bytes
    #: HTTP/1.1; else HTTP/1.0.
    is_11: bool
    fields: list[Field]
    host: bytes
    #: Bytes of the body; 0: none; ``None``: chunked.
    length: int | None
    keep_alive: bool
    #: The protocols of ``Upgrade`` where ``Connection`` names it, else ``None``.
    upgrade: bytes | None
    #: Lower-case names that ``Connection`` nominates (RFC 9110 §7.6.1).
    nominated: frozenset[bytes]


class ResponseHead(NamedTuple):
    """A response's head; ``status`` below 200 other than 101: more heads follow."""

    status: int
    reason: bytes
    fields: list[Field]
    #: Bytes of the body as declared, ``None``: chunked or until the end.
    length: int | None
    #: The body ends with the connection.
    until_close: bool
    keep_alive: bool
    nominated: frozenset[bytes]


RequestEvent = RequestHead | bytes | End | BadMessage
ResponseEvent = ResponseHead | bytes | End | BadMessage


def value_of(fields: list[Field], name: bytes) -> bytes | None:
    """The value of the first field called ``name`` (lower case), if there is one."""
    for lower, _, value in fields:
        if lower == name:
            return value
    return None
