"""Two ends of a yamux connection under random actions, splits and delays."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.yamux import (
    Connection,
    Data,
    Event,
    Fin,
    GoAway,
    Limits,
    Pong,
    Reset,
    Role,
    StreamOpened,
)

WINDOW = 256 * 1024
#: As a driver would stop its writers: bytes queued on one stream.
HIGH_WATER = 300_000
#: What is sent: no two places within a window look alike.
PATTERN = b"".join(n.to_bytes(3, "big") for n in range(700_000))

SETTINGS = settings(
    max_examples=80,
    stateful_step_count=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

sides = st.integers(0, 1)
picks = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5])
sizes = st.sampled_from([0, 1, 50, 20_000, HIGH_WATER, HIGH_WATER])


@dataclass
class Half:
    """One end's view of one stream."""

    sent: int = 0
    received: int = 0
    consumed: int = 0
    fin_sent: bool = False
    fin_received: bool = False


@dataclass
class End:
    core: Connection
    wire: bytearray = field(default_factory=bytearray)
    live: dict[int, Half] = field(default_factory=dict)
    done: dict[int, Half] = field(default_factory=dict)
    reset: set[int] = field(default_factory=set)
    pings: list[int] = field(default_factory=list)
    pongs: list[int] = field(default_factory=list)
    gone: bool = False

    def handle(self, event: Event) -> None:
        match event:
            case StreamOpened(stream_id):
                assert stream_id not in self.live
                self.live[stream_id] = Half()
            case Data(stream_id, data):
                half = self.live[stream_id]
                assert data and not half.fin_received
                start = half.received
                assert PATTERN[start : start + len(data)] == data
                half.received += len(data)
            case Fin(stream_id):
                assert not self.live[stream_id].fin_received
                self.live[stream_id].fin_received = True
            case Reset(stream_id):
                self.live.pop(stream_id)
                self.reset.add(stream_id)
            case Pong(value):
                self.pongs.append(value)
            case GoAway():
                self.gone = True

    def settle(self) -> None:
        """Put away the streams that have ended by FIN and were sent off."""
        for stream_id, half in list(self.live.items()):
            if half.fin_received and half.fin_sent:
                if stream_id in self.core._streams:
                    continue
                self.done[stream_id] = self.live.pop(stream_id)


