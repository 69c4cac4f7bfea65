"""The devices of a site as somebody may see them, each with its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cfos_cloud.gateway.sessions import Session
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.devices import TargetState, read_targets

_ADMIN = "admin"


class Tunnel(Protocol):
    """What the device end last told of itself, and when."""

    @property
    def status(self) -> JSONObject: ...

    @property
    def status_at(self) -> datetime: ...


@dataclass(frozen=True)
class ShownDevice:
    """
    One of a site; without a ``name`` it is the main one.

    :ivar reachable: ``None``: nobody knows.
    :ivar since: since when it is so.
    """

    name: str | None
    title: str
    reachable: bool | None = None
    since: datetime | None = None


def shown_devices(
    session: Session, tunnel: Tunnel | None, main: str
) -> list[ShownDevice]:
    """
    The main device, called ``main``, and the further ones that the holder of
    ``session`` may use: what the log-in was told, for an admin also what the device end
    tells now.

    :param tunnel: ``None``: the site is offline.
    """
    states = {} if tunnel is None else read_targets(tunnel.status)
    titles = {device.name: device.title or device.name for device in session.devices}
    if session.role == _ADMIN:
        titles |= {n: n for n in states if n is not None and n not in titles}
    named: list[tuple[str | None, str]] = [(None, main), *titles.items()]
    return [
        ShownDevice(name, title, *_state(states, name, tunnel)) for name, title in named
    ]


def _state(
    states: Mapping[str | None, TargetState], name: str | None, tunnel: Tunnel | None
) -> tuple[bool | None, datetime | None]:
    state = states.get(name)
    if state is None or tunnel is None or state.reachable is None:
        return None, None
    if state.seconds is None:
        return state.reachable, None
    return state.reachable, tunnel.status_at - timedelta(seconds=state.seconds)
