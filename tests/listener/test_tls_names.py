"""Several certificates behind one port, chosen by what a ClientHello asks for."""

from __future__ import annotations

import contextlib
import ssl
import struct
from datetime import datetime, timedelta
from types import SimpleNamespace

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener import tls as tls_module
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.tls import ReloadableTLS, served_certificate
from cfos_cloud.tunnel.scram import end_point_binding
from tests.listener.authority import NOW
from tests.listener.memory_tls import Client, Handshake, connect
from tests.listener.several import certificate_for

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def served(handshake: Handshake) -> bytes | None:
    """What the server takes for the certificate of this connection."""
    return served_certificate(SimpleNamespace(getHandle=lambda: handshake.server))


class NamesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = NOW
        self.main = certificate_for("cloud.example")
        self.wild = certificate_for("*.cloud.example")
        self.one = certificate_for("one.cloud.example")
        self.tls = ReloadableTLS(
            self.wild, self.one, self.main, main="cloud.example", now=self.now
        )

    def now(self) -> datetime:
        return self.time

    def client(self, version: ssl.TLSVersion) -> Client:
        client = Client()
        client.context.minimum_version = client.context.maximum_version = version
        return client

    def assert_gets(self, certificate: Certificate, name: str | None) -> None:
        for version in VERSIONS:
            handshake = self.client(version).handshake(self.tls, name)
            self.assertEqual(handshake.der, certificate.der, (name, version))
            self.assertEqual(served(handshake), certificate.der, (name, version))


class ChoiceTests(NamesCase):
    def test_the_name_decides(self) -> None:
        for name, certificate in (
            ("cloud.example", self.main),
            ("one.cloud.example", self.one),
            ("ONE.Cloud.Example", self.one),
            ("two.cloud.example", self.wild),
        ):
            self.assert_gets(certificate, name)
            self.assertIs(self.tls.choose(name), certificate)

    def test_without_a_name_or_with_nobody_s_it_is_the_default(self) -> None:
        long = ".".join(["a" * 63] * 3) + "." + "b" * 61
        self.assertEqual(len(long), 253)
        for name in (
            None,
            "192.0.2.1",
            "::1",
            "example",
            "a.b.cloud.example",
            "*.cloud.example",
            "bücher.example",
            long,
        ):
            self.assert_gets(self.main, name)
        self.assertIs(self.tls.certificate, self.main)

    def test_names_that_no_client_library_sends_get_the_default(self) -> None:
        for name, certificate in (
            (b"one.cloud.example.", self.one),
            (b"a" * 255, self.main),
            (b"\xff\xfe", self.main),
            ("bücher.cloud.example".encode(), self.wild),
            (b".", self.main),
            (b"..", self.main),
            (b".cloud.example", self.main),
            (b" ", self.main),
            (b"-", self.main),
            (b"\n\r", self.main),
        ):
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            client = SSL.Connection(context)
            client.set_tlsext_host_name(name)
            client.set_connect_state()
            connect(client, self.tls)
            peer = client.get_peer_certificate(as_cryptography=True)
            assert peer is not None
            self.assertEqual(peer, certificate.leaf, name)

    def test_an_expired_one_gives_way_at_the_moment_it_expires(self) -> None:
        short = certificate_for("x.example", end=NOW + timedelta(hours=1))
        wild = certificate_for("*.example")
        self.tls.use(short, wild, self.main)
        self.assert_gets(short, "x.example")
        self.time += timedelta(hours=1, seconds=1)
        self.assert_gets(wild, "x.example")

    def test_one_certificate_alone_is_for_everybody(self) -> None:
        self.tls.use(self.one)
        for name in (None, "one.cloud.example", "elsewhere.example"):
            self.assert_gets(self.one, name)

    def test_one_that_openssl_does_not_take_changes_nothing(self) -> None:
        broken = Certificate(certificate_for("b.example").chain, self.main.key)
        for certificates in ((broken, self.one), (self.one, broken)):
            self.assertRaises(BadCertificate, self.tls.use, *certificates)
        self.assert_gets(self.wild, "two.cloud.example")
        self.assert_gets(self.main, "b.example")

    def test_a_name_with_nul_is_refused_by_openssl_and_hurts_nobody(self) -> None:
        server = self.tls.serverConnectionForTLS(None)  # type: ignore[arg-type]
        server.set_accept_state()
        server.bio_write(hello_for(b"one.cloud\0.example"))
        with contextlib.suppress(SSL.WantReadError), self.assertRaises(SSL.Error):
            server.do_handshake()
        self.assert_gets(self.one, "one.cloud.example")


