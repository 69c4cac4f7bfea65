"""yamux: a peer may send what it likes, and costs no more than the limits say."""

from __future__ import annotations

from struct import pack

from cfos_cloud.tunnel.yamux import Connection, Limits, ProtocolError, Role
from cfos_cloud.tunnel.yamux_events import Data, Event, Fin, Reset, StreamOpened
from cfos_cloud.tunnel.yamux_frames import HEADER_SIZE
from cfos_cloud.tunnel.yamux_reader import FrameReader
from tests.fuzz.harness import Harness, pieces, split

_LIMITS = Limits(max_streams=4, max_answers=8)
_MOST = 8_000


def check(data: bytes) -> None:
    """Cut or not, it is the same; what is answered can be read again."""
    how, wire = split(data[:_MOST])
    whole = _Peer()
    whole.take([wire] if wire else [])
    cut = _Peer()
    cut.take(list(pieces(how, wire)))
    assert cut.failed == whole.failed
    if not whole.failed:
        assert cut.events == whole.events
        assert cut.sent == whole.sent


class _Peer:
    """A server's end with a stream of its own; it consumes at once what it gets."""

    def __init__(self) -> None:
        self.core = Connection(Role.SERVER, _LIMITS)
        self.own = self.core.open_stream()
        self.core.send(self.own, b"x" * 100)
        self.live = {self.own}
        self.ended: set[int] = set()
        self.events: list[Event] = []
        self.failed = False
        self.sent = b""

    def take(self, parts: list[bytes]) -> None:
        for part in parts:
            try:
                events = self.core.receive_data(part)
            except ProtocolError:
                self.failed = True
                break
            for event in events:
                self.note(event)
            assert self.core.streams <= _LIMITS.max_streams + 1
            assert len(self.core._reader._start_of_header) < HEADER_SIZE
        for event in self.events:
            if isinstance(event, Data):
                self.core.consumed(event.stream_id, 0)
        self.sent = self.core.next_bytes(2**20)
        assert all(FrameReader(2**20).read(self.sent))
        if self.failed:
            assert self.core.streams == 0
            assert len(self.sent) == HEADER_SIZE
            try:
                self.core.receive_data(b"")
            except ProtocolError:
                pass
            else:
                raise AssertionError("what has failed is over")

    def note(self, event: Event) -> None:
        match event:
            case StreamOpened(stream_id):
                assert stream_id not in self.live
                assert stream_id % 2 == 1
                self.live.add(stream_id)
                self.ended.discard(stream_id)
            case Data(stream_id, payload):
                assert payload
                assert stream_id in self.live
                assert stream_id not in self.ended
                last = self.events[-1] if self.events else None
                if isinstance(last, Data) and last.stream_id == stream_id:
                    self.events[-1] = Data(stream_id, last.data + payload)
                    return
            case Fin(stream_id):
                assert stream_id in self.live
                assert stream_id not in self.ended
                self.ended.add(stream_id)
            case Reset(stream_id):
                self.live.remove(stream_id)
                self.ended.discard(stream_id)
        self.events.append(event)


def frame(
    kind: int, flags: int, stream_id: int, length: int, data: bytes = b""
) -> bytes:
    """One frame, right or wrong."""
    return pack(">BBHLL", 0, kind, flags, stream_id, length) + data


def _seeds() -> list[bytes]:
    begin = frame(1, 1, 1, 0)
    data = frame(0, 0, 1, 5, b"hello")
    return [
        b"\x01\x0c" + wire
        for wire in (
            begin + data,
            begin + data + frame(0, 4, 1, 0),
            begin + frame(0, 4, 1, 5, b"hello"),
            begin + frame(1, 0, 1, 1000) + frame(1, 8, 1, 0),
            begin + frame(1, 2, 2, 0) + frame(0, 0, 2, 5, b"hello") + frame(1, 4, 2, 0),
            frame(0, 1, 1, 5, b"hello") + frame(0, 1, 3, 0) + frame(1, 1, 5, 0),
            b"".join(frame(1, 1, number, 0) for number in (1, 3, 5, 7, 9, 11)),
            b"".join(frame(2, 1, 0, number) for number in range(12)),
            frame(2, 2, 0, 0) + frame(3, 0, 0, 0) + begin,
            begin + frame(1, 0, 1, 0xFFFF_FFFF),
            begin + frame(0, 0, 1, 0x1_0000, b"x" * 100),
            begin + frame(0, 0, 1, 0x4_0001),
            begin + begin,
            frame(1, 1, 2, 0),
            frame(1, 1, 0, 0),
            pack(">BBHLL", 1, 0, 0, 0, 0),
            frame(4, 0, 0, 0),
            # An end, and behind it another with data.
            frame(0, 7, 1, 0) + frame(0, 4, 1, 5, b"hello"),
        )
    ]


HARNESS = Harness(
    "yamux",
    check,
    _seeds,
    (
        frame(0, 0, 1, 1, b"x"),
        frame(0, 4, 1, 0),
        frame(1, 1, 1, 0),
        frame(1, 1, 3, 0),
        frame(1, 4, 1, 0),
        frame(1, 8, 1, 0),
        frame(1, 0, 2, 100),
        frame(1, 12, 2, 0),
        frame(2, 1, 0, 7),
        frame(2, 2, 0, 0),
        frame(3, 0, 0, 0),
        b"\x00\x00\x00\x01",
        b"\xff\xff\xff\xff",
    ),
)
