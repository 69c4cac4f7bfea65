"""When and whence keys were used last."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from cfos_cloud.events import MAX_CLIENT
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.registry import key_rows, key_uses
from cfos_cloud.registry.closing import CLOSE_SECONDS
from cfos_cloud.registry.key_uses import INTERVAL
from cfos_cloud.registry_errors import DatabaseUnavailable
from tests.registry.support import (
    NOON,
    InlineWorker,
    ManualWorker,
    RegistryCase,
    access_key,
    verifier,
)


class CountingWorker(InlineWorker):
    """Counts transactions; while ``fails`` is set none begins."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        if self.fails:
            return fail(DatabaseUnavailable("away"))
        self.count += 1
        return super().run(function, *args, **kwargs)


class UsesCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.successResultOf(self.systems.add("Garage", verifier()))
        for key_id in ("one", "two"):
            self.successResultOf(self.keys.add(access_key(key_id)))
        self.worker = CountingWorker()
        self.restart(self.worker)

    def use(self, key_id: str = "one", client: str = "192.0.2.1") -> None:
        self.keys.used(key_id, client)

    def known(self, key_id: str = "one") -> AccessKey:
        key = self.keys.get(key_id)
        assert key is not None
        return key

    def seen(self, key_id: str = "one") -> tuple[float, str | None]:
        """Seconds after the start and whence it was used last, as memory has it."""
        key = self.known(key_id)
        assert key.last_used is not None
        return (key.last_used - NOON).total_seconds(), key.last_client

    def stored(self, key_id: str = "one") -> tuple[float, str | None]:
        """The same after the server was killed."""
        self.successResultOf(self.database.close())
        self.start()
        return self.seen(key_id)


