"""An HTTP proxy that knows CONNECT, over real sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure


class ConnectProxy(Factory):
    """
    :param hosts: addresses of the names that it knows; of others it has none.
    """

    noisy = False

    def __init__(self, reactor: Any, hosts: Mapping[str, str]) -> None:
        self.reactor = reactor
        self.hosts = hosts
        #: Heads of the requests so far.
        self.requests: list[bytes] = []
        #: Everything that passed through.
        self.passed = b""
        #: In place of an answer of its own; empty: none at all.
        self.answer: bytes | None = None
        #: ``Proxy-Authorization`` that it wants.
        self.wanted: bytes | None = None

    def buildProtocol(self, addr: object) -> _Client:
        return _Client(self)


class _Client(Protocol):
    transport: Any

    def __init__(self, proxy: ConnectProxy) -> None:
        self._proxy = proxy
        self._head = b""
        self._server: _Server | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._server is not None:
            self._proxy.passed += data
            self._server.transport.write(data)
            return
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._proxy.requests.append(self._head)
            self._answer(self._head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._server is not None:
            self._server.transport.loseConnection()

    def _answer(self, head: bytes) -> None:
        proxy = self._proxy
        wanted = proxy.wanted
        if proxy.answer is not None:
            self.transport.write(proxy.answer)
        elif wanted is not None and b"\r\nProxy-Authorization: " + wanted not in head:
            self.transport.write(b"HTTP/1.1 407 Who are you?\r\n\r\n")
        else:
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            address = proxy.hosts.get(host)
            if address is None:
                self.transport.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            endpoint = HostnameEndpoint(proxy.reactor, address, int(port))
            server = _Server(proxy, self)
            endpoint.connect(Factory.forProtocol(lambda: server)).addCallbacks(
                lambda _: self._connected(server),
                lambda _: self.transport.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            )

    def _connected(self, server: _Server) -> None:
        self._server = server
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")


class _Server(Protocol):
    transport: Any

    def __init__(self, proxy: ConnectProxy, client: _Client) -> None:
        self._proxy = proxy
        self._client = client

    def dataReceived(self, data: bytes) -> None:
        self._proxy.passed += data
        self._client.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._client.transport.loseConnection()
