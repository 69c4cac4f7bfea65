"""A port of our own pages alone: no device is behind it."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.server import Site

from cfos_cloud.gateway.client import Client, ProxyTrust, plain_address
from cfos_cloud.gateway.own_fields import is_strict
from cfos_cloud.gateway.pages import PageExchange
from cfos_cloud.http.message import BadMessage, RequestHead
from cfos_cloud.metrics import RequestMetrics
from cfos_cloud.relay.channel import RequestChannel, RequestSink


class BadRequestAnswers(Interface):
    """Who answers what is no request."""

    def bad_request(
        self, channel: RequestChannel, why: BadMessage, client: Client
    ) -> None: ...


class PagesPort:
    """What the connections of such a port share."""

    def __init__(
        self,
        clock: IReactorTime,
        site: Site,
        answers: BadRequestAnswers,
        proxies: ProxyTrust,
        metrics: RequestMetrics,
    ) -> None:
        self.clock = clock
        self.site = site
        self.answers = answers
        self.proxies = proxies
        self.metrics = metrics
        self.channels: set[RequestChannel] = set()

    def close_when_idle(self) -> None:
        """No more requests: connections end with their present response."""
        for channel in list(self.channels):
            channel.close_when_idle()


class PagesFactory(ServerFactory):
    """Connections of a :class:`PagesPort`, behind TLS or without."""

    noisy = False

    def __init__(self, port: PagesPort, *, secure: bool) -> None:
        self._port = port
        self._secure = secure

    def buildProtocol(self, addr: IAddress | None) -> RequestChannel:
        host = plain_address(getattr(addr, "host", "") or "")
        handler = PagesConnection(self._port, Client(host, self._secure))
        channel = RequestChannel(handler, self._port.clock)
        self._port.channels.add(channel)
        return channel


class PagesConnection:
    """The request handler of one connection: whatever is asked for is a page's."""

    def __init__(self, port: PagesPort, peer: Client) -> None:
        self._port = port
        self._peer = peer

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        client = self._port.proxies.client_of(self._peer, head.fields)
        return PageExchange(
            self._port.site,
            channel,
            head,
            client.address,
            client.secure,
            responses=self._port.metrics.pages,
            strict=is_strict(channel, client),
        )

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        self._port.answers.bad_request(channel, why, self._peer)

    def channel_closed(self, channel: RequestChannel) -> None:
        self._port.channels.discard(channel)
