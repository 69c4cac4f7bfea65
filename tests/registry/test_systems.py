"""The systems: what is committed, mirrored, told and answered, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twisted.internet.defer import CancelledError, Deferred

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.registry import (
    ChangeKind,
    DatabaseError,
    DuplicateSystem,
    InvalidCursor,
    System,
    SystemChange,
    UnknownSystem,
)
from cfos_cloud.registry.systems import MAX_AGENT
from tests.registry.support import ManualWorker, RegistryCase, verifier

NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, UTC)


class SystemsCase(RegistryCase):
    def add(self, cloud_id: str, **more: str) -> System:
        return self.successResultOf(self.systems.add(cloud_id, verifier(), **more))

    def record(
        self,
        cloud_id: str,
        last_seen: datetime = NOON,
        agent: str | None = "device/1",
        bytes_in: int = 1,
        bytes_out: int = 2,
    ) -> Deferred[None]:
        return self.systems.record_connection(
            cloud_id,
            last_seen=last_seen,
            agent=agent,
            client="192.0.2.1",
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        )

    def known(self, cloud_id: str) -> System:
        system = self.systems.get(cloud_id)
        assert system is not None
        return system


class AddingTests(SystemsCase):
    def test_a_system_is_found_in_any_case_and_keeps_its_own(self) -> None:
        self.clock.advance(NOON.timestamp())
        added = self.add("Garage-7", name="The garage")
        self.assertEqual(
            added,
            System("Garage-7", "The garage", verifier(), enabled=True, created=NOON),
        )
        self.assertIs(self.systems.get("gARAGE-7"), added)

    def test_it_is_there_after_a_restart(self) -> None:
        self.clock.advance(NOON.timestamp())
        added = self.add("Garage-7", name="Garagé 🚗")
        self.restart()
        self.assertEqual(self.systems.get("garage-7"), added)

    def test_the_same_id_in_another_case_is_a_duplicate(self) -> None:
        first = self.add("Garage")
        self.failureResultOf(self.systems.add("GARAGE", verifier(2)), DuplicateSystem)
        self.assertEqual(list(self.systems), [first])

    def test_of_two_at_a_time_exactly_one_wins(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        both = [self.systems.add(name, verifier()) for name in ("Garage", "garage")]
        worker.run_all()
        self.assertEqual(self.successResultOf(both[0]).cloud_id, "Garage")
        self.failureResultOf(both[1], DuplicateSystem)
        worker.run_all()

    def test_the_database_has_the_last_word(self) -> None:
        self.add("Garage")
        self.systems._mirror.drop("Garage")  # as if another node had added it
        self.failureResultOf(self.systems.add("garage", verifier()), DuplicateSystem)

    def test_an_id_that_is_none_is_refused(self) -> None:
        for bad in ("", "-a", "a--b", "ä", "a" * 41, "a\n"):
            self.failureResultOf(self.systems.add(bad, verifier()), InvalidCloudID)

    def test_nothing_is_mirrored_or_told_before_it_is_committed(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        told: list[SystemChange] = []
        self.systems.subscribe(told.append)
        added = self.systems.add("Garage", verifier())
        self.assertNoResult(added)
        self.assertIsNone(self.systems.get("Garage"))
        self.assertEqual(told, [])
        worker.run_all()
        self.assertEqual(self.successResultOf(added), self.systems.get("Garage"))
        self.assertEqual([change.kind for change in told], [ChangeKind.ADDED])

    def test_who_cancels_leaves_database_and_memory_alike(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        added = self.systems.add("Garage", verifier())
        added.cancel()
        self.failureResultOf(added, CancelledError)
        worker.run_all()
        self.assertIsNotNone(self.systems.get("Garage"))

    def test_a_database_that_fails_changes_nothing(self) -> None:
        self.successResultOf(self.database.close())
        self.failureResultOf(self.systems.add("Garage", verifier()), DatabaseError)
        self.assertEqual(len(self.systems), 0)


class ChangingTests(SystemsCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("Garage", name="old")
        self.told: list[SystemChange] = []
        self.systems.subscribe(self.told.append)

    def test_what_is_not_given_stays(self) -> None:
        self.successResultOf(self.systems.change("GARAGE", name="new"))
        changed = self.successResultOf(self.systems.change("garage", enabled=False))
        self.assertEqual((changed.name, changed.enabled), ("new", False))
        self.assertEqual(changed.verifier, verifier())
        self.restart()
        self.assertEqual(self.systems.get("garage"), changed)

    def test_a_name_can_be_emptied(self) -> None:
        changed = self.successResultOf(self.systems.change("Garage", name=""))
        self.assertEqual(changed.name, "")

    def test_a_listener_sees_what_it_has_to_act_on(self) -> None:
        for change in (
            self.systems.change("Garage", enabled=False),
            self.systems.change("Garage", enabled=True),
            self.systems.change("Garage", verifier=verifier(2)),
        ):
            self.successResultOf(change)
        self.successResultOf(self.systems.remove("Garage"))
        self.assertEqual(
            [
                (change.kind, change.disabled, change.password_changed)
                for change in self.told
            ],
            [
                (ChangeKind.CHANGED, True, False),
                (ChangeKind.CHANGED, False, False),
                (ChangeKind.CHANGED, False, True),
                (ChangeKind.REMOVED, False, False),
            ],
        )

    def test_no_change_is_told_to_nobody(self) -> None:
        self.successResultOf(self.systems.change("Garage", enabled=True, name="old"))
        self.assertEqual(self.told, [])

    def test_a_listener_that_fails_stops_nobody(self) -> None:
        def fail(change: SystemChange) -> None:
            raise KeyError("a listener's fault")

        self.systems.subscribe(fail)
        late: list[SystemChange] = []
        self.systems.subscribe(late.append)
        self.successResultOf(self.systems.change("Garage", enabled=False))
        self.assertEqual(late, self.told)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_the_unknown_are_unknown(self) -> None:
        self.failureResultOf(self.systems.change("Barn", name="x"), UnknownSystem)
        self.failureResultOf(self.systems.remove("Barn"), UnknownSystem)

    def test_a_removed_system_is_gone_and_its_id_free(self) -> None:
        self.successResultOf(self.systems.remove("gaRAGE"))
        self.assertIsNone(self.systems.get("Garage"))
        self.restart()
        self.assertEqual(list(self.systems), [])
        self.add("GARAGE")

    def test_a_change_behind_a_removal_fails(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        removed = self.systems.remove("Garage")
        changed = self.systems.change("Garage", enabled=False)
        worker.run_all()
        self.successResultOf(removed)
        self.failureResultOf(changed, UnknownSystem)


class PageTests(SystemsCase):
    def ids(self, limit: int = 100, cursor: str | None = None) -> list[str]:
        return [one.cloud_id for one in self.systems.page(limit, cursor).items]

    def test_pages_follow_the_order_of_ids_without_case(self) -> None:
        for cloud_id in ("b", "C", "a", "B-1", "9"):
            self.add(cloud_id)
        self.assertEqual(self.ids(), ["9", "a", "b", "B-1", "C"])

    def test_pages_together_are_everything_once(self) -> None:
        for number in range(7):
            self.add(f"system-{number}")
        seen: list[str] = []
        cursor, sizes = None, []
        while True:
            page = self.systems.page(3, cursor)
            seen += [one.cloud_id for one in page.items]
            sizes.append(len(page.items))
            if page.next is None:
                break
            cursor = page.next
        self.assertEqual(seen, [f"system-{number}" for number in range(7)])
        self.assertEqual(sizes, [3, 3, 1])

    def test_a_full_last_page_leads_nowhere(self) -> None:
        for cloud_id in ("a", "b"):
            self.add(cloud_id)
        self.assertIsNone(self.systems.page(2, None).next)

    def test_a_cursor_survives_what_happens_between_pages(self) -> None:
        for cloud_id in ("a", "b", "d"):
            self.add(cloud_id)
        cursor = self.systems.page(2, None).next
        self.successResultOf(self.systems.remove("b"))
        self.add("c")
        self.assertEqual(self.ids(cursor=cursor), ["c", "d"])

    def test_a_cursor_is_only_what_a_page_gave(self) -> None:
        for bad in ("", "!", "YQ==x", "LQ", "w6Q", "é", "a" * 1000):
            self.assertRaises(InvalidCursor, self.systems.page, 1, bad)

    def test_a_limit_is_1_to_500(self) -> None:
        for bad in (0, -1, 501):
            self.assertRaises(ValueError, self.systems.page, bad, None)
        self.assertEqual(self.ids(500), [])


class RecordTests(SystemsCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("Garage")

    def test_connections_add_up(self) -> None:
        self.successResultOf(self.record("garage", bytes_in=10, bytes_out=2**40))
        later = NOON + timedelta(hours=1)
        self.successResultOf(self.record("Garage", later, "device/2", 5, 2**40))
        system = self.known("Garage")
        self.assertEqual(system.last_seen, later)
        self.assertEqual((system.agent, system.client), ("device/2", "192.0.2.1"))
        self.assertEqual((system.bytes_in, system.bytes_out), (15, 2**41))
        self.restart()
        self.assertEqual(self.systems.get("garage"), system)

    def test_a_record_is_no_change(self) -> None:
        told: list[SystemChange] = []
        self.systems.subscribe(told.append)
        self.successResultOf(self.record("Garage"))
        self.assertEqual(told, [])

    def test_a_change_keeps_what_was_recorded(self) -> None:
        self.successResultOf(self.record("Garage"))
        self.successResultOf(self.systems.change("Garage", name="new"))
        self.assertEqual(self.known("Garage").bytes_in, 1)
        self.restart()
        self.assertEqual(self.known("Garage").bytes_in, 1)

    def test_an_unknown_system_is_recorded_nowhere(self) -> None:
        self.successResultOf(self.record("Barn"))
        self.assertIsNone(self.systems.get("Barn"))

    def test_a_long_agent_is_cut(self) -> None:
        self.successResultOf(self.record("Garage", agent="x" * 5000))
        self.assertEqual(self.known("Garage").agent, "x" * MAX_AGENT)

    def test_a_storm_costs_few_transactions(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        records = [self.record("Garage", bytes_in=1) for _ in range(1000)]
        transactions = 0
        while worker:
            worker.run_next()
            transactions += 1
        for one in records:
            self.successResultOf(one)
        self.assertEqual(transactions, 2)
        self.assertEqual(self.known("Garage").bytes_in, 1000)

    def test_a_database_that_fails_is_told_to_all_of_the_batch(self) -> None:
        self.successResultOf(self.database.close())
        self.failureResultOf(self.record("Garage"), DatabaseError)
        self.assertEqual(self.known("Garage").bytes_in, 0)

    def test_a_system_removed_meanwhile_is_skipped(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        removed = self.systems.remove("Garage")
        recorded = self.record("Garage")
        worker.run_all()
        self.successResultOf(removed)
        self.successResultOf(recorded)
