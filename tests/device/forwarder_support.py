"""A forwarder between a tunnel and a target, both in memory."""

from __future__ import annotations

import json

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grant, Grants, GrantSource
from cfos_cloud.device.profile import TargetCredential
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.device.targets import Targets
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.yamux import Role
from tests.device.target_support import Target, TargetConnection
from tests.memory import MemoryTransport, Message, parse_messages
from tests.tunnel.support import MOST_TURNS, DeviceStream

GET = b"GET /a HTTP/1.1\r\nHost: cloud.example.org\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: cloud.example.org\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"


def post(length: int) -> bytes:
    return (
        b"POST /up HTTP/1.1\r\nHost: cloud.example.org\r\nContent-Length: %d\r\n\r\n"
        % length
    )


@implementer(IHalfCloseableProtocol)
class ServerStream(DeviceStream):
    """A stream as the server sees it; ``raw`` after a 101."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = False
        self.half_closed = False

    def readConnectionLost(self) -> None:
        self.half_closed = True
        if not self.raw:
            self.stream.loseConnection()

    def writeConnectionLost(self) -> None:
        raise AssertionError("nobody calls this")

    def responses(self, *, bodiless: bool = False) -> list[Message]:
        """What came since the last call."""
        data, self.data = self.data, b""
        return parse_messages(data, bodiless=bodiless)

    def one(self, *, bodiless: bool = False) -> Message:
        [message] = self.responses(bodiless=bodiless)
        return message


class TunnelEnd:
    """The listener of either end."""

    def __init__(self, forwarder: Forwarder | None = None) -> None:
        self.forwarder = forwarder

    def multiplex_ready(self, multiplexed: Multiplexed) -> None: ...

    def stream_opened(self, stream_id: int) -> Protocol | None:
        assert self.forwarder is not None
        protocol = self.forwarder.stream_opened(stream_id)
        assert isinstance(protocol, Protocol)
        return protocol

    def multiplex_lost(self, reason: Failure) -> None: ...


class ForwarderCase(SynchronousTestCase):
    credential: TargetCredential | None = None

    def setUp(self) -> None:
        self.clock = Clock()
        self.target = Target()
        self.pool = TargetPool(self.target, self.clock)
        self.grants = Grants(self.clock.seconds, self.random)
        self.unknown: list[str] = []
        self.numbers = 0
        forwarder = Forwarder(
            self.sources(),
            Targets(TargetSide(self.pool, b"http://192.168.1.20", self.credential)),
            self.clock,
            self.unknown.append,
        )
        self.wires = MemoryTransport(), MemoryTransport()
        # No pings: time is the forwarder's here.
        self.server = Multiplexed(Role.SERVER, self.clock, TunnelEnd(), 1e9)
        self.device = Multiplexed(Role.CLIENT, self.clock, TunnelEnd(forwarder), 1e9)
        self.server.makeConnection(self.wires[0])
        self.device.makeConnection(self.wires[1])
        self.grant = self.grants.issue("admin", "admin", 10_000)

    def sources(self) -> GrantSource:
        return self.grants

    def random(self, length: int) -> bytes:
        self.numbers += 1
        return self.numbers.to_bytes(length, "big")

    def pump(self) -> None:
        for _ in range(MOST_TURNS):
            self.clock.advance(0)
            to_device, to_server = (wire.take() for wire in self.wires)
            if not to_device and not to_server:
                return
            if to_device:
                self.device.dataReceived(to_device)
            if to_server:
                self.server.dataReceived(to_server)
        raise AssertionError("the two ends never stop")

    def preamble(self, grant: Grant | None = None, **more: object) -> bytes:
        line: dict[str, object] = {
            "kind": "http",
            "grant": (grant or self.grant).token,
            "client": "203.0.113.7",
            "scheme": "https",
            "host": "cloud.example.org",
        }
        return json.dumps(line | more).encode() + b"\n"

    def open(self, data: bytes = b"", preamble: bytes | None = None) -> ServerStream:
        """A new stream, with its first line and what follows."""
        stream = ServerStream()
        self.server.open_stream(stream)
        stream.stream.write(self.preamble() if preamble is None else preamble)
        self.send(stream, data)
        return stream

    def send(self, stream: ServerStream, data: bytes) -> None:
        stream.stream.write(data)
        self.pump()

    def accept(self) -> TargetConnection:
        connection = self.target.accept()
        self.pump()
        return connection

    def answer(
        self, connection: TargetConnection, body: bytes = b"ok", status: int = 200
    ) -> None:
        connection.answer(body, status)
        self.pump()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.pump()

    def timers(self) -> list[float]:
        """When something is due, pings aside."""
        times = (call.getTime() for call in self.clock.getDelayedCalls())
        return [time for time in times if time < 1e8]

    def assert_reset(self, stream: ServerStream) -> None:
        self.assertEqual(stream.lost, [ConnectionLost])

    def assert_trouble(self, stream: ServerStream, status: int, word: bytes) -> None:
        message = stream.one()
        self.assertEqual((message.status, message.get(b"cfos-error")), (status, word))
        self.assertEqual(message.get(b"content-length"), b"0")
