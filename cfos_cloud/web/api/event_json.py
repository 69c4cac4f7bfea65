"""An event as the API says it."""

from __future__ import annotations

from cfos_cloud.events import Event, EventKind
from cfos_cloud.timestamps import rfc3339
from cfos_cloud.web.api.operation import (
    COUNT,
    MOMENT,
    STRING,
    Shape,
    members,
    or_null,
)
from cfos_cloud.web.api.schema import CLOUD_ID

EVENT = Shape(
    "Event",
    members(
        id={**or_null(COUNT), "description": "null as long as it is not stored"},
        time=MOMENT,
        kind={
            "type": "string",
            "enum": [kind.value for kind in EventKind],
            "description": "later versions may have more",
        },
        actor={
            **STRING,
            "description": "`server`, `operator`, `device`, `nobody`; at a system's "
            "device `admin` or `user:NAME`; `key:NAME` is an access key; empty for a "
            "sum of several",
        },
        cloud_id=or_null(CLOUD_ID),
        client={**or_null(STRING), "description": "the address it came from"},
        detail=STRING,
        times={**COUNT, "description": "so many like it, if only this one is kept"},
    ),
)


def event_json(event: Event) -> dict[str, object]:
    """An event as the API says it."""
    return {
        "id": event.id,
        "time": rfc3339(event.time),
        "kind": event.kind.value,
        "actor": event.actor,
        "cloud_id": event.cloud_id,
        "client": event.client,
        "detail": event.detail,
        "times": event.times,
    }
