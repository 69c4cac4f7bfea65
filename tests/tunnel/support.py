"""A tunnel in memory: a real session at the server, a device that plays a part."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cfos_cloud.buffered import Buffered
from cfos_cloud.tunnel.control import JSONObject, UnknownMethod
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import TunnelBroken
from cfos_cloud.tunnel.rpc import ControlChannel
from cfos_cloud.tunnel.session import TunnelSession
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import Role
from tests.memory import MemoryTransport, Message, parse_messages

GRANT = "grant-0123456789abcdef"
#: Turns after which two ends that still talk to each other would never stop.
MOST_TURNS = 1_000


class DeviceStream(Protocol):
    """A stream that the server has opened, as the device sees it."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: list[type[BaseException] | None] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)

    @property
    def stream(self) -> TunnelStream:
        assert isinstance(self.transport, TunnelStream)
        return self.transport

    @property
    def preamble(self) -> JSONObject:
        """The first line."""
        line: JSONObject = json.loads(self.data.partition(b"\n")[0])
        return line

    @property
    def http(self) -> bytes:
        """What came behind the first line."""
        return self.data.partition(b"\n")[2]

    @property
    def requests(self) -> list[Message]:
        """All requests so far."""
        return parse_messages(self.http)

    def answer(self, body: bytes = b"", status: int = 200, fields: bytes = b"") -> None:
        """A whole response, the connection kept."""
        self.stream.write(
            b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(body), fields, body)
        )

    def reset(self) -> None:
        self.stream.abortConnection()


class Device:
    """Opens the control stream, and does nothing else by itself."""

    def __init__(self, clock: Clock) -> None:
        self.control = ControlChannel(self, clock)
        self.asked: list[tuple[str, JSONObject]] = []
        self.answers: list[Deferred[JSONObject]] = []
        self.told: list[tuple[str, JSONObject]] = []
        self.streams: list[DeviceStream] = []
        self.make_stream: Callable[[], DeviceStream] = DeviceStream
        #: What has happened, in its order.
        self.events: list[str] = []
        self.welcome: JSONObject | None = None
        self.refusal: Failure | None = None
        self.lost = 0
        self.multiplexed: Multiplexed

    def say_hello(self, **more: object) -> None:
        """``more`` replaces members of the greeting."""
        params: JSONObject = {
            "protocol": 1,
            "agent": "acme/1",
            "capabilities": ["http", "login"],
        }
        answer = self.control.request("hello", params | more, 60)
        answer.addCallbacks(self._welcomed, self._refused)

    def _welcomed(self, result: JSONObject) -> None:
        self.welcome = result
        self.events.append("welcome")

    def _refused(self, failure: Failure) -> None:
        self.refusal = failure

    def goodbyes(self) -> list[JSONObject]:
        """The parameters of every ``goaway``."""
        return [params for method, params in self.told if method == "goaway"]

    # MultiplexListener

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        self.multiplexed = multiplexed
        multiplexed.open_stream(self.control)

    def stream_opened(self, stream_id: int) -> DeviceStream:
        self.events.append("stream")
        self.streams.append(self.make_stream())
        return self.streams[-1]

    def multiplex_lost(self, reason: Failure) -> None:
        self.lost += 1

    # ControlHandler

    def control_request(self, method: str, params: JSONObject) -> Deferred[JSONObject]:
        if method not in ("login", "authorize"):
            raise UnknownMethod
        self.asked.append((method, params))
        self.answers.append(Deferred())
        return self.answers[-1]

    def control_notification(self, method: str, params: JSONObject) -> None:
        self.told.append((method, params))
        self.events.append(method)

    def control_lost(self, why: TunnelBroken) -> None:
        self.events.append("control lost")


class MemoryTunnel:
    """Both ends and what is between them. Nothing moves but by :meth:`pump`."""

    def __init__(
        self,
        clock: Clock,
        exchange: Exchange,
        cloud_id: str = "W00-A",
        client: str = "192.0.2.7",
        buffered: Buffered | None = None,
        **more: Any,
    ) -> None:
        self.clock = clock
        self.session = TunnelSession(
            cloud_id,
            client,
            exchange,
            clock,
            url="https://cloud.example.org",
            **more,
        )
        self.device = Device(clock)
        self.at_server = Multiplexed(
            Role.SERVER, clock, self.session, buffered=buffered
        )
        self.at_device = Multiplexed(Role.CLIENT, clock, self.device)
        self.server_wire = MemoryTransport()
        self.device_wire = MemoryTransport()
        self.over = False
        self.at_server.makeConnection(self.server_wire)
        self.at_device.makeConnection(self.device_wire)

    def pump(self) -> None:
        """Let all that is under way arrive, the connection's end last."""
        for _ in range(MOST_TURNS):
            self.clock.advance(0)
            if self.over:
                return
            to_device, to_server = self.server_wire.take(), self.device_wire.take()
            if to_device and not self.device_wire.ended:
                self.at_device.dataReceived(to_device)
            if to_server and not self.server_wire.ended:
                self.at_server.dataReceived(to_server)
            if to_device or to_server:
                continue
            if self.server_wire.ended or self.device_wire.ended:
                aborted = self.server_wire.aborted or self.device_wire.aborted
                self.cut(clean=not aborted)
                continue
            return
        raise AssertionError("the two ends never stop")

    def cut(self, *, clean: bool = False) -> None:
        """The connection ends for both."""
        if not self.over:
            self.over = True
            reason = Failure(ConnectionDone() if clean else ConnectionLost())
            self.at_server.connectionLost(reason)
            self.at_device.connectionLost(reason)

    def greet(self) -> None:
        """The device says hello, and is welcome."""
        self.device.say_hello()
        self.pump()
        assert self.device.welcome is not None


def make_tunnel(
    clock: Clock, exchange: Exchange, *args: Any, **more: Any
) -> MemoryTunnel:
    """A tunnel that is up."""
    tunnel = MemoryTunnel(clock, exchange, *args, **more)
    tunnel.greet()
    return tunnel
