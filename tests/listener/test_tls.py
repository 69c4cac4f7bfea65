from __future__ import annotations

import socket
import ssl
import warnings
from datetime import UTC, datetime
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.self_signed import make_self_signed, new_key, server_names
from cfos_cloud.listener.sniffer import SnifferFactory
from cfos_cloud.listener.tls import (
    TLS_1_2_CIPHERS,
    ReloadableTLS,
    served_certificate,
)
from tests.listener.authority import NOW, Authority
from tests.listener.fake_socket import port_of
from tests.listener.memory_tls import Client, connect


def certificate() -> Certificate:
    return make_self_signed(new_key(), server_names("cellar"), NOW)


def rsa_certificate() -> Certificate:
    key = rsa.generate_private_key(65537, 2048)
    return make_self_signed(key, server_names("cellar"), NOW)


class ProfileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tls = ReloadableTLS(certificate())
        self.client = Client()

    def only(self, version: ssl.TLSVersion) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.client.context.minimum_version = version
            self.client.context.maximum_version = version
        self.client.context.set_ciphers("ALL:@SECLEVEL=0")

    def test_tls_1_3_and_1_2_are_spoken(self) -> None:
        for version, name in (
            (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
            (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        ):
            self.only(version)
            self.assertEqual(self.client.handshake(self.tls).client.version(), name)

    def test_tls_1_1_and_1_0_are_refused(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
            self.only(version)
            error = self.assertRaises(ssl.SSLError, self.client.handshake, self.tls)
            self.assertEqual(error.reason, "TLSV1_ALERT_PROTOCOL_VERSION")

    def accepted(self, tls: ReloadableTLS) -> set[str]:
        self.only(ssl.TLSVersion.TLSv1_2)
        accepted = set()
        names = {
            str(cipher["name"])
            for cipher in self.client.context.get_ciphers()
            if cipher["protocol"] != "TLSv1.3"
        }
        self.assertIn("AES128-SHA", names)
        for name in names:
            self.client.context.set_ciphers(f"{name}:@SECLEVEL=0")
            try:
                self.client.handshake(tls)
            except ssl.SSLError:
                continue
            accepted.add(name)
        return accepted

    def test_the_ciphers_are_mozillas_intermediate_ones(self) -> None:
        ecdsa, by_rsa = (
            self.accepted(self.tls),
            self.accepted(ReloadableTLS(rsa_certificate())),
        )
        self.assertEqual(ecdsa | by_rsa, set(TLS_1_2_CIPHERS))
        self.assertEqual(ecdsa & by_rsa, set())

    def test_the_client_chooses_among_ciphers(self) -> None:
        self.only(ssl.TLSVersion.TLSv1_2)
        for first, second in (
            (TLS_1_2_CIPHERS[0], TLS_1_2_CIPHERS[2]),
            (TLS_1_2_CIPHERS[2], TLS_1_2_CIPHERS[0]),
        ):
            self.client.context.set_ciphers(f"{first}:{second}")
            cipher = self.client.handshake(self.tls).client.cipher()
            assert cipher is not None
            self.assertEqual(cipher[0], first)

    def test_the_curves_are_those_of_the_profile(self) -> None:
        # A client has to know the curve of an ECDSA certificate's key too.
        tls = ReloadableTLS(rsa_certificate())
        self.only(ssl.TLSVersion.TLSv1_2)
        for curve, taken in (
            ("prime256v1", True),
            ("secp384r1", True),
            ("secp521r1", False),
            ("secp256k1", False),
        ):
            self.client.context.set_ecdh_curve(curve)
            if taken:
                self.client.handshake(tls)
            else:
                with self.assertRaises(ssl.SSLError):
                    self.client.handshake(tls)

    def test_http_1_1_is_agreed_on_where_it_is_offered(self) -> None:
        self.client.context.set_alpn_protocols(["h2", "http/1.1"])
        handshake = self.client.handshake(self.tls)
        self.assertEqual(handshake.client.selected_alpn_protocol(), "http/1.1")

    def test_a_client_with_h2_alone_connects_without_a_protocol(self) -> None:
        self.client.context.set_alpn_protocols(["h2"])
        handshake = self.client.handshake(self.tls)
        self.assertIsNone(handshake.client.selected_alpn_protocol())

    def test_a_client_without_alpn_connects(self) -> None:
        handshake = self.client.handshake(self.tls)
        self.assertIsNone(handshake.client.selected_alpn_protocol())

    def test_there_is_no_compression(self) -> None:
        self.assertIsNone(self.client.handshake(self.tls).client.compression())

    def test_a_client_can_not_renegotiate(self) -> None:
        self.only(ssl.TLSVersion.TLSv1_2)
        server = self.client.handshake(self.tls).server
        self.assertEqual(server.total_renegotiations(), 0)
        self.assertFalse(server.renegotiate_pending())
        with self.assertRaises(SSL.Error):
            server.renegotiate()

    def test_the_whole_chain_is_sent(self) -> None:
        root = Authority("Root")
        middle = Authority("Middle", issuer=root)
        key = new_key()
        leaf = middle.issue(key, "localhost")
        issuer = middle.certificate
        self.tls.use(Certificate((leaf, issuer), key))
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        client.set_connect_state()
        connect(client, self.tls)
        chain = client.get_peer_cert_chain(as_cryptography=True)
        self.assertEqual(chain, [leaf, issuer])

    def test_no_deprecated_call_is_made(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.tls.use(certificate())
            handshake = self.client.handshake(self.tls)
            self.assertEqual(
                served_certificate(transport(handshake.server)), handshake.der
            )


def transport(connection: object) -> object:
    """What Twisted's TLS transport has."""
    return SimpleNamespace(getHandle=lambda: connection)


class SwapTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.old, self.new = certificate(), certificate()
        self.tls = ReloadableTLS(self.old)

    def test_what_openssl_does_not_take_leaves_the_old_one(self) -> None:
        broken = Certificate(self.new.chain, self.old.key)
        for attempt in (self.tls.check, self.tls.use):
            error = self.assertRaises(BadCertificate, attempt, broken)
            self.assertIn("OpenSSL refuses it: ", str(error))
            self.assertNotIn("\n", str(error))
        self.assertEqual(self.tls.certificate, self.old)
        self.assertEqual(Client().handshake(self.tls).der, self.old.der)

    def test_to_check_one_is_not_to_use_it(self) -> None:
        self.tls.check(self.new)
        self.assertEqual(Client().handshake(self.tls).der, self.old.der)

    def test_a_connection_keeps_the_certificate_that_its_client_received(self) -> None:
        before = Client().handshake(self.tls)
        self.tls.use(self.new)
        after = Client().handshake(self.tls)
        self.assertEqual(served_certificate(transport(before.server)), self.old.der)
        self.assertEqual(served_certificate(transport(after.server)), self.new.der)
        self.assertEqual((before.der, after.der), (self.old.der, self.new.der))

    def test_many_swaps_fail_no_handshake(self) -> None:
        for number in range(100):
            wanted = (self.old, self.new)[number % 2]
            self.tls.use(wanted)
            self.assertEqual(Client().handshake(self.tls).der, wanted.der)

    def test_a_connection_without_tls_has_no_certificate(self) -> None:
        self.assertIsNone(served_certificate(StringTransport()))
        with socket.socket() as plain:
            self.assertIsNone(served_certificate(transport(plain)))


class Teller(Protocol):
    """Answers each read with the fingerprint of what its client was served."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write((served_certificate(self.transport) or b"")[-16:])


class LoopbackTests(TestCase):
    """Through the sniffer, on a real socket."""

    def setUp(self) -> None:
        self.old, self.new = certificate(), certificate()
        self.tls = ReloadableTLS(self.old)
        teller = ServerFactory.forProtocol(Teller)
        factory = SnifferFactory(
            {
                Route.TLS: TLSMemoryBIOFactory(self.tls, False, teller, clock=reactor),
                Route.PLAIN: teller,
            },
            reactor,
        )
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.address = ("127.0.0.1", port_of(port.getHost()))

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(self.address, timeout=10)
        connected = Client().context.wrap_socket(plain)
        self.addCleanup(connected.close)
        return connected

    async def test_a_swap_leaves_open_connections_alone(self) -> None:
        def ask(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(b"?")
            return connection.recv(100)

        before = await deferToThread(self.connect)
        self.assertEqual(await deferToThread(ask, before), self.old.der[-16:])
        self.tls.use(self.new)
        after = await deferToThread(self.connect)
        self.assertEqual(await deferToThread(ask, after), self.new.der[-16:])
        self.assertEqual(await deferToThread(ask, before), self.old.der[-16:])
        self.assertEqual(before.getpeercert(True), self.old.der)
        self.assertEqual(after.getpeercert(True), self.new.der)

    async def test_a_client_hello_that_comes_byte_by_byte_is_understood(self) -> None:
        def dribble() -> bytes | None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = Client().context.wrap_bio(incoming, outgoing)
            with socket.create_connection(self.address, timeout=10) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while True:
                    try:
                        client.do_handshake()
                        return client.getpeercert(True)
                    except ssl.SSLWantReadError:
                        for byte in outgoing.read():
                            plain.sendall(bytes([byte]))
                        incoming.write(plain.recv(2**16))

        self.assertEqual(await deferToThread(dribble), self.old.der)

    async def test_a_client_that_trusts_it_finds_its_names_in_it(self) -> None:
        # Standard library clients can't be told another time.
        now_valid = make_self_signed(
            new_key(), server_names("cellar", "cloud.example.org"), datetime.now(UTC)
        )

        def verify(name: str) -> str | None:
            context = ssl.create_default_context(
                cadata=now_valid.certificate_pem.decode("ascii")
            )
            with (
                socket.create_connection(self.address, timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=name) as secured,
            ):
                return secured.version()

        self.tls.use(now_valid)
        for name in ("localhost", "127.0.0.1", "::1", "cellar", "a.cloud.example.org"):
            self.assertEqual(await deferToThread(verify, name), "TLSv1.3")
        with self.assertRaises(ssl.SSLCertVerificationError):
            await deferToThread(verify, "other.example.org")
