"""
Which host of ours a request is for, where each device has a host of its own.

``--domain cloud.example.org``: that host, and every other name or address of the
server, is the cloud's own: log-in, the operator's page, the API. A system's is
``<cloud-id>.cloud.example.org``, a further device of its site ``meter`` is
``meter--<cloud-id>.cloud.example.org``. No Cloud ID has ``--`` in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold

#: What a further device of a site may be called.
DEVICE_NAME = re.compile(r"[a-z0-9]{1,20}\Z")
_PORT = re.compile(rb":[0-9]{1,5}\Z")


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


class Hosts:
    """``domain``: that of ``--domain``; ``None``: one host for all."""

    def __init__(self, domain: str | None) -> None:
        self.domain = None if domain is None else domain.lower().rstrip(".")
        self._suffix = b"" if domain is None else f".{self.domain}".encode("ascii")

    @property
    def is_shared(self) -> bool:
        """Whether all devices, and our own pages, have one origin."""
        return self.domain is None

    def device_of(self, host: bytes) -> DeviceHost | None:
        """
        The device whose host ``host`` is (a ``Host`` field or a server name, with a
        port or without); ``None``: it is the cloud's own.
        """
        if not self._suffix:
            return None
        name = _PORT.sub(b"", host).lower().removesuffix(b".")
        if not name.endswith(self._suffix):
            return None
        label = name[: -len(self._suffix)]
        if b"." in label or not label.isascii():
            return None
        return parse_label(label.decode("ascii"))

    def authority_of(self, device: DeviceHost | None, host: bytes) -> bytes:
        """
        ``Host`` of a device's host, or of the cloud's own, with the port that ``host``
        has, on which this request came.

        :raises ValueError: there is one host for all.
        """
        if self.domain is None:
            raise ValueError("without a domain there is one host for all")
        port = _PORT.search(host)
        label = "" if device is None else f"{device.label}."
        return f"{label}{self.domain}".encode("ascii") + (port[0] if port else b"")
