"""An endpoint on the other side of an HTTP proxy."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.device.authentication import AGENT
from cfos_cloud.device.connect import Connected, ConnectRequest, ProxyFailed
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.proxy import Proxy
from cfos_cloud.tunnel.reasons import reason_of

#: Seconds for the proxy's answer, which comes when it has reached the server.
ANSWER_SECONDS = 30.0


@implementer(IStreamClientEndpoint)
class ProxiedEndpoint:
    """
    Connects to ``server`` through ``proxy``, to which ``endpoint`` leads. What goes
    wrong on the way is a :class:`~cfos_cloud.device.connect.ProxyFailed`.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        proxy: Proxy,
        server: Origin,
        agent: str,
        clock: IReactorTime,
    ) -> None:
        self._endpoint = endpoint
        self._proxy = proxy
        self._server = server
        self._agent = agent
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """As the endpoint of a server; to cancel it is to cut the connection."""
        request = ConnectRequest(self._proxy, self._server, self._agent)
        way = _Way(request, str(self._proxy), protocolFactory, self._clock)
        return way.begin(self._endpoint)


def server_endpoint(
    reactor: Any, server: Origin, proxy: Proxy | None, seconds: float
) -> IStreamClientEndpoint:
    """
    To ``server``, through ``proxy`` if there is one.

    :param seconds: for the connection, to the proxy if there is one.
    """
    place = server if proxy is None else proxy
    endpoint = HostnameEndpoint(reactor, place.host, place.port, timeout=seconds)
    if proxy is None:
        return endpoint
    return ProxiedEndpoint(endpoint, proxy, server, AGENT, reactor)


class _Way(Protocol):
    """Asks the proxy, then gives way to the protocol of ``factory``."""

    def __init__(
        self,
        request: ConnectRequest,
        proxy: str,
        factory: IProtocolFactory,
        clock: IReactorTime,
    ) -> None:
        self._leads_to: Deferred[IProtocol] = Deferred(self._cancel)
        self._connecting: Deferred[None] | None = None
        self._request = request
        self._proxy = proxy
        self._factory = factory
        self._clock = clock
        self._inner: IProtocol | None = None
        self._deadline: IDelayedCall | None = None

    def begin(self, endpoint: IStreamClientEndpoint) -> Deferred[IProtocol]:
        """Connect to the proxy; fires with the protocol of the factory, connected."""

        def unreachable(failure: Failure) -> None:
            self._fail(f"the proxy {self._proxy}: {reason_of(failure.value)}")

        connecting = endpoint.connect(Factory.forProtocol(lambda: self))
        self._connecting = connecting.addCallbacks(lambda _: None, unreachable)
        return self._leads_to

    def connectionMade(self) -> None:
        if self._leads_to.called:
            self._cut()
            return
        self._deadline = self._clock.callLater(
            ANSWER_SECONDS,
            self._fail,
            f"the proxy {self._proxy} does not answer in time",
        )
        transport: Any = self.transport
        transport.write(self._request.data)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        if self._leads_to.called:
            return
        try:
            answer = self._request.receive(data)
        except ProxyFailed as error:
            self._failed(error)
        else:
            if answer is not None:
                self._give_way(answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inner is not None:
            self._inner.connectionLost(reason)
            return
        self._fail(f"the proxy {self._proxy} has closed the connection")

    def _give_way(self, answer: Connected) -> None:
        self._stop_waiting()
        transport: Any = self.transport
        inner = self._factory.buildProtocol(transport.getPeer())
        if inner is None:
            self._fail("given up")
            return
        self._inner = inner
        inner.makeConnection(transport)
        self._leads_to.callback(inner)
        if answer.rest:
            inner.dataReceived(answer.rest)

    def _fail(self, why: str) -> None:
        self._failed(ProxyFailed(why))

    def _failed(self, error: ProxyFailed) -> None:
        self._stop_waiting()
        if not self._leads_to.called:
            self._leads_to.errback(error)
        self._cut()

    def _cancel(self, leads_to: Deferred[IProtocol]) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        self._cut()

    def _cut(self) -> None:
        self._stop_waiting()
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _stop_waiting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
