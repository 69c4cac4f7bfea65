"""What the connections of all browsers share."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.server import Site

from cfos_cloud.gateway.client import Client, ProxyTrust, plain_address
from cfos_cloud.gateway.error_answers import ErrorAnswers, SystemDirectory
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.front import FrontConnection
from cfos_cloud.gateway.hosts import Hosts, OneHost
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.gateway.tunnels import Door, Tunnels
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.metrics import RequestMetrics
from cfos_cloud.relay.channel import RequestChannel


@dataclass(kw_only=True)
class Gateway:
    """The parts that a request may need on its way."""

    clock: IReactorTime
    exchange: Tunnels
    systems: SystemDirectory
    sessions: SessionTable
    door: Door
    error_pages: ErrorPages
    site: Site
    proxies: ProxyTrust
    metrics: RequestMetrics = field(default_factory=RequestMetrics)
    #: ``None``: there are no access keys, and whoever presents one has none.
    keys: KeyGate | None = None
    hosts: Hosts = field(default_factory=OneHost)
    #: Our pages on the hosts of devices, where they have such.
    device_site: Site | None = None
    channels: dict[RequestChannel, FrontConnection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = ErrorAnswers(self.systems, self.error_pages)

    def site_of(self, device: DeviceHost | None) -> Site:
        """
        Our pages on the cloud's own host, or on a device's.

        :raises ValueError: there are none for devices' hosts.
        """
        site = self.site if device is None else self.device_site
        if site is None:
            raise ValueError("there are no pages of ours for the hosts of devices")
        return site

    def is_end_to_end(self, device: DeviceHost) -> bool:
        """Whether nothing for ``device`` may be answered here."""
        system = self.systems.get(device.cloud_id)
        return system is not None and system.end_to_end

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
