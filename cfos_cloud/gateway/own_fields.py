"""The fields of an answer of ours to somebody at the other end of a connection."""

from __future__ import annotations

from cfos_cloud.gateway.client import Client
from cfos_cloud.listener.tls import is_vouched_for
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.safe_fields import complete


def is_strict(channel: RequestChannel, client: Client | None) -> bool:
    """
    Whether ``client`` is told to use TLS alone: if the certificate that it has
    received from us is a CA's. Behind a proxy that ends TLS it has the proxy's, of
    which we know nothing; so that is the proxy's to say.

    :param client: ``None``: nobody knows, as with what is no request.
    """
    if client is None or client.by_proxy or not client.secure:
        return False
    return is_vouched_for(channel.transport)


def own_fields(channel: RequestChannel, client: Client | None, fields: bytes) -> bytes:
    """``fields``, complete."""
    return complete(fields, strict=is_strict(channel, client))
