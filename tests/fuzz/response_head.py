"""Responses: what is taken for one is one, for everybody, however it is cut."""

from __future__ import annotations

import re

from cfos_cloud.gateway.rewriting import response_fields
from cfos_cloud.http.message import END, BadMessage, ResponseEvent, ResponseHead
from cfos_cloud.http.parser import ResponseParser
from tests.fuzz.harness import Harness, pieces, split
from tests.http.vectors.responses import responses

_MOST = 1_500
_BAD = "refused"
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def check(data: bytes) -> None:
    """The first byte says to which method it is a response, and whether it ends."""
    kind, wire = data[:1], data[1:_MOST]
    method = b"HEAD" if kind[:1] < b"\x40" else b"GET"
    closes = bool(kind) and kind[0] % 2 == 1
    how, wire = split(wire)
    whole = _read(method, [wire] if wire else [], closes)
    assert _read(method, list(pieces(how, wire)), closes) == whole
    _check(method, whole)


def _read(method: bytes, parts: list[bytes], closes: bool) -> list[object]:
    """All up to the end of the response: who asked for no other reads no further."""
    parser = ResponseParser()
    parser.expect(method)
    events: list[ResponseEvent] = []
    for part in parts:
        events += parser.feed(part)
    if closes:
        events += parser.eof()
    out: list[object] = []
    for event in events:
        if out and out[-1] in (_BAD, END):
            break
        if isinstance(event, bytes):
            assert event
            if out and isinstance(out[-1], bytes):
                out[-1] += event
                continue
        out.append(_BAD if isinstance(event, BadMessage) else event)
    return out


def _check(method: bytes, events: list[object]) -> None:
    final: ResponseHead | None = None
    size = 0
    for event in events:
        if isinstance(event, bytes):
            assert final is not None, "a body has a head before it"
            size += len(event)
        elif isinstance(event, ResponseHead):
            assert final is None, "there is one final response"
            if event.status >= 200 or event.status == 101:
                final = event
            _check_head(event)
    if final is None or final.status == 101:
        assert END not in events
        return
    bodiless = method == b"HEAD" or final.status in (204, 304)
    if bodiless:
        assert not size
    elif final.length is not None:
        assert size == final.length if END in events else size <= final.length


def _check_head(head: ResponseHead) -> None:
    assert 100 <= head.status <= 599
    assert _REASON.fullmatch(head.reason)
    assert head.length is None or 0 <= head.length < 2**63
    for line in response_fields(head).split(b"\r\n")[:-1]:
        assert _LINE.fullmatch(line), line
        name = line.partition(b":")[0].lower()
        assert name not in (b"content-length", b"transfer-encoding", b"keep-alive")
        assert not name.startswith(b"cfos-")


HARNESS = Harness(
    "response-head",
    check,
    lambda: [
        (b"\x00" if vector.method == b"HEAD" else b"\x80")[:1]
        + b"\x01\x07"
        + vector.data
        for vector in responses()
        if len(vector.data) < _MOST // 2
    ],
    (
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"\t",
        b"\x00",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 X\r\n",
        b"HTTP/1.1 199 X\r\n",
        b"HTTP/1.1 204 X\r\n",
        b"HTTP/1.1 304 X\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Set-Cookie: cfos=x; Domain=a\r\n",
        b'Clear-Site-Data: "cookies"\r\n',
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
    ),
)
