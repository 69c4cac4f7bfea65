"""What a device end says of the further devices of its site, beside the main one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cfos_cloud.hosts import DEVICE_NAME
from cfos_cloud.tunnel.control import InvalidParams, JSONObject, text_member

#: Further devices of one site.
MAX_DEVICES = 16
#: Longest title, in characters.
MAX_TITLE = 64
#: Longest time for which a state can last, in seconds: a hundred years.
_LONGEST = 100 * 365 * 24 * 3600


@dataclass(frozen=True)
class NamedDevice:
    """``name`` is in its host; ``title``, for people, may be empty."""

    name: str
    title: str = ""


@dataclass(frozen=True)
class TargetState:
    """
    How a device stands: ``reachable`` is ``None`` while nobody knows. ``seconds`` is
    how long it was so when that was said.
    """

    reachable: bool | None = None
    seconds: int | None = None


def parse_devices(value: object) -> tuple[NamedDevice, ...]:
    """
    The checked member ``devices`` of an answer to ``login``; none where it is absent.

    :raises InvalidParams: it is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_DEVICES:
        raise InvalidParams(f"devices must be a list of {MAX_DEVICES} at most")
    found: dict[str, NamedDevice] = {}
    for each in value:
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or DEVICE_NAME.match(name) is None:
            raise InvalidParams("a device's name must be 1 to 20 of a-z 0-9")
        title = text_member(each, "title", limit=MAX_TITLE) or ""
        found.setdefault(name, NamedDevice(name, title))
    return tuple(found.values())


def read_targets(status: JSONObject) -> Mapping[str | None, TargetState]:
    """
    What ``targets`` of a ``status`` says, by name, the main device's under ``None``.
    A status is free JSON: what can't be read is not there.
    """
    targets = status.get("targets")
    found: dict[str | None, TargetState] = {}
    for each in targets[: MAX_DEVICES + 1] if isinstance(targets, list) else ():
        if not isinstance(each, dict):
            continue
        name = each.get("name")
        if name is None or (isinstance(name, str) and DEVICE_NAME.match(name)):
            found.setdefault(name, _state(each))
    return found


def _state(target: JSONObject) -> TargetState:
    reachable = {"up": True, "down": False}.get(str(target.get("state")))
    seconds = target.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        return TargetState(reachable)
    return TargetState(reachable, seconds if 0 <= seconds <= _LONGEST else None)
