"""Connections that a proxy passes through, with a PROXY header in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.listener.proxy_header import (
    BadProxyHeader,
    ProxiedClient,
    ProxyHeaderReader,
)
from cfos_cloud.seldom import Seldom

#: Seconds for the header; a proxy sends it at once.
PATIENCE = 10.0


class ProxiedFactory(ServerFactory):
    """
    In front of the factory of a port. From peers that ``trusts`` names a PROXY header
    must come first: that a client, and not its proxy, has sent it can't be told, so
    there is no guessing (§2 of its source). To others it means nothing.

    :param trusts: whether an IP address is a proxy's.
    """

    noisy = False

    def __init__(
        self,
        inner: IProtocolFactory,
        trusts: Callable[[str], bool],
        clock: IReactorTime,
    ) -> None:
        self.inner = inner
        self.clock = clock
        self.seldom = Seldom(clock.seconds)
        self._trusts = trusts

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:  # type: ignore[override]
        if self._trusts(getattr(addr, "host", "") or ""):
            return ProxiedConnection(self)
        return self.inner.buildProtocol(addr)

    def startFactory(self) -> None:
        self.inner.doStart()

    def stopFactory(self) -> None:
        self.inner.doStop()


class ProxiedConnection(Protocol):
    """
    Reads the header, then gives way to the protocol of the factory behind, whose
    transport has the client for its peer. Who takes longer than :data:`PATIENCE`, or
    sends anything else first, is cut without an answer.
    """

    log = Logger()

    def __init__(self, factory: ProxiedFactory) -> None:
        self._settings = factory
        self._reader = ProxyHeaderReader()
        self._inner: IProtocol | None = None
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._patience = self._settings.clock.callLater(
            PATIENCE, self._refuse, "it sends no PROXY header"
        )

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        try:
            header = self._reader.receive(data)
        except BadProxyHeader as error:
            self._refuse(str(error))
            return
        if header is not None:
            self._stop_waiting()
            self._give_way(header.client, header.rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        if self._inner is not None:
            self._inner.connectionLost(reason)

    def _give_way(self, client: ProxiedClient | None, rest: bytes) -> None:
        transport: Any = self.transport
        if client is not None:
            address = _address(client)
            # On the transport itself: it may not be wrapped, since writes that leave
            # at once, and TLS, look for a socket's own.
            transport.getPeer = lambda: address
        inner = self._settings.inner.buildProtocol(transport.getPeer())
        if inner is None:
            transport.abortConnection()
            return
        self._inner = inner
        if getattr(transport, "protocol", None) is self:
            # As the sniffer does: from here on this object is out of the way.
            transport.protocol = inner
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _refuse(self, why: str) -> None:
        self._stop_waiting()
        transport: Any = self.transport
        proxy = transport.getPeer().host
        if self._settings.seldom.due(proxy) is not None:
            self.log.warn(
                "connection of the proxy {proxy} refused: {why}; --proxy-protocol "
                "wants one from every address that --trusted-proxy names",
                proxy=proxy,
                why=why,
            )
        transport.abortConnection()

    def _stop_waiting(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None


def _address(client: ProxiedClient) -> IPv4Address | IPv6Address:
    kind = IPv6Address if ":" in client.host else IPv4Address
    return kind("TCP", client.host, client.port)
