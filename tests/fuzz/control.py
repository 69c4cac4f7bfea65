"""Messages of the control stream, and what is read of them; first lines of streams."""

from __future__ import annotations

import json

from cfos_cloud.device.preamble import BadPreamble, parse_preamble, parse_tls_preamble
from cfos_cloud.tunnel.control import (
    MAX_LINE_BYTES,
    Call,
    ControlViolation,
    InvalidParams,
    JSONObject,
    LineSplitter,
    Message,
    Notification,
    Refusal,
    Result,
    parse,
    serialise,
    text_member,
)
from cfos_cloud.tunnel.hello import parse_grant, parse_hello, parse_status
from tests.fuzz.harness import Harness, pieces, split


def check(data: bytes) -> None:
    """Cut or not, it is the same; what is a message is one after it was written."""
    how, wire = split(data)
    lines = _lines([wire] if wire else [])
    assert _lines(list(pieces(how, wire))) == lines
    for line in lines or ():
        _check_line(line)


def _lines(parts: list[bytes]) -> list[bytes] | None:
    splitter = LineSplitter()
    lines: list[bytes] = []
    for part in parts:
        try:
            lines += splitter.feed(part)
        except ControlViolation:
            return None
        assert len(splitter._buffer) < MAX_LINE_BYTES
    assert all(b"\n" not in line and len(line) < MAX_LINE_BYTES for line in lines)
    return lines


def _check_line(line: bytes) -> None:
    for read in (parse_preamble, parse_tls_preamble):
        try:
            preamble = read(line)
        except BadPreamble:
            continue
        for text in vars(preamble).values():
            assert isinstance(text, str)
    try:
        message = parse(line)
    except ControlViolation:
        return
    try:
        written = serialise(message)
    except ValueError:
        # ASCII only, so it may have grown.
        assert len(line) * 6 > MAX_LINE_BYTES
        return
    assert written.endswith(b"\n") and written.count(b"\n") == 1
    again = parse(written[:-1])
    assert _plain(again) == _plain(message)
    match message:
        case Call(params=params) | Notification(params=params) | Result(result=params):
            _check_params(params)


def _plain(message: Message) -> str:
    """By its members: a NaN, for one, is not even like itself."""
    if isinstance(message, Refusal):
        error = message.error
        return json.dumps([message.id, error.code, error.message])
    return type(message).__name__ + json.dumps(vars(message))


def _check_params(params: JSONObject) -> None:
    for read in (parse_hello, parse_grant, parse_status):
        try:
            read(params)
        except InvalidParams:
            continue
    for member in params:
        try:
            text = text_member(params, member)
        except InvalidParams:
            continue
        assert text is None or (len(text) <= 256 and text.encode() is not None)


def _seeds() -> list[bytes]:
    def line(**members: object) -> bytes:
        return json.dumps({"jsonrpc": "2.0"} | members).encode() + b"\n"

    hello = {
        "protocol": 1,
        "agent": "acme/1",
        "name": "Garage",
        "serial": "W00-008J",
        "capabilities": ["http", "tls"],
        "mode": "end-to-end",
        "profile": "cfos",
        "devices": [{"name": "meter", "label": "x"}],
    }
    grant = {
        "grant": "a" * 20,
        "role": "admin",
        "user": "x",
        "devices": [{"name": "meter"}],
    }
    first = {
        "kind": "http",
        "grant": "g",
        "client": "192.0.2.1",
        "scheme": "https",
        "host": "h",
    }
    tls = {"kind": "tls", "sni": "h.example", "client": "192.0.2.1"}
    return [
        b"\x03\x40" + data
        for data in (
            line(id=1, method="hello", params=hello),
            line(method="revoke", params={"grant": "x"}),
            line(method="status", params={"a": [1, 2.5, None, True, "\ud800"]}),
            line(id="a", result=grant),
            line(id=1, error={"code": -32001, "message": "no"}),
            line(id=None, error={"code": 1, "message": ""}) * 2,
            b"\r\n\n{}\n[]\n1\nnull\n" + line(),
            b'{"jsonrpc":"2.0","method":"a","params":{"a":NaN,"b":1e999}}\n',
            b'{"jsonrpc":"2.0","id":%b,"method":"a"}\n' % (b"9" * 5000),
            b"[" * 3000 + b"\n",
            b'{"a":' * 3000 + b"\n",
            json.dumps(first).encode() + b"\n",
            json.dumps(tls).encode() + b"\n",
        )
    ]


HARNESS = Harness(
    "control",
    check,
    _seeds,
    (
        b"\n",
        b'"jsonrpc":"2.0"',
        b'"method":',
        b'"params":',
        b'"id":',
        b'"result":',
        b'"error":{"code":1,"message":""}',
        b"null",
        b"true",
        b"NaN",
        b"Infinity",
        b"1e999",
        b'"\\ud800"',
        b'"\\u0000"',
        b"{}",
        b"[]",
        b",",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
    ),
)
