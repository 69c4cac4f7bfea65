"""What a device end says in its ClientHello."""

from __future__ import annotations

from typing import cast

from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.tls_client import RecordingTLS
from cfos_cloud.listener.client_hello import asked_for


class ClientHelloTests(SynchronousTestCase):
    def hello(self, server: str) -> bytes:
        tls = RecordingTLS(parse_origin(server))
        nobody = cast(TLSMemoryBIOProtocol, None)
        connection = tls.clientConnectionForTLS(nobody)
        connection.set_connect_state()
        self.assertRaises(SSL.WantReadError, connection.do_handshake)
        return connection.bio_read(2**15)

    def test_it_asks_for_http_and_announces_a_tunnel(self) -> None:
        self.assertIn(b"\x08http/1.1\x0dcfos-tunnel/1", self.hello("https://c.example"))

    def test_it_names_the_host_but_not_an_address(self) -> None:
        named = asked_for(self.hello("https://cloud.example:4443"))
        self.assertEqual(named.name, b"cloud.example")
        self.assertIsNone(asked_for(self.hello("https://192.0.2.1:4443")).name)
