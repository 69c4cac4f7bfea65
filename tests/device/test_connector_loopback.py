"""The device end's tunnel over real sockets, and with a relay in between."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from cfos_cloud.device.authentication import SystemIdentity
from cfos_cloud.device.connector import Connector, Site, make_connector
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.pins import PinFile
from cfos_cloud.device.report import Report
from cfos_cloud.device.tls_client import RecordingTLS
from cfos_cloud.device.trust import ServerTrust, Verify
from cfos_cloud.relay.prompt import PromptTransport
from cfos_cloud.relay.unsent import UNSENT_BYTES
from cfos_cloud.workers import ThreadWorker
from tests.device.certificates import Made, make_certificate, server_tls
from tests.device.tunnel_server import CLOUD_ID, Behaviour, Streams, TunnelServer

PASSWORD = "correct horse battery"
OURS = make_certificate("localhost")
THEIRS = make_certificate("localhost")

reactor: Any = _reactor


class Relay(Protocol):
    """Ends TLS on both sides and passes everything on: a man in the middle."""

    def __init__(self, port: int) -> None:
        self.seen = b""
        self._port = port
        self._waiting = b""
        self._other: Other | None = None

    def connectionMade(self) -> None:
        other = Other(self)
        server = parse_origin(f"https://localhost:{self._port}")
        factory = TLSMemoryBIOFactory(
            RecordingTLS(server), True, Factory.forProtocol(lambda: other), reactor
        )
        connecting = HostnameEndpoint(reactor, "localhost", self._port).connect(factory)
        connecting.addCallback(lambda _: self._connected(other))

    def _connected(self, other: Other) -> None:
        self._other = other
        assert other.transport is not None
        other.transport.write(self._waiting)

    def dataReceived(self, data: bytes) -> None:
        self.seen += data
        if self._other is None or self._other.transport is None:
            self._waiting += data
        else:
            self._other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._other is not None and self._other.transport is not None:
            self._other.transport.loseConnection()


class Other(Protocol):
    """The relay's side towards the real server."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def dataReceived(self, data: bytes) -> None:
        assert self._relay.transport is not None
        self._relay.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self._relay.transport is not None
        self._relay.transport.loseConnection()


class LoopbackTests(TestCase):
    def setUp(self) -> None:
        self.behaviour = Behaviour(PASSWORD, OURS)
        self.servers: list[TunnelServer] = []
        self.streams = Streams()
        self.states: list[str] = []
        self.pins = PinFile(Path(self.mktemp()))
        self.pins.check_writable()
        self.worker = ThreadWorker(reactor, "proofs", 1)
        self.addCleanup(self.worker.stop)

        def build() -> TunnelServer:
            self.servers.append(TunnelServer(self.behaviour, reactor))
            return self.servers[-1]

        self.port = self.listen(build, OURS)

    def listen(self, build: Any, certificate: Made) -> int:
        factory = TLSMemoryBIOFactory(
            server_tls(certificate), False, Factory.forProtocol(build), reactor
        )
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def start(self, port: int) -> Connector:
        server = parse_origin(f"https://localhost:{port}")
        connector = make_connector(
            Site(
                server,
                SystemIdentity(CLOUD_ID, PASSWORD),
                ServerTrust(server, Verify.AUTO, False, self.pins),
                lambda: HostnameEndpoint(reactor, server.host, server.port),
                self.streams,
            ),
            reactor,
            lambda: 0.5,
            self.worker,
            Report(
                str(server), CLOUD_ID, self.states.append, lambda status: None, time
            ),
        )
        self.addCleanup(self.stop, connector)
        connector.start()
        return connector

    def stop(self, connector: Connector) -> Deferred[None]:
        return Deferred.fromCoroutine(self.all_left(connector.stop()))

    async def all_left(self, stopped: Deferred[None]) -> None:
        await stopped
        while not all(server.lost for server in self.servers):
            await deferLater(reactor, 0.01)

    async def a_state(self) -> str:
        while not self.states:
            await deferLater(reactor, 0.01)
        return self.states[0]

    async def test_the_tunnel_comes_up_and_carries_bytes(self) -> None:
        received: list[bytes] = []

        class Reader(Protocol):
            def dataReceived(self, data: bytes) -> None:
                received.append(data)

        self.streams.protocol = Reader
        kept: list[int] = []
        self.patch(
            PromptTransport, "keep_unsent_short", lambda _, size: kept.append(size)
        )
        self.start(self.port)
        self.assertIn("connected", await self.a_state())
        self.assertEqual(kept, [UNSENT_BYTES])
        multiplexed = self.servers[0].multiplexed
        assert multiplexed is not None
        multiplexed.open_stream(Protocol()).write(b"x" * 100_000)
        while sum(map(len, received)) < 100_000:
            await deferLater(reactor, 0.01)
        self.assertIsNotNone(self.pins.get(f"localhost:{self.port}"))

    async def test_a_relay_gets_no_tunnel_and_its_key_no_pin(self) -> None:
        relays: list[Relay] = []

        def build() -> Relay:
            relays.append(Relay(self.port))
            return relays[-1]

        port = self.listen(build, THEIRS)
        self.start(port)
        self.assertIn("refused", await self.a_state())
        self.assertEqual(len(self.servers[0].proofs), 1)
        self.assertIn(b"SCRAM-SHA-256-PLUS", relays[0].seen)
        self.assertEqual(self.servers[0].hellos, [])
        self.assertIsNone(self.pins.get(f"localhost:{port}"))

    async def test_a_relay_after_the_first_success_gets_no_proof_at_all(self) -> None:
        relays: list[Relay] = []

        def build() -> Relay:
            relays.append(Relay(self.port))
            return relays[-1]

        port = self.listen(build, THEIRS)
        self.pins.put(f"localhost:{port}", "00" * 32)
        self.start(port)
        self.assertIn("not the one seen before", await self.a_state())
        self.assertEqual(relays[0].seen, b"")
