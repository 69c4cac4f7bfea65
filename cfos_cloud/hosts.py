"""
The first label of a host that a device has to itself: which system's, which device.

A system's main device is ``<cloud-id>``, a further one of its site
``meter--<cloud-id>``. No Cloud ID has ``--`` in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold

#: What a further device of a site may be called.
DEVICE_NAME = re.compile(r"[a-z0-9]{1,20}\Z")


@dataclass(frozen=True)
class DeviceHost:
    """
    ``cloud_id`` is folded, and may be of no system; ``name`` is that of a further
    device, ``None`` the main one.
    """

    cloud_id: str
    name: str | None = None

    @property
    def label(self) -> str:
        """The host's first label."""
        return self.cloud_id if self.name is None else f"{self.name}--{self.cloud_id}"


def parse_label(label: str) -> DeviceHost | None:
    """The device whose host begins with ``label``; ``None``: no device's can."""
    name, dashes, rest = label.lower().partition("--")
    cloud_id = rest if dashes else name
    if dashes and DEVICE_NAME.match(name) is None:
        return None
    try:
        check_cloud_id(cloud_id)
    except InvalidCloudID:
        return None
    return DeviceHost(fold(cloud_id), name if dashes else None)
