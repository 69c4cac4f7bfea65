"""Connections that go through unopened: clients and devices in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.gateway.hosts import DomainHosts
from cfos_cloud.gateway.passthrough import Passthrough
from cfos_cloud.metrics import PassedMetrics
from cfos_cloud.tunnel.exchange import Exchange
from tests.listener.test_client_hello import hello, records, server_name
from tests.memory import MemoryTransport
from tests.tunnel.support import DeviceStream, MemoryTunnel

DOMAIN = "cloud.example.org"
CLIENT = "203.0.113.7"
END_TO_END: dict[str, Any] = {"mode": "end-to-end", "capabilities": ["tls"]}


def client_hello(host: str = f"w00-a.{DOMAIN}") -> bytes:
    return records(hello(server_name(host.encode())))


@dataclass
class Known:
    cloud_id: str
    end_to_end: bool = True


class Directory:
    def __init__(self) -> None:
        self.systems = {
            "w00-a": Known("W00-A"),
            "w00-b": Known("W00-B"),
            "open": Known("open", end_to_end=False),
        }

    def get(self, cloud_id: str) -> Known | None:
        return self.systems.get(cloud_id.lower())


@implementer(IHalfCloseableProtocol)
class TLSStream(DeviceStream):
    """What a device end does with such a stream is up to the test."""

    fin = False

    @property
    def tls(self) -> bytes:
        """What came behind the first line."""
        return self.data.partition(b"\n")[2]

    def readConnectionLost(self) -> None:
        self.fin = True

    def writeConnectionLost(self) -> None:
        """The test's own doing."""


class Client:
    """One connection, behind the port's choice."""

    def __init__(self, passthrough: Passthrough) -> None:
        self.wire = MemoryTransport()
        address = IPv4Address("TCP", CLIENT, 50_000)
        self.protocol = passthrough.buildProtocol(address)
        self.protocol.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def fin(self) -> None:
        self.protocol.readConnectionLost()

    def lose(self, *, clean: bool = False) -> None:
        reason = ConnectionDone() if clean else ConnectionLost()
        self.protocol.connectionLost(Failure(reason))


class PassingCase(SynchronousTestCase):
    """``self.tunnel`` is that of W00-A, which is end to end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange()
        self.directory = Directory()
        self.metrics = PassedMetrics()
        self.passthrough = Passthrough(
            DomainHosts(DOMAIN),
            self.directory,
            self.exchange,
            self.clock,
            self.metrics,
            self.clock.seconds,
        )
        self.tunnels: list[MemoryTunnel] = []
        self.tunnel = self.come_up("W00-A")

    def come_up(self, cloud_id: str, **more: Any) -> MemoryTunnel:
        tunnel = MemoryTunnel(self.clock, self.exchange, cloud_id)
        tunnel.device.make_stream = TLSStream
        tunnel.device.say_hello(**(more or END_TO_END))
        tunnel.pump()
        self.tunnels.append(tunnel)
        return tunnel

    def connect(self, host: str = f"w00-a.{DOMAIN}", more: bytes = b"") -> Client:
        """A client that has said for whom it is."""
        client = Client(self.passthrough)
        client.send(client_hello(host) + more)
        self.pump()
        return client

    def pump(self) -> None:
        for tunnel in self.tunnels:
            tunnel.pump()

    def stream(self, number: int = -1, tunnel: MemoryTunnel | None = None) -> TLSStream:
        """As the device sees it."""
        stream = (tunnel or self.tunnel).device.streams[number]
        assert isinstance(stream, TLSStream)
        return stream

    def say(self, data: bytes, number: int = -1) -> None:
        """The device says ``data``."""
        self.stream(number).stream.write(data)
        self.pump()

    def advance(self, seconds: float) -> None:
        """In steps in which tunnels stay alive."""
        while seconds > 0:
            self.clock.advance(min(seconds, 10.0))
            seconds -= 10.0
            self.pump()
