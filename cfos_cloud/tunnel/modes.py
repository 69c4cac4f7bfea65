"""Whether a device end's TLS ends at the server or at the device: who is asked."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.defer import Deferred

from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.hello import Hello

#: The error to a ``hello`` whose mode this server can't have.
NO_HOST = -32010


class Modes(Interface):
    """Who keeps in what mode each system is."""

    def agree(
        self, cloud_id: str, hello: Hello, client: str
    ) -> JSONObject | Deferred[JSONObject]:
        """
        Keep the mode that the system's device end, at the address ``client``, has
        asked for; what the answer to its hello has to say of it.

        :raises RpcError: it can't be had; also as a failure.
        """


class AnyMode:
    """:class:`Modes` for who keeps none."""

    def agree(self, cloud_id: str, hello: Hello, client: str) -> JSONObject:
        """There is nothing to say of it."""
        return {}


ANY_MODE = AnyMode()
