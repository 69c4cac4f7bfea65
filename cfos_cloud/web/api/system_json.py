"""A system as the API says it."""

from __future__ import annotations

from cfos_cloud.registry import System
from cfos_cloud.timestamps import moment
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.operation import (
    BOOLEAN,
    COUNT,
    MOMENT,
    STRING,
    Shape,
    members,
    or_null,
)
from cfos_cloud.web.api.schema import CLOUD_ID, CLOUD_PASSWORD, NAME

_MEMBERS = {
    "cloud_id": CLOUD_ID,
    "name": NAME,
    "enabled": {**BOOLEAN, "description": "its device end is let in"},
    "online": BOOLEAN,
    "since": {
        **or_null(MOMENT),
        "description": "since when it is online, or since when not",
    },
    "last_seen": or_null(MOMENT),
    "agent": {
        **or_null(STRING),
        "description": "what its device end calls itself; the last one's if offline",
    },
    "client": {
        **or_null(STRING),
        "description": "the address of its device end; the last one's if offline",
    },
    "bytes_in": {
        **COUNT,
        "description": "bytes from the device, the present connection's included",
    },
    "bytes_out": {**COUNT, "description": "bytes to the device, likewise"},
    "created": MOMENT,
    "end_to_end": {
        **BOOLEAN,
        "description": "its TLS ends at its device; its device end decides that",
    },
}
SYSTEM = Shape("System", members(**_MEMBERS))
SYSTEM_WITH_PASSWORD = Shape(
    "SystemWithPassword",
    {
        "type": "object",
        "required": list(_MEMBERS),
        "properties": {
            **_MEMBERS,
            "password": {
                **CLOUD_PASSWORD,
                "description": "if it was generated; it is said this once",
            },
        },
    },
)


def system_json(system: System, presence: Presence) -> dict[str, object]:
    """
    A system as the API says it. ``since`` is since when it is online, or since
    when not; the byte counts include those of the present connection.
    """
    last_seen = system.last_seen
    if presence.since is not None and (last_seen is None or presence.since > last_seen):
        last_seen = presence.since
    online = presence.online
    return {
        "cloud_id": system.cloud_id,
        "name": system.name,
        "enabled": system.enabled,
        "online": online,
        "since": moment(presence.since if online else last_seen),
        "last_seen": moment(last_seen),
        "agent": presence.agent if online else system.agent,
        "client": presence.client if online else system.client,
        "bytes_in": system.bytes_in + presence.bytes_in,
        "bytes_out": system.bytes_out + presence.bytes_out,
        "created": moment(system.created),
        "end_to_end": system.end_to_end,
    }
