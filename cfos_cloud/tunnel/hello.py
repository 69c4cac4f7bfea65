"""What the two ends say of themselves on the control stream."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from cfos_cloud.tunnel.control import InvalidParams, JSONObject, text_member
from cfos_cloud.tunnel.devices import NamedDevice, parse_devices

PROTOCOL_VERSION = 1
MAX_CAPABILITIES = 32
#: Longest status of a device, as JSON without spaces.
MAX_STATUS_BYTES = 8 * 1024
#: What ``mode`` is to say where TLS ends at the device, and what it says otherwise.
END_TO_END = "end-to-end"
RELAY = "relay"
#: What a device end can that has such a mode.
TLS_CAPABILITY = "tls"
#: What a grant, chosen by the device, may look like.
_GRANT = re.compile(r"[A-Za-z0-9_-]{16,128}\Z")


@dataclass(frozen=True)
class Hello:
    """
    The device's first message, checked.

    :ivar end_to_end: it wants TLS to end at the device, and nobody in between.
    """

    agent: str | None
    name: str | None
    serial: str | None
    capabilities: frozenset[str]
    end_to_end: bool = False
    #: What kind of device it is for; ``None``: of no kind that makes a difference.
    profile: str | None = None


def parse_hello(params: JSONObject) -> Hello:
    """
    The checked ``params`` of ``hello``.

    :raises InvalidParams: another protocol version, a member of the wrong type, or a
        mode that is unknown: it may be one that keeps something from us.
    """
    protocol = params.get("protocol")
    if protocol is True or protocol != PROTOCOL_VERSION:
        raise InvalidParams(f"protocol must be {PROTOCOL_VERSION}")
    capabilities = params.get("capabilities")
    if capabilities is None:
        capabilities = []
    if (
        not isinstance(capabilities, list)
        or len(capabilities) > MAX_CAPABILITIES
        or not all(isinstance(c, str) for c in capabilities)
    ):
        raise InvalidParams("capabilities must be a list of texts")
    mode = text_member(params, "mode")
    if mode not in (None, RELAY, END_TO_END):
        raise InvalidParams(f"mode must be {RELAY} or {END_TO_END}")
    if mode == END_TO_END and TLS_CAPABILITY not in capabilities:
        raise InvalidParams(f"mode {END_TO_END} takes the capability {TLS_CAPABILITY}")
    return Hello(
        text_member(params, "agent"),
        text_member(params, "name"),
        text_member(params, "serial"),
        frozenset(capabilities),
        mode == END_TO_END,
        text_member(params, "profile"),
    )


def parse_status(params: JSONObject) -> JSONObject:
    """
    The checked ``params`` of ``status``: they can be written as JSON again.

    :raises InvalidParams: too long, too deep, or with a number that JSON has not.
    """
    try:
        text = json.dumps(params, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidParams("status can't be kept") from error
    if len(text) > MAX_STATUS_BYTES:
        raise InvalidParams(f"status is longer than {MAX_STATUS_BYTES} bytes")
    return params


@dataclass(frozen=True)
class Grant:
    """
    What a device gives for a log-in; it goes into each stream of that person, who may
    use ``devices`` beside the main one.
    """

    grant: str
    role: str
    user: str
    devices: tuple[NamedDevice, ...] = ()


def parse_grant(result: JSONObject) -> Grant:
    """
    The checked answer to ``login``.

    :raises InvalidParams: the device answered something else.
    """
    grant, role = result.get("grant"), result.get("role")
    if not isinstance(grant, str) or _GRANT.match(grant) is None:
        raise InvalidParams("grant must be 16 to 128 of A-Z a-z 0-9 _ -")
    if role not in ("admin", "user"):
        raise InvalidParams("role must be admin or user")
    user = text_member(result, "user") or ""
    return Grant(grant, str(role), user, parse_devices(result.get("devices")))
