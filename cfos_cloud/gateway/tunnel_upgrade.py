"""What a device asks its connection to become: a tunnel as such, or a WebSocket."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cfos_cloud.gateway.addresses import TUNNEL_PATH
from cfos_cloud.http.message import Field, RequestHead, value_of
from cfos_cloud.tunnel.websocket_frames import SUBPROTOCOL, VERSION, accept_of

UPGRADE = b"cfos-tunnel/1"
_WEBSOCKET = b"websocket"
#: Bytes of a ``Sec-WebSocket-Key`` (RFC 6455 §4.1).
_KEY_BYTES = 16


@dataclass(frozen=True)
class TunnelUpgrade:
    """
    A request that may become a tunnel.

    :ivar fields: of the 101, but for ``Connection`` and the proof.
    :ivar websocket: the bytes go in binary messages.
    """

    fields: bytes
    websocket: bool


@dataclass(frozen=True)
class NoUpgrade:
    """A request that can't: status, reason and fields of the answer."""

    status: int
    reason: bytes
    fields: bytes = b""


_PLAIN = TunnelUpgrade(b"Upgrade: %b\r\n" % UPGRADE, websocket=False)
_WANTED = NoUpgrade(426, b"Upgrade Required", b"Upgrade: %b\r\n" % UPGRADE)


def is_question(head: RequestHead) -> bool:
    """
    Whether ``head`` only asks how one would get in, as people do with curl: a plain
    request, without an upgrade or a proof.
    """
    return (
        head.method in (b"GET", b"HEAD")
        and head.target == TUNNEL_PATH
        and head.upgrade is None
        and value_of(head.fields, b"authorization") is None
    )


def upgrade_of(head: RequestHead) -> TunnelUpgrade | NoUpgrade:
    """
    What ``head`` asks for (docs/tunnel-protocol.md). A browser gets no WebSocket: it
    always says its ``Origin``, and no device end has one.
    """
    if head.method != b"GET" or head.upgrade is None or head.target != TUNNEL_PATH:
        return _WANTED
    protocol = head.upgrade.strip().lower()
    if protocol == UPGRADE:
        return _PLAIN
    if protocol != _WEBSOCKET or SUBPROTOCOL not in _offered(head.fields):
        return _WANTED
    if _values(head.fields, b"origin"):
        return NoUpgrade(403, b"Forbidden")
    if _values(head.fields, b"sec-websocket-version") != [VERSION]:
        wanted = b"Sec-WebSocket-Version: %b\r\n" % VERSION
        return NoUpgrade(426, b"Upgrade Required", _WANTED.fields + wanted)
    keys = _values(head.fields, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return NoUpgrade(400, b"Bad Request")
    return TunnelUpgrade(
        b"Upgrade: websocket\r\nSec-WebSocket-Accept: %b\r\n"
        b"Sec-WebSocket-Protocol: %b\r\n" % (accept_of(keys[0]), SUBPROTOCOL),
        websocket=True,
    )


def _values(fields: list[Field], name: bytes) -> list[bytes]:
    return [value.strip() for lower, _, value in fields if lower == name]


def _offered(fields: list[Field]) -> list[bytes]:
    names = b",".join(_values(fields, b"sec-websocket-protocol"))
    return [name.strip() for name in names.split(b",")]


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
