"""Handshakes are counted, each once."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.counted_tls import CountedTLS, CountedTLSFactory
from cfos_cloud.listener.self_signed import make_self_signed, new_key, server_names
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.metrics import HandshakeMetrics
from tests.listener.authority import NOW
from tests.listener.memory_tls import Client


class CountTests(SynchronousTestCase):
    def setUp(self) -> None:
        certificate = make_self_signed(new_key(), server_names("cellar"), NOW)
        self.counts = HandshakeMetrics()
        self.factory = CountedTLSFactory(
            ReloadableTLS(certificate),
            False,
            ServerFactory.forProtocol(Protocol),
            Clock(),
            handshakes=self.counts,
        )

    def connection(self) -> tuple[CountedTLS, StringTransport]:
        tls, transport = self.factory.buildProtocol(None), StringTransport()
        tls.makeConnection(transport)
        return tls, transport

    def shake_hands(self) -> CountedTLS:
        tls, transport = self.connection()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = Client().context.wrap_bio(incoming, outgoing)
        for _ in range(4):
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            if outgoing.pending:
                tls.dataReceived(outgoing.read())
            incoming.write(transport.value())
            transport.clear()
        return tls

    def lose(self, tls: Any) -> None:
        tls.connectionLost(Failure(ConnectionDone()))

    def counted(self) -> tuple[int, int]:
        return self.counts.completed, self.counts.failed

    def test_one_that_is_done_counts_when_it_is(self) -> None:
        tls = self.shake_hands()
        self.assertEqual(self.counted(), (1, 0))
        self.lose(tls)
        self.assertEqual(self.counted(), (1, 0))

    def test_one_that_breaks_off_counts_as_failed(self) -> None:
        tls, _ = self.connection()
        self.lose(tls)
        self.assertEqual(self.counted(), (0, 1))

    def test_so_does_one_that_makes_no_sense(self) -> None:
        tls, transport = self.connection()
        tls.dataReceived(b"\x16\x03\x01\x00\x05hello")
        self.assertTrue(transport.disconnecting)
        self.lose(tls)
        self.assertEqual(self.counted(), (0, 1))

    def test_one_that_is_lost_does_not_hold_on_to_what_was_inside(self) -> None:
        tls = self.shake_hands()
        self.lose(tls)
        self.assertIsNone(tls.wrappedProtocol)
