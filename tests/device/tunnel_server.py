"""
A small server of the tunnel protocol, and a network in memory that leads to it.

It speaks by the product's own parts (SCRAM, yamux, control messages) and can be told
to misbehave; the device end on the other side is the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from zope.interface import implementer

from cfos_cloud.tunnel.control import JSONObject, RpcError
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import TunnelBroken
from cfos_cloud.tunnel.rpc import ControlChannel
from cfos_cloud.tunnel.scram import (
    Challenge,
    FakeVerifiers,
    Proven,
    ServerHandshake,
    Verifier,
    end_point_binding,
    make_verifier,
)
from cfos_cloud.tunnel.websocket import WebSocketTunnel
from cfos_cloud.tunnel.websocket_frames import accept_of
from cfos_cloud.tunnel.yamux import Role
from tests.device.certificates import Made, server_tls

CLOUD_ID = "W00-008J"
WELCOME: JSONObject = {
    "session": "s1",
    "heartbeat": 25,
    "url": "https://cloud.example:4443/",
}


@dataclass
class Behaviour:
    """What the server knows and does; may change between connections."""

    password: str
    certificate: Made | None = None
    #: Bound in place of the certificate's own: what a relay's victim would bind.
    binding_certificate: Made | None = None
    #: Raw bytes in place of the answer to the first request.
    answer: bytes | None = None
    #: Raw bytes in place of the 101.
    after_proof: bytes | None = None
    #: The result of hello, an error, or nothing at all.
    welcome: JSONObject | RpcError | None = field(default_factory=lambda: dict(WELCOME))
    spoil_server_final: bool = False
    #: A box on the way lets nothing but WebSockets through.
    websocket_only: bool = False
    verifiers: dict[str, Verifier] = field(default_factory=dict)
    up: bool = True

    def find(self, cloud_id: str) -> Verifier:
        if cloud_id.lower() != CLOUD_ID.lower():
            return FakeVerifiers(b"x").make(cloud_id)
        if self.password not in self.verifiers:
            self.verifiers[self.password] = make_verifier(self.password, 4096)
        return self.verifiers[self.password]

    def binding(self) -> bytes | None:
        bound = self.binding_certificate or self.certificate
        return (
            None
            if bound is None
            else end_point_binding(bound.certificate.public_bytes(Encoding.DER))
        )


class TunnelServer(Protocol):
    """One connection: HTTP until the 101, then yamux and the control stream."""

    def __init__(self, behaviour: Behaviour, clock: IReactorTime) -> None:
        self.requests: list[bytes] = []
        self.hellos: list[JSONObject] = []
        self.notifications: list[tuple[str, JSONObject]] = []
        self.multiplexed: Multiplexed | None = None
        self.control: ControlChannel | None = None
        self.lost = False
        #: What the connection has become: the multiplexed one, or a WebSocket of it.
        self._tunnel: Protocol | None = None
        self._behaviour = behaviour
        self._clock = clock
        self._buffer = b""
        self._handshake = ServerHandshake(behaviour.find, behaviour.binding())

    @property
    def proofs(self) -> list[bytes]:
        """The requests that carried a proof."""
        return [request for request in self.requests if b"sid=" in request]

    def dataReceived(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.dataReceived(data)
            return
        self._buffer += data
        while self.multiplexed is None and b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self.requests.append(head)
            self._request(head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._tunnel is not None:
            self._tunnel.connectionLost(reason)

    def _request(self, head: bytes) -> None:
        transport: Any = self.transport
        if self._behaviour.answer is not None:
            transport.write(self._behaviour.answer)
            return
        lines = head.split(b"\r\n")[1:]
        headers = dict(line.split(b": ", 1) for line in lines)
        key = headers.get(b"Sec-WebSocket-Key")
        if self._behaviour.websocket_only and key is None:
            transport.write(
                b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"
            )
            return
        answer = self._handshake.respond(headers.get(b"Authorization"))
        if isinstance(answer, Proven):
            if self._behaviour.after_proof is not None:
                transport.write(self._behaviour.after_proof)
                return
            self._switch(answer, key)
            return
        wanted = answer.www_authenticate
        fields = b"".join(b"WWW-Authenticate: " + v + b"\r\n" for v in wanted)
        body = b"goes on" if isinstance(answer, Challenge) else b"refused"
        transport.write(
            b"HTTP/1.1 401 Unauthorized\r\n"
            + fields
            + b"Content-Length: %d\r\n\r\n" % len(body)
            + body
        )

    def _switch(self, proven: Proven, key: bytes | None) -> None:
        transport: Any = self.transport
        info = proven.authentication_info
        if self._behaviour.spoil_server_final:
            info = info.replace(b'data="', b'data="AAAA')
        upgrade = b"Upgrade: cfos-tunnel/1\r\n"
        if key is not None:
            upgrade = (
                b"Upgrade: websocket\r\nSec-WebSocket-Accept: %b\r\n"
                b"Sec-WebSocket-Protocol: cfos-tunnel.1\r\n" % accept_of(key)
            )
        transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n%b"
            b"Authentication-Info: %b\r\n\r\n" % (upgrade, info)
        )
        self.multiplexed = Multiplexed(Role.SERVER, self._clock, self)
        self._tunnel = self.multiplexed
        if key is not None:
            self._tunnel = WebSocketTunnel(self.multiplexed, self._clock, client=False)
        self._tunnel.makeConnection(transport)

    # MultiplexListener

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        """The device end opens the first stream."""

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        if self.control is not None:
            return None
        self.control = ControlChannel(self, self._clock)
        return self.control

    def multiplex_lost(self, reason: Failure) -> None:
        """Told by connectionLost already."""

    # ControlHandler

    def control_request(
        self, method: str, params: JSONObject
    ) -> JSONObject | Deferred[JSONObject]:
        assert method == "hello", method
        self.hellos.append(params)
        welcome = self._behaviour.welcome
        if welcome is None:
            return Deferred()
        if isinstance(welcome, RpcError):
            raise welcome
        return welcome

    def control_notification(self, method: str, params: JSONObject) -> None:
        self.notifications.append((method, params))

    def control_lost(self, why: TunnelBroken) -> None:
        """The connection tells it too."""


@implementer(IStreamClientEndpoint)
class Network:
    """Leads every connection, in memory, to a :class:`TunnelServer`."""

    def __init__(self, behaviour: Behaviour, clock: Clock) -> None:
        self.behaviour = behaviour
        self.clock = clock
        self.servers: list[TunnelServer] = []
        self.pumps: list[IOPump] = []
        #: Nothing arrives any more, at either end.
        self.dead = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        if not self.behaviour.up:
            self.servers.append(TunnelServer(self.behaviour, self.clock))
            return fail(ConnectionRefusedError())
        server = TunnelServer(self.behaviour, self.clock)
        self.servers.append(server)
        outer: Any = server
        if self.behaviour.certificate is not None:
            outer = TLSMemoryBIOFactory(
                server_tls(self.behaviour.certificate),
                False,
                Factory.forProtocol(lambda: server),
                self.clock,
            ).buildProtocol(None)
        client: Any = protocolFactory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.pumps.append(
            connect(
                outer,
                FakeTransport(outer, isServer=True),
                client,
                FakeTransport(client, isServer=False),
                greet=False,
                clock=self.clock,
            )
        )
        return succeed(client)

    def settle(self) -> None:
        """Let everything happen that takes no time."""
        for _ in range(50):
            for pump in list(self.pumps):
                if self.dead:
                    pump.clientIO.getOutBuffer()
                    pump.serverIO.getOutBuffer()
                pump.flush()
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.settle()


P = ParamSpec("P")
T = TypeVar("T")


class AtOnce:
    """A worker that does in this thread what belongs into another."""

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        return execute(function, *args, **kwargs)

    def stop(self) -> None:
        """There is nothing to end."""


@dataclass
class Streams:
    """The rest of a device end."""

    welcomes: list[object] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    logins: list[object] = field(default_factory=list)
    logouts: list[object] = field(default_factory=list)
    authorizations: list[object] = field(default_factory=list)
    forgotten: list[object] = field(default_factory=list)
    protocol: Callable[[], IProtocol | None] = lambda: None

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        self.opened.append(stream_id)
        return self.protocol()

    def welcomed(self, welcome: object) -> None:
        self.welcomes.append(welcome)

    def login(self, params: object) -> Deferred[JSONObject]:
        self.logins.append(params)
        return succeed({"grant": "g", "role": "admin", "user": "admin"})

    def logout(self, params: object) -> None:
        self.logouts.append(params)

    def authorize(self, params: object) -> Deferred[JSONObject]:
        self.authorizations.append(params)
        return succeed({})

    def forget(self, params: object) -> None:
        self.forgotten.append(params)
