"""What a request on its way to a device needs of tunnels, and of the door to them."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.interfaces import IProtocol

from cfos_cloud.buffered import Buffered
from cfos_cloud.gateway.client import Client
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.tunnel.scram import ServerHandshake


class Tunnel(Interface):
    """The way to one device; ``TunnelSession`` is one."""

    @property
    def cloud_id(self) -> str:
        """As the registry spells it."""

    @property
    def end_to_end(self) -> bool:
        """Whether it takes TLS for the device, and nothing else."""

    @property
    def buffered(self) -> Buffered | None:
        """What waits in its streams, and on the connections that lead to them."""

    @property
    def crowded(self) -> bool:
        """Whether it has so many streams that none should wait for another request."""

    def open_stream(self, protocol: IProtocol) -> object:
        """
        A new stream to the device end, given to ``protocol``.

        :raises LocalError: the tunnel takes none (any more).
        """


class Tunnels(Interface):
    """Where tunnels are found; ``Exchange`` is one."""

    def session(self, cloud_id: str) -> Tunnel | None:
        """The tunnel of ``cloud_id`` (in any case), if it is up."""


class Door(Interface):
    """Where devices come in; ``TunnelDoor`` is one."""

    closed: bool

    def handshake(
        self, channel: RequestChannel, *, of_proxy: bool = False
    ) -> ServerHandshake: ...

    def answer(
        self,
        handshake: ServerHandshake,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
    ) -> None: ...
