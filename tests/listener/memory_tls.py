"""TLS handshakes between our server and the standard library, in memory."""

from __future__ import annotations

import ssl
from contextlib import suppress

from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOProtocol

from cfos_cloud.listener.tls import ReloadableTLS


class Client:
    """A client that trusts anybody and takes what any OpenSSL can do."""

    def __init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def handshake(
        self,
        tls: ReloadableTLS,
        name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Handshake:
        """
        :param name: what it asks for.
        :param session: one to resume.
        :raises ssl.SSLError: what the client makes of the server's alert.
        """
        server = tls.serverConnectionForTLS(_NO_PROTOCOL)
        server.set_accept_state()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context.wrap_bio(
            incoming, outgoing, server_hostname=name, session=session
        )
        for _ in range(10):
            try:
                client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            if outgoing.pending:
                server.bio_write(outgoing.read())
            try:
                server.do_handshake()
            except SSL.Error:
                done = False
            try:
                incoming.write(server.bio_read(2**16))
            except SSL.WantReadError:
                if done:
                    break
        return Handshake(client, server, incoming)


class Handshake:
    """Two ends that have agreed."""

    def __init__(
        self, client: ssl.SSLObject, server: SSL.Connection, incoming: ssl.MemoryBIO
    ) -> None:
        self.client = client
        self.server = server
        self._incoming = incoming

    def session(self) -> ssl.SSLSession | None:
        """With what the client may come again; its ticket has come with some data."""
        self.server.send(b"!")
        self._incoming.write(self.server.bio_read(2**16))
        assert self.client.read(1) == b"!"
        return self.client.session

    @property
    def der(self) -> bytes:
        """The certificate as the client received it."""
        der = self.client.getpeercert(binary_form=True)
        assert der is not None
        return der


def connect(client: SSL.Connection, tls: ReloadableTLS) -> SSL.Connection:
    """Complete the handshake of a pyOpenSSL client; the server's end of it."""
    server = tls.serverConnectionForTLS(_NO_PROTOCOL)
    server.set_accept_state()
    for end, other in [(client, server), (server, client)] * 3:
        with suppress(SSL.WantReadError):
            end.do_handshake()
        with suppress(SSL.WantReadError):
            other.bio_write(end.bio_read(2**16))
    return server


# The server's connection creator has no use for the protocol.
_NO_PROTOCOL: TLSMemoryBIOProtocol = None  # type: ignore[assignment]
