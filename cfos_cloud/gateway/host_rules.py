"""Without a session: what an access key may do on a host, and the way to the log-in."""

from __future__ import annotations

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.bookmarks import NO_BOOKMARK, Bookmark, bookmark_of
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.key_access import KeyAccess
from cfos_cloud.gateway.key_requests import INTERFACE
from cfos_cloud.gateway.origin_rule import refusal_of
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.http.message import RequestHead


def leads_here(
    hosts: Hosts, access: KeyAccess, head: RequestHead, device: DeviceHost | None
) -> bool:
    """
    Whether this host is one for the key: the cloud's own for the interface, that of
    its system for all that it may.
    """
    if hosts.is_shared:
        return True
    if device is None:
        return head.target.startswith(INTERFACE)
    cloud_id = access.key.cloud_id
    return cloud_id is not None and fold(cloud_id) == device.cloud_id


def way_to_log_in(
    hosts: Hosts, head: RequestHead, client: Client
) -> tuple[bytes, Bookmark]:
    """
    The origin of the log-in, empty where it is this one's, and what to take along. It
    tells nobody whether there is such a system.
    """
    device = hosts.device_at(head.host)
    if device is None:
        return b"", NO_BOOKMARK
    is_wanted = refusal_of(head, client.scheme, takes_workers=True) is None
    bookmark = bookmark_of(
        device, head.target, with_query=is_wanted, secure=client.secure
    )
    if hosts.device_of(head.host) is None:
        return b"", bookmark
    return hosts.origin_of(None, head.host, client.scheme), bookmark
