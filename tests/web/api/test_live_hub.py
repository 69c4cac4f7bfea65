"""What listeners are told, at which pace, and what it costs when they are slow."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import EventKind, make_event
from cfos_cloud.registry import ChangeKind, Overloaded, System, SystemChange
from cfos_cloud.tunnel.exchange import OFFLINE, Presence
from cfos_cloud.web.api.live_hub import (
    AFTERWARDS_SECONDS,
    GATHER_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_LISTENERS,
    STUCK_SECONDS,
    TRAFFIC_SECONDS,
    Live,
)
from cfos_cloud.web.api.live_stream import MAX_BYTES, MAX_MESSAGES, LiveStream
from tests.web.api.case import NOON
from tests.web.support import a_system


class Response:
    """A client, and how it reads."""

    def __init__(self) -> None:
        self.written = b""
        self.producer: IPushProducer | None = None
        self.cut = False

    def write(self, data: bytes) -> None:
        self.written += data

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        self.cut = True

    def events(self) -> list[tuple[str, Any]]:
        """What was written since the last call, as names and data."""
        text, self.written = self.written.decode("ascii"), b""
        found = []
        for block in text.split("\n\n"):
            lines = dict(
                line.split(": ", 1) for line in block.split("\n") if ": " in line
            )
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"])))
        return found


class Systems(dict[str, System]):
    def get(self, cloud_id: str, default: Any = None) -> Any:
        return super().get(cloud_id.lower(), default)


class Presences(dict[str, Presence]):
    def presence(self, cloud_id: str) -> Presence:
        return self.get(cloud_id.lower(), OFFLINE)


@dataclass
class Tunnel:
    cloud_id: str = "Garage"


class LiveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.systems = Systems(garage=a_system("Garage"), barn=a_system("Barn"))
        self.presences = Presences()
        self.live = Live(self.systems, self.presences, self.clock)

    def listen(self, *watched: str) -> tuple[LiveStream, Response]:
        response = Response()
        stream = LiveStream(response, self.clock)
        self.live.listen(stream, watched)
        return stream, response

    def changed(self, kind: ChangeKind = ChangeKind.CHANGED) -> SystemChange:
        return SystemChange(kind, self.systems["garage"], None)

    def come_up(self) -> None:
        self.presences["garage"] = Presence(True, NOON, "device/1", "192.0.2.1", 5, 6)
        self.live.tunnel_came_up(Tunnel())


class TellTests(LiveCase):
    def test_the_beginning_says_how_many_there_are(self) -> None:
        self.presences["garage"] = Presence(True, NOON)
        _, response = self.listen()
        self.assertTrue(response.written.startswith(b"retry: 3000\n\n"))
        ((name, data),) = response.events()
        self.assertEqual(name, "hello")
        self.assertEqual((data["systems"], data["online"]), (2, 1))

    def test_who_comes_online_is_told_with_all_that_is_known(self) -> None:
        _, response = self.listen()
        response.events()
        self.come_up()
        self.clock.advance(GATHER_SECONDS)
        (name, system), counts = response.events()
        self.assertEqual(name, "system")
        self.assertEqual(
            (system["cloud_id"], system["online"], system["bytes_in"]),
            ("Garage", True, 5),
        )
        self.assertEqual(counts, ("counts", {"systems": 2, "online": 1}))

    def test_who_goes_is_told_at_once_and_when_it_is_written_down(self) -> None:
        self.come_up()
        _, response = self.listen()
        response.events()
        del self.presences["garage"]
        self.live.tunnel_was_lost(Tunnel())
        self.clock.advance(GATHER_SECONDS)
        (_, system), _ = response.events()
        self.assertEqual((system["online"], system["bytes_in"]), (False, 0))
        recorded = replace(self.systems["garage"], bytes_in=5, last_seen=NOON)
        self.systems["garage"] = recorded
        self.clock.pump([AFTERWARDS_SECONDS, GATHER_SECONDS])
        ((_, system),) = response.events()
        self.assertEqual(system["bytes_in"], 5)
        self.assertEqual(system["since"], "2026-11-22T12:00:00Z")

    def test_changes_that_come_together_are_told_once(self) -> None:
        _, response = self.listen()
        response.events()
        for _ in range(5):
            self.live.system_changed(self.changed())
            self.come_up()
        self.clock.advance(GATHER_SECONDS)
        self.assertEqual([name for name, _ in response.events()], ["system", "counts"])

    def test_who_is_removed_is_gone(self) -> None:
        _, response = self.listen()
        response.events()
        self.live.system_changed(self.changed())
        gone = self.changed(ChangeKind.REMOVED)
        del self.systems["garage"]
        self.live.system_changed(gone)
        self.clock.advance(GATHER_SECONDS)
        self.assertEqual(
            response.events(),
            [
                ("removed", {"cloud_id": "Garage"}),
                ("counts", {"systems": 1, "online": 0}),
            ],
        )

    def test_events_are_told_as_the_api_says_them(self) -> None:
        _, response = self.listen()
        response.events()
        self.live.event_happened(
            make_event(NOON, EventKind.SERVER_STARTED, detail="line\nbreak ü")
        )
        ((name, event),) = response.events()
        self.assertEqual((name, event["kind"]), ("event", "server_started"))
        self.assertEqual(event["time"], "2026-11-22T12:00:00Z")

    def test_traffic_is_told_of_those_that_are_watched(self) -> None:
        _, watching = self.listen("GARAGE", "barn", "nobody")
        _, other = self.listen()
        for bytes_in in (5, 5, 9):
            self.presences["garage"] = Presence(True, NOON, bytes_in=bytes_in)
            self.clock.advance(TRAFFIC_SECONDS)
        told = [data for name, data in watching.events() if name == "traffic"]
        moved = {"cloud_id": "Garage", "bytes_in": 9, "bytes_out": 0}
        self.assertEqual(told, [{"items": [moved]}])
        self.assertNotIn("traffic", [name for name, _ in other.events()])

    def test_a_sign_of_life_comes_every_15_seconds(self) -> None:
        _, response = self.listen()
        response.written = b""
        self.clock.pump([HEARTBEAT_SECONDS] * 3)
        self.assertEqual(response.written, b":\n\n" * 3)

    def test_while_nobody_listens_nothing_is_done(self) -> None:
        stream, _ = self.listen()
        self.come_up()
        self.live.tunnel_was_lost(Tunnel())
        stream.abort()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.come_up()
        self.live.tunnel_was_lost(Tunnel())
        self.live.system_changed(self.changed())
        self.live.event_happened(make_event(NOON, EventKind.SERVER_STARTED))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        _, response = self.listen()
        self.assertEqual([name for name, _ in response.events()], ["hello"])


class EndTests(LiveCase):
    def test_who_has_gone_is_told_no_more(self) -> None:
        stream, response = self.listen()
        response.events()
        done = stream.done
        done.cancel()
        self.failureResultOf(done)
        self.assertEqual(len(self.live), 0)
        self.live.event_happened(make_event(NOON, EventKind.SERVER_STARTED))
        self.assertEqual(response.events(), [])

    def test_all_are_ended_together(self) -> None:
        streams = [self.listen() for _ in range(3)]
        self.live.end_all()
        for stream, response in streams:
            self.assertIsNone(self.successResultOf(stream.done))
            self.assertIsNone(response.producer)
            self.assertFalse(response.cut)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_bounded_number_may_listen(self) -> None:
        for _ in range(MAX_LISTENERS):
            self.live.check_room()
            self.listen()
        self.assertRaises(Overloaded, self.live.check_room)


class SlowTests(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.stream, self.response = self.listen()
        self.response.events()
        self.stream.pauseProducing()

    def happen(self, number: int, detail: str = "") -> None:
        event = make_event(NOON, EventKind.SERVER_STARTED, detail=detail or str(number))
        self.live.event_happened(event)

    def test_what_it_can_t_take_waits(self) -> None:
        for number in range(MAX_MESSAGES):
            self.happen(number)
        self.assertEqual(self.response.written, b"")
        self.stream.resumeProducing()
        details = [data["detail"] for _, data in self.response.events()]
        self.assertEqual(details, [str(number) for number in range(MAX_MESSAGES)])

    def test_too_much_is_lost_and_it_is_told_so(self) -> None:
        for number in range(MAX_MESSAGES + 1):
            self.happen(number)
        self.happen(-1)
        self.stream.resumeProducing()
        self.assertEqual(self.response.events(), [("resync", {})])
        self.happen(7)
        ((_, data),) = self.response.events()
        self.assertEqual(data["detail"], "7")

    def test_too_many_bytes_are_too_much(self) -> None:
        kept = 0
        while not self.stream._missed:
            self.happen(0, "x" * 200)
            kept = max(kept, self.stream._bytes)
            self.assertLess(len(self.stream._waiting), MAX_MESSAGES + 1)
        self.assertLessEqual(kept, MAX_BYTES)
        self.assertEqual(self.stream._bytes, 0)

    def test_it_holds_nobody_else_up(self) -> None:
        _, other = self.listen()
        other.events()
        for number in range(2 * MAX_MESSAGES):
            self.happen(number)
        self.assertEqual(len(other.events()), 2 * MAX_MESSAGES)

    def test_one_that_stops_again_keeps_the_rest(self) -> None:
        for number in range(3):
            self.happen(number)
        write = self.response.write

        def write_one(data: bytes) -> None:
            write(data)
            self.stream.pauseProducing()

        self.response.write = write_one  # type: ignore[method-assign]
        self.stream.resumeProducing()
        self.assertEqual([data["detail"] for _, data in self.response.events()], ["0"])
        self.stream.resumeProducing()
        self.assertEqual([data["detail"] for _, data in self.response.events()], ["1"])

    def test_one_that_never_reads_is_cut_off(self) -> None:
        self.clock.pump([HEARTBEAT_SECONDS] * int(STUCK_SECONDS / HEARTBEAT_SECONDS))
        self.assertTrue(self.response.cut)
        self.assertEqual(len(self.live), 0)

    def test_the_end_of_its_session_cuts_it_off_at_once(self) -> None:
        self.stream.abort()
        self.assertTrue(self.response.cut)
        self.successResultOf(self.stream.done)
