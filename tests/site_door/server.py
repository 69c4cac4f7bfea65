"""A server that passes TLS on unopened, and writes down all that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cfos_cloud.tunnel.control import JSONObject
from tests.device.tunnel_server import WELCOME, Behaviour, TunnelServer

HOST = "w00-008j.cloud.example"
WELCOME_END_TO_END: JSONObject = WELCOME | {"mode": "end-to-end", "host": HOST}


class RecordingServer(TunnelServer):
    """``heard`` is what it reads: of the tunnel what is inside of its TLS."""

    def __init__(
        self, behaviour: Behaviour, clock: IReactorTime, heard: bytearray
    ) -> None:
        super().__init__(behaviour, clock)
        self.heard = heard

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        super().dataReceived(data)


class Half(Protocol):
    """One of two connections that are each other's continuation."""

    other: Half | None = None

    def __init__(self, heard: bytearray | None = None) -> None:
        self._heard = heard
        self._waiting: list[bytes] = []

    def join(self, other: Half) -> None:
        self.other, other.other = other, self
        for half in (self, other):
            cast(Any, half.transport).registerProducer(
                cast(Half, half.other).transport, True
            )

    def dataReceived(self, data: bytes) -> None:
        if self._heard is not None:
            self._heard += data
        if self.other is not None:
            cast(Any, self.other.transport).write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            transport: Any = other.transport
            transport.unregisterProducer()
            transport.loseConnection()


class Browser(Half):
    """A connection to the port of browsers: a stream of the tunnel."""

    def __init__(self, port: BrowserPort, addr: IAddress | None) -> None:
        super().__init__(port.heard)
        self._port = port
        self._client = port.client or cast(Any, addr).host

    def connectionMade(self) -> None:
        multiplexed = self._port.tunnel().multiplexed
        assert multiplexed is not None
        stream = Half()
        multiplexed.open_stream(stream)
        line = {"kind": "tls", "sni": self._port.sni, "client": self._client}
        cast(Any, stream.transport).write(json.dumps(line).encode() + b"\n")
        self.join(stream)


class BrowserPort(Factory):
    """:param client: what the server says of whoever comes; ``None``: the truth."""

    noisy = False

    def __init__(
        self,
        tunnel: Callable[[], TunnelServer],
        heard: bytearray,
        sni: str = HOST,
        client: str | None = None,
    ) -> None:
        self.tunnel = tunnel
        self.heard = heard
        self.sni = sni
        self.client = client

    def buildProtocol(self, addr: IAddress | None) -> Browser:
        return Browser(self, addr)
