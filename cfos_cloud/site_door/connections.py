"""The connections of people that end here, and which of them make room."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from cfos_cloud.gateway.client import Client, plain_address
from cfos_cloud.gateway.front import FrontConnection
from cfos_cloud.gateway.gateway import Gateway
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel, RequestSink
from cfos_cloud.site_door.limits import (
    MAX_CONNECTIONS,
    MAX_PER_SOURCE,
    HandshakeLimits,
)
from cfos_cloud.throttle import source_key

#: Seconds for handshake and first head together, and between two requests.
HEAD_SECONDS = 15.0
IDLE_SECONDS = 30.0


class Connections(ServerFactory):
    """
    A request channel for each. Where a bound is reached the oldest of those without a
    request makes room; if all are busy, there is none. At the bound of all
    sources together strangers with a request make room then: two addresses would be
    enough to keep out the rest of the world for good.
    """

    log = Logger()
    noisy = False

    def __init__(self, gateway: Gateway, limits: HandshakeLimits) -> None:
        self._gateway = gateway
        self._limits = limits
        #: In the order in which they came, with their sources.
        self._sources: dict[RequestChannel, str] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def make_room(self, client: str) -> bool:
        """
        For one more of ``client``, an address, if need be by ending another; whether
        there is room.
        """
        source = source_key(client)
        of_source = [c for c, other in self._sources.items() if other == source]
        if len(of_source) >= MAX_PER_SOURCE:
            return _end_one_of(of_source)
        if len(self._sources) >= MAX_CONNECTIONS:
            everybody = list(self._sources)
            return _end_one_of(everybody) or self._end_a_stranger()
        return True

    def buildProtocol(self, addr: IAddress | None) -> RequestChannel:
        host = plain_address(getattr(addr, "host", "") or "")
        front = _Front(
            self._gateway, Client(host, secure=True), self.forget, self._limits
        )
        channel = RequestChannel(
            front,
            self._gateway.clock,
            head_seconds=HEAD_SECONDS,
            idle_seconds=IDLE_SECONDS,
        )
        self._gateway.channels[channel] = front
        self._sources[channel] = source_key(host)
        return channel

    def _end_a_stranger(self) -> bool:
        for channel in self._sources:
            if not self._gateway.channels[channel].let_in:
                channel.abort()
                return True
        return False

    def forget(self, channel: RequestChannel) -> None:
        """It is over."""
        self._sources.pop(channel, None)


class _Front(FrontConnection):
    def __init__(
        self,
        gateway: Gateway,
        peer: Client,
        over: Callable[[RequestChannel], None],
        limits: HandshakeLimits,
    ) -> None:
        super().__init__(gateway, peer)
        self._over = over
        self._limits = limits

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        sink = super().request(channel, head)
        if self.let_in:
            self._limits.let_in(self._peer.address)
        return sink

    def channel_closed(self, channel: RequestChannel) -> None:
        self._over(channel)
        super().channel_closed(channel)


def _end_one_of(channels: list[RequestChannel]) -> bool:
    for channel in channels:
        if channel.resting:
            # Browsers open another one and ask again, without a word.
            channel.abort()
            return True
    return False


def address_of(client: str) -> IAddress:
    """As the address of a peer, what the server says of a client."""
    return IPv4Address("TCP", client, 0)