class TwoEnds(RuleBasedStateMachine):
    quantum = 16 * 1024

    def __init__(self) -> None:
        super().__init__()
        limits = Limits(max_streams=6, quantum=self.quantum)
        self.ends = [End(Connection(Role.CLIENT, limits)) for _ in range(1)]
        self.ends.append(End(Connection(Role.SERVER, limits)))

    def pick(self, side: int, number: int) -> tuple[End, int, Half] | None:
        end = self.ends[side]
        if not end.live:
            return None
        stream_id = list(end.live)[number % len(end.live)]
        return end, stream_id, end.live[stream_id]

    @rule(side=sides)
    def open_stream(self, side: int) -> None:
        end = self.ends[side]
        if not end.gone and len(end.live) < 8:
            end.live[end.core.open_stream()] = Half()

    @rule(side=sides, number=picks, size=sizes)
    def send(self, side: int, number: int, size: int) -> None:
        picked = self.pick(side, number)
        if picked is not None and not picked[2].fin_sent:
            end, stream_id, half = picked
            size = min(size, HIGH_WATER - end.core.queued(stream_id))
            size = min(size, len(PATTERN) - half.sent)
            end.core.send(stream_id, PATTERN[half.sent : half.sent + size])
            half.sent += size

    @rule(side=sides, number=picks, sure=st.integers(0, 1))
    def send_fin(self, side: int, number: int, sure: int) -> None:
        picked = self.pick(side, number)
        if picked is not None and not picked[2].fin_sent and not sure:
            picked[0].core.send_fin(picked[1])
            picked[2].fin_sent = True

    @rule(side=sides, number=picks, sure=st.integers(0, 5))
    def reset(self, side: int, number: int, sure: int) -> None:
        picked = self.pick(side, number)
        if picked is not None and not sure:
            end, stream_id, _ = picked
            end.core.reset(stream_id)
            end.reset.add(stream_id)
            del end.live[stream_id]

    @rule(side=sides, number=picks, part=st.integers(1, 4))
    def consume(self, side: int, number: int, part: int) -> None:
        picked = self.pick(side, number)
        if picked is not None:
            end, stream_id, half = picked
            n = (half.received - half.consumed) // part
            half.consumed += n
            end.core.consumed(stream_id, n)

    @rule(side=sides)
    def ping(self, side: int) -> None:
        end = self.ends[side]
        end.pings.append(end.core.ping())

    @rule(side=sides, times=st.integers(1, 6))
    def flow(self, side: int, times: int) -> None:
        """All goes on for some time, and nobody is slow."""
        for _ in range(times):
            for each in (side, 1 - side):
                self.transmit(each, 1 << 17)
                self.deliver(each, 1 << 22, 1)
                for number in range(len(self.ends[each].live)):
                    self.consume(each, number, 1)

    @precondition(lambda self: len(self.ends[0].live) > 3)
    @rule(side=sides)
    def go_away(self, side: int) -> None:
        self.ends[side].core.go_away(0)
        self.ends[side].gone = True

    @rule(side=sides, limit=st.sampled_from([1, 1000, 65536, 1 << 20]))
    def transmit(self, side: int, limit: int) -> None:
        end = self.ends[side]
        end.wire += end.core.next_bytes(limit)
        end.settle()

    @rule(
        side=sides,
        size=st.sampled_from([1, 7, 11, 12, 13, 500, 20_000, 65536, 1 << 22]),
        times=st.integers(1, 5),
    )
    def deliver(self, side: int, size: int, times: int) -> None:
        end, other = self.ends[side], self.ends[1 - side]
        for _ in range(times):
            data = bytes(end.wire[:size])
            del end.wire[:size]
            for event in other.core.receive_data(data):
                other.handle(event)
        other.settle()

    @invariant()
    def windows_hold(self) -> None:
        for end in self.ends:
            assert len(end.core._streams) == end.core.streams
            for stream_id, stream in end.core._streams.items():
                half = end.live[stream_id]
                assert stream.credit >= 0
                assert stream.window >= 0
                assert stream.window + stream.unreturned <= WINDOW
                assert half.received - half.consumed <= WINDOW
                assert end.core.queued(stream_id) <= HIGH_WATER
                waiting = sum(map(len, stream._chunks)) - stream._offset
                assert waiting == stream.queued

    def teardown(self) -> None:
        self.flow(0, 40)
        for end, other in (self.ends, self.ends[::-1]):
            assert not end.wire
            assert end.pongs == end.pings
            assert end.live.keys() == other.live.keys()
            assert end.core.streams == len(end.live)
            assert end.done.keys() - other.reset == other.done.keys() - end.reset
            for stream_id, half in (end.live | end.done).items():
                theirs = (other.live | other.done).get(stream_id)
                if theirs is not None:
                    assert theirs.received == half.sent
                    assert theirs.fin_received == half.fin_sent
            for stream_id, stream in end.core._streams.items():
                theirs_now = other.core._streams[stream_id]
                assert theirs_now.fin_received or stream.credit == theirs_now.window


class TwoEndsInSmallTurns(TwoEnds):
    quantum = 1000


class Properties(SynchronousTestCase):
    def test_nothing_is_lost_reordered_or_sent_without_credit(self) -> None:
        run_state_machine_as_test(TwoEnds, settings=SETTINGS)

    def test_small_turns_change_nothing(self) -> None:
        run_state_machine_as_test(TwoEndsInSmallTurns, settings=SETTINGS)
