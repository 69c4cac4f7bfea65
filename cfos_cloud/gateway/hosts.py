"""
Which host of ours a request is for, where each device has a host of its own.

``--domain cloud.example.org``: that host, and every other name or address of the
server, is the cloud's own: log-in, the operator's page, the API. A system's is
``<cloud-id>.cloud.example.org``, a further device of its site ``meter`` is
``meter--<cloud-id>.cloud.example.org``. No Cloud ID has ``--`` in it.
"""

from __future__ import annotations

import re

from cfos_cloud.hosts import DEVICE_NAME, DeviceHost, parse_label

__all__ = ["DEVICE_NAME", "DeviceHost", "Hosts", "parse_label"]

_PORT = re.compile(rb":[0-9]{1,5}\Z")


class Hosts:
    """``domain``: that of ``--domain``; ``None``: one host for all."""

    def __init__(self, domain: str | None) -> None:
        self.domain = None if domain is None else domain.lower().rstrip(".")
        self._suffix = b"" if domain is None else f".{self.domain}".encode("ascii")

    @property
    def is_shared(self) -> bool:
        """
        Whether our own pages are on the host of a device: all have one, or it is that
        of the one site that is here.
        """
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

    def device_at(self, host: bytes) -> DeviceHost | None:
        """The same, or that of the device which shares ``host`` with our own pages."""
        return self.device_of(host)

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

    def origin_of(self, device: DeviceHost | None, host: bytes, scheme: bytes) -> bytes:
        """
        The same as an origin, to lead a browser there.

        :raises ValueError: there is one host for all.
        """
        return scheme + b"://" + self.authority_of(device, host)

    def all_devices(self, host: bytes, scheme: bytes) -> bytes:
        """
        All hosts of devices as one source of a ``Content-Security-Policy``; empty where
        there is one host for all.
        """
        if self.domain is None:
            return b""
        return scheme + b"://*." + self.authority_of(None, host)
