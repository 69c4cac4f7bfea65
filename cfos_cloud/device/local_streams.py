"""What comes in by the tunnel, where its streams are in clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol

from cfos_cloud.device.authorization import Authorization
from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.tunnel import Welcome
from cfos_cloud.tunnel.control import JSONObject, text_member


@dataclass(frozen=True)
class LocalStreams:
    """What the tunnel leads to: the targets, and who may come in there."""

    forwarder: Forwarder
    device_login: DeviceLogin
    grants: Grants
    authorization: Authorization
    key_grants: KeyGrants
    is_up: Callable[[], object]

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        return self.forwarder.stream_opened(stream_id)

    def login(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        return self.device_login.login(params)

    def logout(self, params: Mapping[str, object]) -> None:
        grant = text_member(params, "grant")
        if grant is not None:
            self.grants.forget(grant)

    def authorize(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        return self.authorization.authorize(params)

    def forget(self, params: Mapping[str, object]) -> None:
        self.key_grants.forget_named(params)

    def welcomed(self, welcome: Welcome) -> None:
        """The tunnel is up; each stream names its own public address."""
        self.is_up()
