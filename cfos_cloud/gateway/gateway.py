"""What the connections of all browsers share."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.server import Site

from cfos_cloud.gateway.client import Client, ProxyTrust, plain_address
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.gateway.error_answers import ErrorAnswers, SystemDirectory
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.front import FrontConnection
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.metrics import RequestMetrics
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.tunnel.exchange import Exchange


@dataclass
class Gateway:
    """The parts that a request may need on its way."""

    clock: IReactorTime
    exchange: Exchange
    systems: SystemDirectory
    sessions: SessionTable
    door: TunnelDoor
    error_pages: ErrorPages
    site: Site
    proxies: ProxyTrust
    metrics: RequestMetrics = field(default_factory=RequestMetrics)
    #: ``None``: there are no access keys, and whoever presents one has none.
    keys: KeyGate | None = None
    channels: dict[RequestChannel, FrontConnection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = ErrorAnswers(self.systems, self.error_pages)

    def close_when_idle(self) -> None:
        """No more requests: connections end with their present response."""
        self.door.closed = True
        for channel, front in list(self.channels.items()):
            front.close_when_idle(channel)


class FrontFactory(ServerFactory):
    """Connections of browsers and devices, behind TLS or without."""

    noisy = False

    def __init__(self, gateway: Gateway, *, secure: bool) -> None:
        self._gateway = gateway
        self._secure = secure

    def buildProtocol(self, addr: IAddress | None) -> RequestChannel:
        host = plain_address(getattr(addr, "host", "") or "")
        front = FrontConnection(self._gateway, Client(host, self._secure))
        channel = RequestChannel(front, self._gateway.clock)
        self._gateway.channels[channel] = front
        return channel
