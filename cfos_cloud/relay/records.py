"""
What goes through OpenSSL in memory, by its own functions where they can be reached.

pyOpenSSL's methods take a new buffer for each call, look for an error after each, and
say by an exception that there is nothing: three of them for a small message, and a
tenth of what it costs the server (docs/performance.md). Its binding is no public
interface; without it, these use pyOpenSSL's methods.
"""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

from OpenSSL import SSL

#: Plaintext of one TLS record at most (RFC 8446 §5.1).
RECORD_BYTES = 2**14
#: Bytes of records that go through TLS together: read in one piece, and written in one.
GATHERED_BYTES = 4 * RECORD_BYTES
#: What TLS adds to as many, at most, is less than this.
OVERHEAD_BYTES = 2**11
#: Bytes of records that are taken together, at most.
MOST_BYTES = GATHERED_BYTES + OVERHEAD_BYTES


class Records(Interface):
    """One connection's records; of a thread that all connections share."""

    def put(self, data: bytes) -> None:
        """The peer's next bytes, which are not none."""

    def read(self) -> bytes:
        """
        The plaintext of the next record that is there whole; empty: none is.

        :raises SSL.Error: nothing more will come: ``ZeroReturnError`` says that the
            peer wants it so.
        """

    def write(self, data: bytes) -> int:
        """
        Make a record of ``data``, which is not empty.

        :returns: how much of it that took: records may be short, where the peer wants
            them so (RFC 6066 §4). 0: it can't be done, or not now;
            ``SSL.Connection.send`` says why.
        """

    def take(self, most: int) -> bytes:
        """Bytes for the peer, as many as :data:`MOST_BYTES`; empty: there are none."""


class PublicRecords:
    """By pyOpenSSL's methods."""

    __slots__ = ("_connection",)

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection

    def put(self, data: bytes) -> None:
        self._connection.bio_write(data)

    def read(self) -> bytes:
        try:
            return self._connection.recv(RECORD_BYTES)
        except SSL.WantReadError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return self._connection.send(data)
        except SSL.Error:
            return 0

    def take(self, most: int) -> bytes:
        try:
            return self._connection.bio_read(most)
        except SSL.WantReadError:
            return b""


_lib: Any = getattr(SSL, "_lib", None)
_ffi: Any = getattr(SSL, "_ffi", None)
_FUNCTIONS = (
    *("BIO_read", "BIO_write", "SSL_read", "SSL_write"),
    *("SSL_get_error", "SSL_ERROR_WANT_READ"),
)
_ATTRIBUTES = ("_from_ssl", "_into_ssl", "_raise_ssl_error", "_ssl")


class DirectRecords:
    """By OpenSSL's functions, with one buffer for all connections."""

    __slots__ = ("_connection", "_from_ssl", "_into_ssl", "_ssl")

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection
        # Whoever has the first keeps all three from being freed.
        self._ssl = connection._ssl
        self._into_ssl = connection._into_ssl
        self._from_ssl = connection._from_ssl

    def put(self, data: bytes) -> None:
        if _lib.BIO_write(self._into_ssl, data, len(data)) != len(data):
            raise MemoryError("OpenSSL takes no more")

    def read(self) -> bytes:
        size = _lib.SSL_read(self._ssl, _buffer, RECORD_BYTES)
        if size > 0:
            return _ffi.buffer(_buffer, size)[:]  # type: ignore[no-any-return]
        if _lib.SSL_get_error(self._ssl, size) != _lib.SSL_ERROR_WANT_READ:
            self._connection._raise_ssl_error(self._ssl, size)
        return b""

    def write(self, data: bytes) -> int:
        size: int = _lib.SSL_write(self._ssl, data, len(data))
        return max(0, size)

    def take(self, most: int) -> bytes:
        size = _lib.BIO_read(self._from_ssl, _buffer, min(most, MOST_BYTES))
        return _ffi.buffer(_buffer, size)[:] if size > 0 else b""


def _can_be_direct() -> bool:
    if _ffi is None or not all(hasattr(_lib, name) for name in _FUNCTIONS):
        return False
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    return all(hasattr(connection, name) for name in _ATTRIBUTES)


_is_direct = _can_be_direct()
_buffer = _ffi.new("char[]", MOST_BYTES) if _is_direct else None


def records_of(connection: SSL.Connection) -> Records:
    """Those of a connection that has no socket."""
    return DirectRecords(connection) if _is_direct else PublicRecords(connection)