class BindingTests(NamesCase):
    def test_a_device_binds_to_the_certificate_that_its_name_brings(self) -> None:
        for name, certificate in (
            ("one.cloud.example", self.one),
            ("cloud.example", self.main),
            (None, self.main),
        ):
            handshake = Client().handshake(self.tls, name)
            ours = served(handshake)
            assert ours is not None
            self.assertEqual(end_point_binding(ours), end_point_binding(handshake.der))
            self.assertEqual(ours, certificate.der)

    def test_and_keeps_it_whatever_is_in_use_since(self) -> None:
        before = Client().handshake(self.tls, "one.cloud.example")
        self.tls.use(self.main, certificate_for("one.cloud.example"))
        self.assertEqual(served(before), self.one.der)
        self.assertEqual(before.der, self.one.der)


class ResumptionTests(NamesCase):
    def test_the_default_is_resumed_and_still_known_for_what_it_is(self) -> None:
        for version in VERSIONS:
            client = self.client(version)
            session = client.handshake(self.tls, "cloud.example").session()
            again = client.handshake(self.tls, "cloud.example", session)
            self.assertTrue(again.client.session_reused)
            self.assertEqual(served(again), self.main.der)

    def test_a_ticket_for_another_name_never_changes_who_the_server_is(self) -> None:
        names = ("cloud.example", "one.cloud.example", "two.cloud.example", None)
        for version in VERSIONS:
            for first in names:
                for second in names:
                    client = self.client(version)
                    session = client.handshake(self.tls, first).session()
                    again = client.handshake(self.tls, second, session)
                    # What the client holds, and what the server binds log-ins to.
                    self.assertEqual(served(again), again.der, (first, second))

    def test_others_than_the_default_give_no_tickets(self) -> None:
        for version in VERSIONS:
            client = self.client(version)
            session = client.handshake(self.tls, "one.cloud.example").session()
            self.assertFalse(session is not None and session.has_ticket)
            again = client.handshake(self.tls, "one.cloud.example", session)
            self.assertFalse(again.client.session_reused)

    def test_no_ticket_outlives_the_certificates_it_was_made_among(self) -> None:
        for version in VERSIONS:
            client = self.client(version)
            session = client.handshake(self.tls).session()
            self.tls.use(*self.tls.certificates)
            again = client.handshake(self.tls, None, session)
            self.assertFalse(again.client.session_reused)

    def test_where_resumptions_can_t_be_told_there_are_no_tickets(self) -> None:
        self.patch(tls_module, "_session_reused", lambda: None)
        self.tls.use(*self.tls.certificates)
        client = self.client(ssl.TLSVersion.TLSv1_3)
        session = client.handshake(self.tls, "cloud.example").session()
        again = client.handshake(self.tls, "one.cloud.example", session)
        self.assertFalse(again.client.session_reused)
        self.assertEqual(again.der, self.one.der)


class SwapTests(NamesCase):
    def test_names_that_come_and_go_fail_no_handshake(self) -> None:
        more = [certificate_for(f"{number}.example") for number in range(5)]
        for number in range(50):
            added = more[: number % 6]
            self.tls.use(*added, self.wild, self.one, self.main)
            self.assert_gets(self.one, "one.cloud.example")
            last = added[-1] if added else None
            if last is not None:
                self.assert_gets(last, last.names[0])

    def test_a_handshake_that_has_begun_ends_as_it_began(self) -> None:
        server = self.tls.serverConnectionForTLS(None)  # type: ignore[arg-type]
        server.set_accept_state()
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        client = SSL.Connection(context)
        client.set_tlsext_host_name(b"one.cloud.example")
        client.set_connect_state()
        self.tls.use(certificate_for("one.cloud.example"), self.main)
        for end, other in [(client, server), (server, client)] * 3:
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(2**16))
        peer = client.get_peer_certificate(as_cryptography=True)
        assert peer is not None
        self.assertEqual(peer.public_bytes(Encoding.DER), self.one.der)


def hello_for(name: bytes) -> bytes:
    """A ClientHello for TLS 1.2 with this name in it (RFC 5246 §7.4.1.2)."""
    entry = b"\0" + struct.pack("!H", len(name)) + name
    names = struct.pack("!H", len(entry)) + entry
    groups = bytes.fromhex("000a 0004 0002 0017")
    signatures = bytes.fromhex("000d 0004 0002 0403")
    extensions = b"\0\0" + struct.pack("!H", len(names)) + names + groups + signatures
    body = b"\3\3" + bytes(32) + b"\0" + bytes.fromhex("0002 c02b 0100")
    body += struct.pack("!H", len(extensions)) + extensions
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + struct.pack("!H", len(hello)) + hello
