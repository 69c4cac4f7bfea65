"""
Which of a site's devices a stream leads to.

The host that the person's browser shows names one of those that are configured, and
nothing else: no address comes from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.users import ADMIN
from cfos_cloud.hosts import DeviceHost, parse_label


class NoDevice(Enum):
    """Why a stream leads nowhere: the status, its words, and ``Cfos-Error``."""

    FORBIDDEN = (403, b"Forbidden", b"forbidden")
    UNKNOWN = (404, b"Not Found", b"unknown")

    def __init__(self, status: int, reason: bytes, word: bytes) -> None:
        self.status = status
        self.reason = reason
        self.word = word


@dataclass(frozen=True)
class Targets:
    """
    :param main: ``--target``.
    :param cloud_id: our own, folded.
    :param further: by name.
    """

    main: TargetSide
    cloud_id: str = ""
    further: Mapping[str, TargetSide] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def choose(self, host: str, grant: Grant) -> TargetSide | NoDevice:
        """
        Where requests for ``host`` (with a port or without) go by ``grant``. Who may
        not see a device can't tell it from one that does not exist.
        """
        device = _device_of(host)
        if device is None or device.name is None or device.cloud_id != self.cloud_id:
            # The server has one host for all, or this is the main device's.
            return self.main
        side = self.further.get(device.name)
        if grant.role == ADMIN:
            return NoDevice.UNKNOWN if side is None else side
        if side is None or device.name not in grant.devices:
            return NoDevice.FORBIDDEN
        return side


def _device_of(host: str) -> DeviceHost | None:
    label, dot, _ = host.partition(".")
    return parse_label(label) if dot else None
