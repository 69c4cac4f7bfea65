"""
The composition root of ``twistd cfos-device``: the device end, and with
``--end-to-end`` the door in front of it.

The door brings log-in page and sessions, which ``device/`` does not know, and which
take memory: without it, none of that is loaded.
"""

from __future__ import annotations

from cfos_cloud.device import service
from cfos_cloud.device.door import Door, DoorParts
from cfos_cloud.device.options import Options

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> service.DeviceService:
    """What twistd runs."""
    return service.makeService(options, make_door)


def make_door(parts: DoorParts) -> Door:
    """
    The door of one device end.

    :raises DoorError: a file of it can't be used.
    """
    from cfos_cloud.site_door.door import SiteDoor

    return SiteDoor(parts)
