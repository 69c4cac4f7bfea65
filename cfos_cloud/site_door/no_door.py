"""At a device end no devices come in."""

from __future__ import annotations

from typing import Never

from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.own_fields import own_fields
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.tunnel.scram import ServerHandshake


class NoDoor:
    """Answers 404 to whoever wants to open a tunnel here."""

    closed = True

    def handshake(
        self, channel: RequestChannel, *, of_proxy: bool = False
    ) -> ServerHandshake:
        """One that is never begun."""
        return ServerHandshake(_no_verifier, None)

    def answer(
        self,
        handshake: ServerHandshake,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
    ) -> None:
        fields = own_fields(channel, client, b"Cache-Control: no-store\r\n")
        channel.respond(404, b"Not Found", fields, 0)
        channel.finish()


def _no_verifier(cloud_id: str) -> Never:
    raise LookupError("there are no systems here")
