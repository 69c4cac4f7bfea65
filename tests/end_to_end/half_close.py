"""TLS as a socket that can end one direction alone, which Python's own can't."""

from __future__ import annotations

import contextlib
import socket
import ssl


class TLSSocket:
    """As much of a socket as a :class:`~tests.end_to_end.client.Wire` needs."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        # The certificate is self-signed, and this is loopback.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                break
            self._exchange()
        self._flush()

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def recv(self, size: int) -> bytes:
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._exchange()
            except ssl.SSLZeroReturnError:
                return b""

    def shutdown(self, how: int) -> None:
        """close_notify, and no more than that."""
        assert how == socket.SHUT_WR
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()

    def close(self) -> None:
        self._plain.close()

    def _flush(self) -> None:
        self._plain.sendall(self._outgoing.read())

    def _exchange(self) -> None:
        self._flush()
        data = self._plain.recv(2**18)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
