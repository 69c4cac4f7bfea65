"""What is kept of each system's connections and traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from cfos_cloud.cursor import make_cursor
from cfos_cloud.registry import (
    DatabaseError,
    InvalidCursor,
    System,
    SystemChange,
    TrafficHour,
    TunnelRecord,
    connections,
)
from cfos_cloud.registry.closing import CLOSE_SECONDS
from cfos_cloud.registry.connection_rows import KILLED
from cfos_cloud.registry.connections import (
    MAX_TEXT,
    RETRY,
    ROWS_BURST,
    TRAFFIC_DAYS,
    WORTH_BYTES,
    WORTH_SECONDS,
)
from tests.registry.support import NOON, ManualWorker, RegistryCase, verifier

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class ConnectionsCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.successResultOf(self.systems.add("Garage", verifier()))

    def known(self, cloud_id: str = "Garage") -> System:
        system = self.systems.get(cloud_id)
        assert system is not None
        return system

    def sums(self) -> tuple[int, int]:
        return self.known().bytes_in, self.known().bytes_out

    def history(self, **more: Any) -> list[TunnelRecord]:
        """The newest first."""
        page = self.successResultOf(self.connections.page("garage", 500, **more))
        return list(page.items)

    def traffic(self, cloud_id: str = "Garage") -> list[TrafficHour]:
        all_ = (datetime.fromtimestamp(0, UTC), NOON + 1000 * 24 * HOUR)
        return self.successResultOf(self.connections.traffic(cloud_id, *all_))

    def end(self, session: str = "first", after: timedelta = HOUR, **more: Any) -> None:
        ended = NOON + after
        more.setdefault("reason", "lost")
        self.connect("Garage", session, seen=ended, started=NOON, ended=ended, **more)


class LifeTests(ConnectionsCase):
    def test_a_connection_is_in_the_history_from_its_beginning(self) -> None:
        record = self.connect("garage")
        self.assertEqual(
            self.history(), [TunnelRecord(**{**vars(record), "cloud_id": "Garage"})]
        )

    def test_its_end_has_reason_and_bytes_which_its_system_sums_up(self) -> None:
        self.connect("Garage")
        self.assertEqual(self.sums(), (0, 0))
        self.end(bytes_in=10, bytes_out=2**40)
        (one,) = self.history()
        self.assertEqual((one.started, one.ended), (NOON, NOON + HOUR))
        self.assertEqual((one.reason, one.bytes_in), ("lost", 10))
        self.end("second", bytes_in=5, bytes_out=2**40)
        self.assertEqual(self.sums(), (15, 2**41))
        system = self.known()
        self.restart()
        self.assertEqual(self.known(), system)

    def test_a_system_was_last_seen_with_its_last_record(self) -> None:
        self.connect("Garage", agent="device/1", client="192.0.2.1")
        self.connect(
            "Garage", "second", NOON + HOUR, agent="device/2", client="192.0.2.2"
        )
        # The old one's last words, late.
        self.connect("Garage", seen=NOON, ended=NOON, agent="device/1")
        system = self.known()
        self.assertEqual(system.last_seen, NOON + HOUR)
        self.assertEqual((system.agent, system.client), ("device/2", "192.0.2.2"))
        self.restart()
        self.assertEqual(self.known(), system)

    def test_a_connection_without_a_beginning_is_recorded_too(self) -> None:
        self.end(bytes_in=7)
        self.assertEqual([one.bytes_in for one in self.history()], [7])
        self.assertEqual(self.sums(), (7, 0))

    def test_an_end_counts_once_however_often_it_is_told(self) -> None:
        self.connect("Garage")
        for _ in range(3):
            self.end(bytes_in=7)
        self.assertEqual(self.sums(), (7, 0))
        self.assertEqual([hour.bytes_in for hour in self.traffic()], [7])
        self.assertEqual(len(self.history()), 1)

    def test_what_a_killed_server_could_not_end_is_ended_at_the_next_start(
        self,
    ) -> None:
        self.connect("Garage")
        seen = NOON + 10 * SECOND
        self.connect("Garage", seen=seen, started=NOON, bytes_in=2**20, bytes_out=5)
        self.assertEqual(self.sums(), (0, 0))
        self.restart()
        (one,) = self.history()
        self.assertEqual((one.ended, one.reason), (seen, KILLED))
        self.assertEqual(self.sums(), (2**20, 5))
        self.restart()
        self.assertEqual(self.sums(), (2**20, 5))

    def test_a_removed_system_s_history_goes_with_it(self) -> None:
        self.end(bytes_in=7)
        self.successResultOf(self.systems.remove("Garage"))
        self.end("last words", bytes_in=7)
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.assertEqual(self.history(), [])
        self.assertEqual(self.traffic(), [])
        self.assertEqual(self.sums(), (0, 0))

    def test_an_unknown_system_is_recorded_nowhere(self) -> None:
        self.connect("Barn", seen=NOON, ended=NOON)
        self.assertEqual(len(self.connections), 0)
        self.assertIsNone(self.systems.get("Barn"))

    def test_what_a_device_says_is_cut_and_fit_for_a_database(self) -> None:
        self.connect("Garage", agent="x\x00" + "x" * 5000)
        (one,) = self.history()
        assert one.agent is not None
        self.assertEqual(len(one.agent), MAX_TEXT)
        self.assertTrue(one.agent.startswith("x\N{REPLACEMENT CHARACTER}x"))

    def test_a_record_is_no_change(self) -> None:
        told: list[SystemChange] = []
        self.systems.subscribe(told.append)
        self.end()
        self.assertEqual(told, [])

    def test_a_change_keeps_what_was_recorded(self) -> None:
        self.end(bytes_in=1)
        self.successResultOf(self.systems.change("Garage", name="new"))
        self.assertEqual(self.known().bytes_in, 1)
        self.restart()
        self.assertEqual(self.known().bytes_in, 1)


class LazinessTests(ConnectionsCase):
    def written(self, after: float, bytes_in: int) -> bool:
        """Whether a connection that moved so much in so many seconds is written."""
        seen = NOON + after * SECOND
        self.connect("Garage", seen=seen, started=NOON, bytes_in=bytes_in)
        return self.history()[0].seen == seen

    def test_one_that_lasts_is_written_when_it_has_moved_enough(self) -> None:
        self.connect("Garage")
        self.assertFalse(self.written(30, WORTH_BYTES - 1))
        self.assertTrue(self.written(60, WORTH_BYTES))
        self.assertFalse(self.written(90, 2 * WORTH_BYTES - 1))

    def test_or_was_not_written_for_long(self) -> None:
        self.connect("Garage")
        self.assertFalse(self.written(WORTH_SECONDS - 1, 1))
        self.assertTrue(self.written(WORTH_SECONDS, 1))

    def test_its_end_always_is(self) -> None:
        self.connect("Garage")
        self.end(after=SECOND)
        self.assertEqual(self.history()[0].ended, NOON + SECOND)

    def test_a_storm_costs_few_transactions(self) -> None:
        self.patch(connections, "BATCH", 5)
        for number in range(10):
            self.successResultOf(self.systems.add(f"S-{number}", verifier()))
        worker = ManualWorker()
        self.restart(worker)
        for number in range(10):
            self.connect(f"S-{number}", f"session {number}")
        transactions = 0
        while worker:
            worker.run_next()
            transactions += 1
        # The first alone, then what came meanwhile in batches.
        self.assertEqual(transactions, 3)
        self.assertEqual(len(self.connections), 0)

    def test_what_changes_while_it_is_written_is_written_again(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.connect("Garage")
        self.end(bytes_in=7)
        worker.run_all()
        self.assertEqual(self.sums(), (7, 0))


class TrafficTests(ConnectionsCase):
    def test_bytes_count_in_the_hour_in_which_they_are_written(self) -> None:
        self.connect("Garage")
        for number, size in enumerate((2**20, 2**21, 2**21, 2**22)):
            seen = NOON + number * 0.5 * HOUR
            self.connect(
                "Garage", seen=seen, started=NOON, bytes_in=size, bytes_out=2 * size
            )
        noon = NOON.replace(microsecond=0)
        self.assertEqual(
            self.traffic(),
            [
                TrafficHour(noon, 2**21, 2**22),
                TrafficHour(noon + HOUR, 2**21, 2**22),
            ],
        )

    def test_connections_of_an_hour_add_up(self) -> None:
        for session in "ab":
            self.end(session, after=SECOND, bytes_in=3, bytes_out=4)
        (hour,) = self.traffic()
        self.assertEqual((hour.bytes_in, hour.bytes_out), (6, 8))

    def test_an_hour_without_any_has_no_row(self) -> None:
        self.end()
        self.assertEqual(self.traffic(), [])

    def test_a_time_within_an_hour_is_of_that_hour(self) -> None:
        for hours in range(4):
            self.end(str(hours), after=hours * HOUR, bytes_in=1)
        found = self.successResultOf(
            self.connections.traffic("garage", NOON + 1.5 * HOUR, NOON + 2.5 * HOUR)
        )
        noon = NOON.replace(microsecond=0)
        self.assertEqual([each.hour for each in found], [noon + HOUR, noon + 2 * HOUR])


class PageTests(ConnectionsCase):
    def make(self, count: int) -> None:
        for number in range(count):
            start = NOON + (number // 2) * HOUR  # two at a time
            self.connect(
                "Garage",
                f"{number}",
                seen=start + SECOND,
                started=start,
                ended=start + SECOND,
            )

    def test_pages_together_are_everything_once(self) -> None:
        self.make(7)
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            page = self.successResultOf(self.connections.page("Garage", 3, cursor))
            seen += [one.session for one in page.items]
            cursor = page.next
        self.assertIsNone(cursor)
        self.assertEqual(sorted(seen), [str(number) for number in range(7)])
        starts = [int(session) // 2 for session in seen]
        self.assertEqual(starts, sorted(starts, reverse=True))

    def test_since_a_time_there_are_those_that_were_there_then(self) -> None:
        self.make(6)
        self.connect("Garage", "lasts", seen=NOON, started=NOON)
        found = self.history(since=NOON + HOUR + 2 * SECOND)
        self.assertEqual({one.session for one in found}, {"4", "5", "lasts"})

    def test_another_system_s_are_not_there(self) -> None:
        self.successResultOf(self.systems.add("Barn", verifier()))
        self.connect("Barn")
        self.assertEqual(self.history(), [])

    def test_cursors_and_limits_are_checked(self) -> None:
        page = self.connections.page
        forged = make_cursor(["2020-01-01T00:00:00+00:00", True])
        for bad in ("", "!", "é", "W10", forged):
            self.assertRaises(InvalidCursor, page, "Garage", 1, bad)
        for limit in (0, 501):
            self.assertRaises(ValueError, page, "Garage", limit)


class BoundTests(ConnectionsCase):
    def test_a_device_that_comes_and_goes_for_ever_keeps_a_bounded_history(
        self,
    ) -> None:
        for number in range(ROWS_BURST + 30):
            seen = NOON + number * SECOND
            self.connect(
                "Garage", str(number), seen=seen, started=seen, ended=seen, bytes_in=1
            )
        sessions = [int(one.session) for one in self.history()]
        self.assertEqual(sessions, list(range(ROWS_BURST + 29, 29, -1)))
        self.assertEqual(self.sums(), (ROWS_BURST + 30, 0))

    def test_old_connections_go_and_those_that_last_stay(self) -> None:
        self.end("old", after=SECOND)
        self.end("newer", after=2 * HOUR)
        self.connect("Garage", "lasts")
        self.clock.advance(timedelta(days=90, hours=1).total_seconds())
        self.assertEqual(self.successResultOf(self.connections.prune(90)), 1)
        sessions = {one.session for one in self.history()}
        self.assertEqual(sessions, {"newer", "lasts"})

    def test_old_traffic_goes(self) -> None:
        self.end("old", after=SECOND, bytes_in=1)
        self.end("newer", after=2 * HOUR, bytes_in=2)
        self.clock.advance(timedelta(days=TRAFFIC_DAYS, hours=2).total_seconds())
        self.successResultOf(self.connections.prune(3650))
        self.assertEqual([hour.bytes_in for hour in self.traffic()], [2])


class TroubleTests(ConnectionsCase):
    def setUp(self) -> None:
        super().setUp()
        self.broken = True
        self.asked = 0
        whole = self.database.run

        def run(function: Any) -> Deferred[Any]:
            self.asked += 1
            if not self.broken:
                return whole(function)
            failed: Deferred[Any] = Deferred()
            failed.errback(DatabaseError("the disk is full"))
            return failed

        self.patch(self.database, "run", run)

    def test_without_a_database_they_wait_and_count_when_it_is_back(self) -> None:
        with capturedLogs() as logged:
            self.connect("Garage")
            self.end(bytes_in=7)
        self.assertIn("the disk is full", str([each.get("reason") for each in logged]))
        self.assertEqual(self.sums(), (0, 0))
        self.broken = False
        self.clock.advance(RETRY)
        self.assertEqual(self.sums(), (7, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_is_asked_every_ten_seconds_and_not_for_each_record(self) -> None:
        for number in range(50):
            self.connect("Garage", str(number))
        self.assertEqual(self.asked, 1)
        self.clock.advance(RETRY)
        self.assertEqual(self.asked, 2)

    def test_beyond_so_many_the_oldest_that_ended_is_forgotten(self) -> None:
        self.patch(connections, "MAX_WAITING", 50)
        self.connect("Garage", "lasts")
        for number in range(55):
            self.connect("Garage", str(number), ended=NOON, bytes_in=1)
        self.assertEqual(len(self.connections), 50)
        self.broken = False
        self.clock.advance(RETRY)
        self.assertEqual(self.sums(), (49, 0))

    def test_a_close_says_what_is_lost(self) -> None:
        self.connect("Garage")
        with capturedLogs() as logged:
            self.successResultOf(Deferred.fromCoroutine(self.connections.close()))
        self.assertEqual([each.get("count") for each in logged], [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_close_behind_what_hangs_ends_all_the_same(self) -> None:
        async def hang() -> None:
            await Deferred()

        self.broken = False
        self.systems._changes.one_at_a_time(hang)
        self.connect("Garage")
        with capturedLogs() as logged:
            closing = Deferred.fromCoroutine(self.connections.close())
            self.assertNoResult(closing)
            self.clock.advance(CLOSE_SECONDS)
            self.successResultOf(closing)
        self.assertEqual([each.get("count") for each in logged], [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])
