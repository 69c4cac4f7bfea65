"""
The hosts of one site: that of its main device, where our own pages are, too, and one
for each further device that is configured.
"""

from __future__ import annotations

from collections.abc import Iterable

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.hosts import bare_name, port_of
from cfos_cloud.hosts import DeviceHost, parse_label


def site_names(host: str, further: Iterable[str]) -> tuple[str, ...]:
    """The names of all hosts of a site; ``host`` is that of its main device."""
    return (host, *(f"{name}--{host}" for name in further))


class SiteHosts:
    """
    :param further: names of the further devices. A host of any other name is none.
    """

    #: The main device's host is that of our own pages.
    is_shared = True

    def __init__(self, cloud_id: str, further: Iterable[str]) -> None:
        #: Where people log in.
        self.main = DeviceHost(fold(cloud_id))
        self._further = tuple(further)
        self._host: str | None = None
        #: The further ones that have hosts.
        self.devices: tuple[DeviceHost, ...] = ()
        #: Of all hosts, in lower case; none before the server's word.
        self.names: tuple[str, ...] = ()

    def opened_as(self, host: str) -> None:
        """The server's word on the name that people open."""
        self._host = host
        # A further device is known by the Cloud ID in its host.
        is_named = parse_label(host.partition(".")[0]) == self.main
        further = self._further if is_named else ()
        self.devices = tuple(DeviceHost(self.main.cloud_id, name) for name in further)
        self.names = site_names(host, further)

    def device_of(self, host: bytes) -> DeviceHost | None:
        """The further device whose host it is."""
        if self._host is None:
            return None
        label, _, domain = bare_name(host).partition(b".")
        if domain != self._host.partition(".")[2].encode("ascii"):
            return None
        device = parse_label(label.decode("latin-1"))
        return device if device in self.devices else None

    def device_at(self, host: bytes) -> DeviceHost:
        """On any other host there is the main one."""
        return self.device_of(host) or self.main

    def authority_of(self, device: DeviceHost | None, host: bytes) -> bytes:
        """
        Without a device that of our own pages.

        :raises ValueError: the server has not said it yet.
        """
        if self._host is None:
            raise ValueError("the name of the site is not known yet")
        label = "" if device is None or device.name is None else f"{device.name}--"
        return f"{label}{self._host}".encode("ascii") + port_of(host)

    def origin_of(self, device: DeviceHost | None, host: bytes, scheme: bytes) -> bytes:
        """:raises ValueError: see :meth:`authority_of`."""
        return scheme + b"://" + self.authority_of(device, host)

    def all_devices(self, host: bytes, scheme: bytes) -> bytes:
        """The further ones, each as a source of a ``Content-Security-Policy``."""
        return b" ".join(self.origin_of(each, host, scheme) for each in self.devices)
