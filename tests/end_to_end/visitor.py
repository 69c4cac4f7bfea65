"""A browser at a system's own address, where TLS may end at the device."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from cfos_cloud.listener.fingerprints import Fingerprints
from tests.end_to_end.client import Client, trusting_context
from tests.end_to_end.processes import PATIENCE


class Visitor(Client):
    """
    Asks for the host in its ``authority`` in TLS, too.

    :param known: the fingerprint of the one public key that it takes, if not any.
    :ivar certificate: the last one that it was shown.
    """

    def __init__(self, port: int, *, known: str | None = None, **more: Any) -> None:
        super().__init__(port, **more)
        self.known = known
        self.certificate: bytes | None = None

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        """
        :raises AssertionError: it is shown a certificate of another key.
        :raises ssl.SSLError: nobody speaks TLS with it.
        """
        source = None if self.source is None else (self.source, 0)
        plain = socket.create_connection((self.host, self.port), timeout, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = self.authority.partition(":")[0]
        try:
            tls = trusting_context().wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise
        self.certificate = tls.getpeercert(binary_form=True)
        if self.known is not None:
            shown = load_der_x509_certificate(self.certificate or b"")
            assert Fingerprints.of(shown).key == self.known, "another's certificate"
        return tls


def tls_refusal(client: Client) -> str:
    """
    Why a browser gets no secure connection: OpenSSL's name of the alert.

    :raises AssertionError: it gets one.
    """
    try:
        client.connect().close()
    except ssl.SSLError as error:
        return str(error.reason)
    raise AssertionError(f"somebody answers at {client.authority}")
