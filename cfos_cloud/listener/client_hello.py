"""
The server name that a TLS client asks for, read from its first bytes.

Nothing here takes part in TLS: whoever the connection goes to gets the same bytes.
With Encrypted ClientHello it is the outer name, which is all that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from cfos_cloud.listener.first_bytes import (
    MAX_FIRST_BYTES,
    TLS_HANDSHAKE,
    Route,
    choose,
)

#: Records over which a ClientHello may be spread. Clients send one, or two to slip
#: past a filter; without a bound each byte could come in a record of its own, all of
#: them read again at each next one.
MAX_RECORDS = 32
#: Content of a record (RFC 8446 §5.1).
MAX_FRAGMENT = 2**14
#: What each begins with: its type, and the half of its version that never changes.
_START = bytes((TLS_HANDSHAKE, 3))
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0
#: A name in DNS, or what somebody takes for one.
_NAME = re.compile(rb"[A-Za-z0-9._-]{1,255}\Z")


class Asked(NamedTuple):
    """
    What is known of the ClientHello. Not ``complete``: there has to be more first.
    ``name``: the one host name in it, in lower case, without a dot at its end.
    """

    complete: bool
    name: bytes | None = None


_NOTHING = Asked(complete=True)
_MORE = Asked(complete=False)


class _Malformed(Exception):
    """What a ClientHello can't be."""


class _Bytes:
    """Takes bytes from the left, as long as there are some."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """:raises _Malformed: there are not so many."""
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise _Malformed
        self._at += count
        return taken

    def number(self, size: int) -> int:
        """A number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """What follows its own length of ``size`` bytes (RFC 8446 §3.4)."""
        return self.take(self.number(size))


def asked_for(seen: bytes) -> Asked:
    """
    What the first bytes of a connection ask for. Whatever is no ClientHello with
    exactly one host name in it, as RFC 8446 §4.1.2 and RFC 6066 §3 have it, is
    complete and without a name; it is for TLS itself to say what is wrong.
    """
    try:
        hello = _hello(seen)
        return _MORE if hello is None else Asked(True, _name(hello))
    except _Malformed:
        return _NOTHING


def is_whole(seen: bytes) -> bool:
    """Whether a ClientHello is all there, or can't become one any more."""
    try:
        return _hello(seen) is not None
    except _Malformed:
        return True


def by_name(is_passed: Callable[[bytes], bool]) -> Callable[[bytes], Route]:
    """
    A choice for a port on which some names are passed on unopened: those for which
    ``is_passed`` says so. A ClientHello that is longer than
    :data:`~cfos_cloud.listener.first_bytes.MAX_FIRST_BYTES` is not one of theirs.
    """

    def choose_by_name(seen: bytes) -> Route:
        route = choose(seen)
        if route is not Route.TLS:
            return route
        asked = asked_for(seen)
        if not asked.complete:
            return Route.TLS if len(seen) >= MAX_FIRST_BYTES else Route.NEED_MORE
        if asked.name is not None and is_passed(asked.name):
            return Route.PASSED
        return Route.TLS

    return choose_by_name


def _hello(seen: bytes) -> bytes | None:
    """
    The body of the ClientHello, from its records; ``None``: it is not whole yet.

    :raises _Malformed: it can't become one.
    """
    message = b""
    at = 0
    for _ in range(MAX_RECORDS):
        header = seen[at : at + 5]
        if not _START.startswith(header[:2]):
            raise _Malformed
        if len(header) < 5:
            return None
        length = int.from_bytes(header[3:], "big")
        # Records of the handshake are never empty.
        if not 0 < length <= MAX_FRAGMENT:
            raise _Malformed
        message += seen[at + 5 : at + 5 + length]
        if message and message[0] != _CLIENT_HELLO:
            raise _Malformed
        at += 5 + length
        if len(message) >= 4:
            whole = 4 + int.from_bytes(message[1:4], "big")
            if whole > MAX_FIRST_BYTES:
                raise _Malformed
            missing_here = max(0, at - len(seen))
            if len(message) + missing_here > whole:
                # Something else begins in the record in which it ends.
                raise _Malformed
            if len(message) == whole:
                return message[4:]
        if at > len(seen):
            return None
    raise _Malformed


def _name(hello: bytes) -> bytes | None:
    """:raises _Malformed: it is no ClientHello, or names more than one host."""
    fields = _Bytes(hello)
    fields.take(2 + 32)  # legacy_version, random
    fields.vector(1)  # legacy_session_id
    fields.vector(2)  # cipher_suites
    fields.vector(1)  # legacy_compression_methods
    if not fields:
        return None
    extensions = _Bytes(fields.vector(2))
    if fields:
        raise _Malformed
    found: bytes | None = None
    while extensions:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME:
            if found is not None:
                raise _Malformed
            found = _host_name(content)
    return found


def _host_name(content: bytes) -> bytes:
    """
    The name of a ``ServerNameList``. There is no other type than ``host_name``, and
    at most one of each.

    :raises _Malformed: there is not exactly one, or no host has such a name.
    """
    extension = _Bytes(content)
    names = _Bytes(extension.vector(2))
    if extension or names.number(1) != _HOST_NAME:
        raise _Malformed
    name = names.vector(2)
    if names or _NAME.match(name) is None:
        raise _Malformed
    return name.lower().removesuffix(b".")
