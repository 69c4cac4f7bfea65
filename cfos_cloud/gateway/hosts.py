"""
Which host of ours a request is for.

With ``--domain cloud.example.org`` that host, and every other name or address of the
server, is the cloud's own: log-in, the operator's page, the API. A system's is
``<cloud-id>.cloud.example.org``, a further device of its site ``meter`` is
``meter--<cloud-id>.cloud.example.org``. No Cloud ID has ``--`` in it. Without a domain
one host is all of this.
"""

from __future__ import annotations

import re
from typing import Protocol

from cfos_cloud.hosts import DeviceHost, parse_label

_PORT = re.compile(rb":[0-9]{1,5}\Z")


def bare_name(host: bytes) -> bytes:
    """A ``Host`` field or a server name, lower-case, without port and last dot."""
    return _PORT.sub(b"", host).lower().removesuffix(b".")


def port_of(host: bytes) -> bytes:
    """The port that a ``Host`` field has, with its colon; or nothing."""
    found = _PORT.search(host)
    return found[0] if found else b""


class Hosts(Protocol):
    """
    Where devices and our own pages are. ``host`` is a ``Host`` field (or a server
    name): the one with which the present request came.
    """

    @property
    def is_shared(self) -> bool:
        """
        Whether our own pages are on the host of a device: all have one, or it is that
        of the one site that is here.
        """

    def device_of(self, host: bytes) -> DeviceHost | None:
        """The device whose own host ``host`` is; ``None``: our pages are there."""

    def device_at(self, host: bytes) -> DeviceHost | None:
        """The same, or that of the device which shares ``host`` with our own pages."""

    def authority_of(self, device: DeviceHost | None, host: bytes) -> bytes:
        """
        ``Host`` of a device's host, or of our own pages', with the port of ``host``.

        :raises ValueError: devices have no hosts of their own, or not yet.
        """

    def origin_of(self, device: DeviceHost | None, host: bytes, scheme: bytes) -> bytes:
        """
        The same as an origin, to lead a browser there.

        :raises ValueError: see :meth:`authority_of`.
        """

    def all_devices(self, host: bytes, scheme: bytes) -> bytes:
        """
        All hosts of devices, as sources of a ``Content-Security-Policy``; empty where
        they have none.
        """


class OneHost:
    """Log-in and devices are on one host, whatever its name."""

    is_shared = True

    def device_of(self, host: bytes) -> None:
        """There is none that a host could tell."""

    device_at = device_of

    def authority_of(self, device: DeviceHost | None, host: bytes) -> bytes:
        """:raises ValueError: always."""
        raise ValueError("without a domain there is one host for all")

    def origin_of(self, device: DeviceHost | None, host: bytes, scheme: bytes) -> bytes:
        """:raises ValueError: always."""
        return scheme + b"://" + self.authority_of(device, host)

    def all_devices(self, host: bytes, scheme: bytes) -> bytes:
        """None."""
        return b""


class DomainHosts:
    """Each device has a host below ``domain``, in lower case; we have all others."""

    is_shared = False

    def __init__(self, domain: str) -> None:
        self.domain = domain.lower().rstrip(".")
        self._suffix = f".{self.domain}".encode("ascii")

    def device_of(self, host: bytes) -> DeviceHost | None:
        """One label below the domain, if it can be a device's."""
        name = bare_name(host)
        if not name.endswith(self._suffix):
            return None
        label = name[: -len(self._suffix)]
        if b"." in label or not label.isascii():
            return None
        return parse_label(label.decode("ascii"))

    device_at = device_of

    def authority_of(self, device: DeviceHost | None, host: bytes) -> bytes:
        """Our own pages are led to at the domain itself."""
        label = "" if device is None else f"{device.label}."
        return f"{label}{self.domain}".encode("ascii") + port_of(host)

    def origin_of(self, device: DeviceHost | None, host: bytes, scheme: bytes) -> bytes:
        """The same as an origin."""
        return scheme + b"://" + self.authority_of(device, host)

    def all_devices(self, host: bytes, scheme: bytes) -> bytes:
        """Whatever is below the domain."""
        return scheme + b"://*." + self.authority_of(None, host)


def hosts_of(domain: str | None) -> Hosts:
    """``domain``: that of ``--domain``; ``None``: there is none."""
    return OneHost() if domain is None else DomainHosts(domain)