class WritingTests(UsesCase):
    def test_memory_knows_at_once_and_the_database_within_half_a_minute(self) -> None:
        self.use()
        self.assertEqual(self.seen(), (0, "192.0.2.1"))
        self.clock.advance(INTERVAL - 0.1)
        self.assertEqual(self.worker.count, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.stored(), (0, "192.0.2.1"))
        self.assertLessEqual(INTERVAL, 30)

    def test_one_transaction_writes_all_that_were_used_meanwhile(self) -> None:
        for number in range(100):
            self.use("one", f"192.0.2.{number}")
            self.use("two", "198.51.100.2")
            self.clock.advance(INTERVAL / 200)
        self.clock.advance(INTERVAL / 2)
        self.assertEqual(self.worker.count, 1)
        self.assertEqual(self.stored()[1:], ("192.0.2.99",))
        self.assertEqual(self.seen("two")[1:], ("198.51.100.2",))

    def test_who_never_rests_is_written_every_half_minute(self) -> None:
        for _ in range(100):
            self.use()
            self.clock.advance(6)
        self.assertEqual(self.worker.count, 600 / INTERVAL)

    def test_who_rests_costs_nothing(self) -> None:
        self.use()
        self.clock.advance(INTERVAL)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1000)
        self.assertEqual(self.worker.count, 1)

    def test_what_is_written_is_not_written_again(self) -> None:
        written: list[list[str]] = []

        def use(_: object, used: Collection[AccessKey]) -> None:
            written.append([key.id for key in used])

        self.patch(key_rows, "use", use)
        for key_id in ("one", "two"):
            self.use(key_id)
            self.clock.advance(INTERVAL)
        self.assertEqual(written, [["one"], ["two"]])

    def test_nobody_is_told_of_a_use(self) -> None:
        told: list[object] = []
        self.keys.subscribe(told.append)
        self.use()
        self.clock.advance(INTERVAL)
        self.assertEqual(told, [])

    def test_of_an_unknown_key_nothing_is_kept(self) -> None:
        self.use("none")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.keys.get("none"))

    def test_an_address_is_cut_and_its_controls_are_replaced(self) -> None:
        self.use(client="a\0\n" + "b" * 1000)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.stored()[1], ("a\ufffd\ufffd" + "b" * 1000)[:MAX_CLIENT])

    def test_many_are_written_in_more_than_one_transaction(self) -> None:
        self.patch(key_uses, "BATCH", 1)
        self.use("one")
        self.use("two")
        self.clock.advance(INTERVAL)
        self.assertEqual(self.worker.count, 2)
        self.assertEqual(self.stored(), self.stored("two"))

    def test_one_used_while_it_is_written_is_written_again(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.use()
        self.clock.advance(INTERVAL)
        self.use(client="198.51.100.2")
        worker.run_all()
        self.clock.advance(INTERVAL)
        worker.run_all()
        closed = self.database.close()
        worker.run_all()
        self.successResultOf(closed)
        self.start()
        self.assertEqual(self.seen(), (INTERVAL, "198.51.100.2"))


class StoppingTests(UsesCase):
    def close(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.keys.close()))

    def test_at_the_stop_all_is_written(self) -> None:
        self.use()
        self.clock.advance(1)
        self.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.stored(), (0, "192.0.2.1"))

    def test_where_there_is_nothing_it_asks_for_nothing(self) -> None:
        self.close()
        self.assertEqual(self.worker.count, 0)

    def test_without_a_database_it_stops_all_the_same_and_says_so(self) -> None:
        self.use()
        self.worker.fails = True
        with capturedLogs() as logged:
            self.close()
        (lost,) = (each for each in logged if "are lost" in each["log_format"])
        self.assertEqual(lost["count"], 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.worker.fails = False

    def test_behind_a_change_that_hangs_it_stops_all_the_same(self) -> None:
        async def hang() -> None:
            await Deferred()

        self.keys._changes.one_at_a_time(hang)
        self.use()
        with capturedLogs() as logged:
            closing = Deferred.fromCoroutine(self.keys.close())
            self.assertNoResult(closing)
            self.clock.advance(CLOSE_SECONDS)
            self.successResultOf(closing)
        self.assertEqual([each.get("count") for each in logged], [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_use_after_the_stop_sets_no_timer(self) -> None:
        self.close()
        self.use()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_behind_a_writing_that_fails_it_tries_once_more(self) -> None:
        def broken(*_: object, **__: object) -> None:
            raise DatabaseUnavailable("away")

        worker = ManualWorker()
        self.restart(worker)
        self.use()
        patched = self.patch(key_rows, "use", broken)
        self.clock.advance(INTERVAL)
        patched.restore()
        closed = Deferred.fromCoroutine(self.keys.close())
        worker.run_next()
        self.assertNoResult(closed)
        worker.run_next()
        self.successResultOf(closed)
        worker.run_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        ended = self.database.close()
        worker.run_all()
        self.successResultOf(ended)
        self.start()
        self.assertEqual(self.seen(), (0, "192.0.2.1"))


class AwayTests(UsesCase):
    """The database is."""

    def setUp(self) -> None:
        super().setUp()
        self.use()
        self.worker.fails = True
        with capturedLogs() as self.logged:
            self.clock.advance(INTERVAL)

    def test_what_is_not_written_waits_for_the_next_time(self) -> None:
        (said,) = (each for each in self.logged if "wait" in each["log_format"])
        self.assertEqual(said["count"], 1)
        self.worker.fails = False
        self.clock.advance(INTERVAL)
        self.assertEqual(self.stored(), (0, "192.0.2.1"))

    def test_the_newest_use_is_what_is_written_then(self) -> None:
        self.clock.advance(1)
        self.use(client="198.51.100.2")
        self.use("two", client="198.51.100.3")
        self.worker.fails = False
        self.clock.advance(INTERVAL)
        # The second one is to be read again, and to write.
        self.assertEqual(self.stored(), (INTERVAL + 1, "198.51.100.2"))
        self.assertEqual(self.seen("two"), (INTERVAL + 1, "198.51.100.3"))

    def test_a_database_that_comes_back_does_not_set_it_back(self) -> None:
        self.worker.fails = False
        self.successResultOf(self.database.check())
        self.assertEqual(self.seen(), (0, "192.0.2.1"))
        self.clock.advance(INTERVAL)
        self.assertEqual(self.stored(), (0, "192.0.2.1"))

    def test_it_goes_on_asking_every_half_minute(self) -> None:
        with capturedLogs() as logged:
            for _ in range(10):
                self.clock.advance(INTERVAL)
        self.assertEqual(len([e for e in logged if "wait" in e["log_format"]]), 10)
        self.worker.fails = False
        self.clock.advance(INTERVAL)
        self.assertEqual(self.stored(), (0, "192.0.2.1"))
        self.assertEqual(NOON + timedelta(0), self.known().last_used)
