"""Frames of a WebSocket that carries a tunnel."""

from __future__ import annotations

from cfos_cloud.tunnel.websocket_frames import (
    FrameEvent,
    PeerBroken,
    PeerCloses,
    PeerPings,
    WebSocketFrames,
)
from tests.fuzz.harness import Harness, pieces, split


def check(data: bytes) -> None:
    """Cut or not, it is the same."""
    how, wire = split(data)
    for client in (False, True):
        whole = _read(client, [wire] if wire else [])
        assert _read(client, list(pieces(how, wire))) == whole


def _read(client: bool, parts: list[bytes]) -> list[object]:
    frames = WebSocketFrames(client=client)
    out: list[object] = []
    for part in parts:
        for event in frames.receive(part):
            assert not out or not isinstance(out[-1], type), "nothing after the last"
            _note(event, out, frames)
    return out


def _note(event: FrameEvent, out: list[object], frames: WebSocketFrames) -> None:
    if isinstance(event, bytes):
        assert event
        if out and isinstance(out[-1], bytes):
            out[-1] += event
        else:
            out.append(event)
    elif isinstance(event, PeerPings):
        assert len(event.payload) <= 125
        assert frames.pong(event.payload)
        out.append(event)
    else:
        assert isinstance(event, PeerCloses | PeerBroken)
        frames.close(broken=isinstance(event, PeerBroken))
        out.append(type(event))


def frame(first: int, payload: bytes, *, masked: bool = True) -> bytes:
    """One frame whose mask is 0."""
    return bytes((first, (masked << 7) | len(payload))) + bytes(4 * masked) + payload


def _seeds() -> list[bytes]:
    return [
        b"\x01\x05" + wire
        for masked in (True, False)
        for wire in (
            frame(0x82, b"hello", masked=masked) * 2,
            frame(0x02, b"hel", masked=masked) + frame(0x80, b"lo", masked=masked),
            frame(0x02, b"a", masked=masked)
            + frame(0x89, b"ping", masked=masked)
            + frame(0x80, b"b", masked=masked),
            frame(0x81, b"text", masked=masked),
            frame(0x88, b"\x03\xe8bye", masked=masked) + frame(0x82, b"x"),
            frame(0x88, b"\x03", masked=masked),
            frame(0x8A, b"", masked=masked) + frame(0x82, b"", masked=masked),
            frame(0xC2, b"x", masked=masked),
            frame(0x83, b"x", masked=masked),
            frame(0x09, b"x", masked=masked),
            b"\x82\xfe\x00\x03" + bytes(4) + b"abc",
            b"\x82\x7f" + bytes(7) + b"\x02ab",
            b"\x82\x7f\xff" + bytes(7),
        )
    ]


HARNESS = Harness(
    "websocket",
    check,
    _seeds,
    (b"\x82\x85", b"\x89\x80", b"\x88\x82", b"\x03\xe8", b"\x7e\x00\x01", bytes(4)),
)
