"""Keeps in the registry where each system's TLS ends, as its device end wants it."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.cloud_id import fold
from cfos_cloud.events import Origin
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.registry import System
from cfos_cloud.tunnel.control import INTERNAL_ERROR, JSONObject, RpcError
from cfos_cloud.tunnel.hello import END_TO_END, Hello
from cfos_cloud.tunnel.modes import NO_HOST


class ModeStore(Interface):
    """Where modes are kept; ``Systems`` is one."""

    def get(self, cloud_id: str) -> System | None: ...

    def set_end_to_end(
        self, cloud_id: str, end_to_end: bool, by: Origin
    ) -> Deferred[System]: ...


class SystemModes:
    """
    What a device end asks for is kept before it is answered: what it has read that it
    is to have, it has after a restart of the server, too, and while it is offline.
    """

    log = Logger()

    def __init__(self, systems: ModeStore, hosts: Hosts) -> None:
        self._systems = systems
        self._hosts = hosts

    def agree(
        self, cloud_id: str, hello: Hello, client: str
    ) -> JSONObject | Deferred[JSONObject]:
        """See :class:`cfos_cloud.tunnel.modes.Modes`."""
        more = self._answer(cloud_id) if hello.end_to_end else {}
        system = self._systems.get(cloud_id)
        if system is None or system.end_to_end == hello.end_to_end:
            return more
        by = Origin("device", client)
        kept = self._systems.set_end_to_end(cloud_id, hello.end_to_end, by)
        return kept.addCallbacks(
            lambda _: more, lambda failure: self._not_kept(cloud_id, failure)
        )

    def _answer(self, cloud_id: str) -> JSONObject:
        """:raises RpcError: there is no host for it."""
        if self._hosts.is_shared:
            self.log.warn(
                "{cloud_id} wants its TLS to end at its device, which takes a host of "
                "its own: this server has none without --domain",
                cloud_id=cloud_id,
            )
            raise RpcError(
                NO_HOST, "this server has no host of its own for each system (--domain)"
            )
        host = self._hosts.authority_of(DeviceHost(fold(cloud_id)), b"")
        return {"mode": END_TO_END, "host": host.decode("ascii")}

    def _not_kept(self, cloud_id: str, failure: Failure) -> JSONObject:
        self.log.error(
            "where the TLS of {cloud_id} ends can't be written down: {reason}",
            cloud_id=cloud_id,
            reason=failure.getErrorMessage(),
        )
        raise RpcError(INTERNAL_ERROR, "the mode can't be written down at the moment")
