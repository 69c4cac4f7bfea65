"""Where people come in by TLS that ends at the device end: what that needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Interface

from twisted.application.service import IServiceCollection
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IProtocol, IReactorTime

from cfos_cloud.device.authorization import Authorization
from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.settings import DeviceSettings, EndToEnd
from cfos_cloud.device.tunnel import Welcome
from cfos_cloud.tunnel.control import JSONObject, UnknownMethod


class DoorError(Exception):
    """Its certificate, or another file, can't be used; one line, naming it."""


@dataclass(frozen=True)
class DoorParts:
    """
    What a door leads to, and by what.

    :param cloud_id: as it was given.
    :param forwarder: leads to the target, by grants.
    :param seconds: a clock that never goes back.
    :param now: tells aware times.
    :param status: tells how the devices of the site stand.
    """

    cloud_id: str
    settings: DeviceSettings
    end_to_end: EndToEnd
    forwarder: Forwarder
    login: DeviceLogin
    grants: Grants
    key_grants: KeyGrants
    authorization: Authorization
    clock: IReactorTime
    seconds: Callable[[], float]
    now: Callable[[], datetime]
    status: Callable[[], JSONObject]


class Door(Interface):
    """Ends TLS of people; a service."""

    def setServiceParent(self, service: IServiceCollection) -> None: ...

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        """The protocol for a stream of the server; ``None`` resets it."""

    def welcomed(self, welcome: Welcome) -> None:
        """The tunnel is up."""

    def revoked(self, grant: str) -> None:
        """A grant has ended, or is none any more: so has what lives by it."""


#: Makes a door.
#:
#: :raises DoorError: a file of it can't be used.
DoorFactory = Callable[[DoorParts], Door]


@dataclass(frozen=True)
class SealedStreams:
    """What the tunnel leads to: the door alone. The server may ask for nothing."""

    door: Door

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        return self.door.stream_opened(stream_id)

    def welcomed(self, welcome: Welcome) -> None:
        self.door.welcomed(welcome)

    def login(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        """Refused: whoever asks has a secret that the server should not have."""
        return fail(UnknownMethod())

    def authorize(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        """Refused, for the same reason."""
        return fail(UnknownMethod())

    def logout(self, params: Mapping[str, object]) -> None:
        """The server knows no grants."""

    def forget(self, params: Mapping[str, object]) -> None:
        """The server has made none of the keys."""
