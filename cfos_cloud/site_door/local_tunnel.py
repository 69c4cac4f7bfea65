"""What stands for the tunnel where front and forwarder are in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IReactorTime

from cfos_cloud.cloud_id import fold
from cfos_cloud.site_door.pipe import join
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.hello import Grant, parse_grant
from cfos_cloud.tunnel.yamux import LocalError


class Streams(Interface):
    """Leads to the target; ``Forwarder`` is one."""

    def stream_opened(self, stream_id: int) -> IProtocol | None: ...


class Login(Interface):
    """Decides who may come in; ``DeviceLogin`` is one."""

    def login(self, params: Mapping[str, object]) -> Deferred[JSONObject]: ...


class GrantBook(Interface):
    """Where grants are; ``Grants`` is one."""

    def forget(self, token: str) -> None: ...


@dataclass(frozen=True, eq=False)
class LocalTunnel:
    """A tunnel to this very process: it is always up."""

    cloud_id: str
    streams: Streams
    device_login: Login
    grants: GrantBook
    clock: IReactorTime
    #: How the devices of the site stand, and what time it is.
    tell: Callable[[], JSONObject]
    now: Callable[[], datetime]
    #: TLS has ended when a request comes here.
    end_to_end: bool = False
    #: What kind of device it is, for what access keys may do.
    profile: str | None = None
    #: What waits, waits in the tunnel that TLS came by.
    buffered: None = None
    #: Of its connections, and so of its streams, there are few.
    crowded: bool = False

    @property
    def status(self) -> JSONObject:
        """What a device end elsewhere would have told of itself."""
        return self.tell()

    @property
    def status_at(self) -> datetime:
        """Just now."""
        return self.now()

    def open_stream(self, protocol: IProtocol) -> None:
        """:raises LocalError: the forwarder takes none."""
        incoming = self.streams.stream_opened(0)
        if incoming is None:
            raise LocalError("no more streams")
        join(self.clock, protocol, incoming)

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        """As the tunnel's own, but that nothing leaves the process."""
        params: JSONObject = {
            "role": role,
            "secret": secret,
            "client": client,
            "ttl": ttl,
        }
        return self.device_login.login(params).addCallback(parse_grant)

    def logout(self, grant: str) -> None:
        self.grants.forget(grant)


@dataclass(frozen=True)
class OneSystem:
    """
    An exchange, and a directory, of the one system that is here: itself as its own
    name.
    """

    tunnel: LocalTunnel
    enabled: bool = True
    #: The log-in that asks is the device's own.
    end_to_end: bool = False
    last_seen: datetime | None = None

    @property
    def cloud_id(self) -> str:
        return self.tunnel.cloud_id

    @property
    def name(self) -> str:
        return self.tunnel.cloud_id

    def session(self, cloud_id: str) -> LocalTunnel | None:
        return self.tunnel if fold(cloud_id) == fold(self.cloud_id) else None

    def get(self, cloud_id: str) -> OneSystem | None:
        return self if fold(cloud_id) == fold(self.cloud_id) else None
