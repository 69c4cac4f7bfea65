"""What the connections of all browsers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.server import Site

from cfos_cloud.gateway.client import Client, ProxyTrust, plain_address
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.front import FrontConnection
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.tunnel.exchange import Exchange


class SystemNote(Interface):
    """What an error page says of a system."""

    @property
    def name(self) -> str:
        """Given by the operator; may be empty."""

    @property
    def last_seen(self) -> datetime | None:
        """When its tunnel was up last."""


class SystemDirectory(Interface):
    """Where the gateway looks up systems, in memory."""

    def get(self, cloud_id: str) -> SystemNote | None:
        """The system of a Cloud ID in any case."""


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
    channels: set[RequestChannel] = field(default_factory=set)

    def close_when_idle(self) -> None:
        """No more requests: connections end with their present response."""
        self.door.closed = True
        for channel in list(self.channels):
            channel.close_when_idle()


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
        self._gateway.channels.add(channel)
        return channel
