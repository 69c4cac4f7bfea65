"""Small answers on a bare channel."""

from __future__ import annotations

import json
from http import HTTPStatus

from cfos_cloud.demo.site.visitors import AccessRefused, Fields
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel

_FIELDS = (
    b"Cache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Cross-Origin-Resource-Policy: same-origin\r\n"
)


def field_map(head: RequestHead) -> Fields:
    """The fields by names in lower case."""
    fields: dict[bytes, bytes] = {}
    for lower, _, value in head.fields:
        fields[lower] = fields[lower] + b", " + value if lower in fields else value
    return fields


def send_json(
    channel: RequestChannel,
    status: int,
    document: object,
    *fields: tuple[bytes, bytes],
) -> None:
    """Answer with JSON, and be done."""
    body = json.dumps(document).encode("ascii")
    _send(channel, status, b"application/json", body, *fields)


def send_refusal(channel: RequestChannel, refused: AccessRefused) -> None:
    """Say that nobody is let in like this."""
    text = refused.text.encode()
    kind = b"text/plain; charset=utf-8"
    _send(channel, refused.status, kind, text, *refused.fields)


def _send(
    channel: RequestChannel,
    status: int,
    kind: bytes,
    body: bytes,
    *fields: tuple[bytes, bytes],
) -> None:
    pairs = ((b"Content-Type", kind), *fields)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in pairs)
    reason = HTTPStatus(status).phrase.encode()
    channel.respond(status, reason, _FIELDS + lines, len(body))
    channel.send(body)
    channel.finish()
