"""The systems: what is committed, mirrored, told and answered, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.events import EventKind, Origin
from cfos_cloud.registry import (
    ChangeKind,
    DatabaseError,
    DuplicateSystem,
    System,
    SystemChange,
    UnknownSystem,
)
from cfos_cloud.registry_errors import DatabaseUnavailable
from tests.registry.support import (
    NOON,
    AnswerLosingWorker,
    ManualWorker,
    RegistryCase,
    verifier,
)


class SystemsCase(RegistryCase):
    def add(self, cloud_id: str, name: str = "") -> System:
        return self.successResultOf(self.systems.add(cloud_id, verifier(), name))

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


class EndToEndTests(SystemsCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("Garage", name="old")
        self.told: list[SystemChange] = []
        self.systems.subscribe(self.told.append)

    def set(self, end_to_end: bool) -> System:
        by = Origin("device", "192.0.2.7")
        changed = self.systems.set_end_to_end("GARAGE", end_to_end, by)
        return self.successResultOf(changed)

    def test_a_new_system_is_not(self) -> None:
        self.assertFalse(self.known("Garage").end_to_end)

    def test_it_is_there_after_a_restart_and_all_else_with_it(self) -> None:
        changed = self.set(True)
        self.assertTrue(changed.end_to_end)
        self.assertEqual(changed.name, "old")
        self.restart()
        self.assertEqual(self.systems.get("garage"), changed)
        self.assertFalse(self.set(False).end_to_end)
        self.restart()
        self.assertFalse(self.known("garage").end_to_end)

    def test_what_the_operator_changes_leaves_it(self) -> None:
        self.set(True)
        self.successResultOf(self.systems.change("Garage", name="new", enabled=False))
        self.restart()
        self.assertTrue(self.known("garage").end_to_end)

    def test_one_that_is_added_anew_is_not(self) -> None:
        self.set(True)
        self.successResultOf(self.systems.remove("Garage"))
        self.add("Garage")
        self.restart()
        self.assertFalse(self.known("Garage").end_to_end)

    def test_a_listener_sees_when_it_becomes_so(self) -> None:
        self.set(True)
        self.set(True)
        self.successResultOf(self.systems.change("Garage", name="new"))
        self.set(False)
        closed = [change.closed_to_us for change in self.told]
        self.assertEqual(closed, [True, False, False])

    def test_it_is_told_after_it_is_committed(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        changed = self.systems.set_end_to_end("Garage", True, Origin("device"))
        self.assertNoResult(changed)
        self.assertFalse(self.known("Garage").end_to_end)
        worker.run_all()
        self.assertIs(self.successResultOf(changed), self.known("Garage"))

    def test_it_is_an_event_each_time(self) -> None:
        self.set(True)
        self.set(True)
        self.set(False)
        kinds = [EventKind.END_TO_END_ON, EventKind.END_TO_END_OFF]
        events = [each for each in self.kept() if each.kind in kinds]
        self.assertEqual([each.kind for each in events], kinds)
        self.assertEqual(
            {(each.actor, each.client, each.cloud_id) for each in events},
            {("device", "192.0.2.7", "Garage")},
        )

    def test_what_can_t_be_kept_has_not_happened(self) -> None:
        self.successResultOf(self.database.close())
        failed = self.systems.set_end_to_end("Garage", True, Origin("device"))
        self.failureResultOf(failed, DatabaseError)
        self.assertFalse(self.known("Garage").end_to_end)
        unknown = self.systems.set_end_to_end("none", True, Origin("device"))
        self.failureResultOf(unknown, UnknownSystem)


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


class DoubtTests(SystemsCase):
    """The database has done something, and its answer was lost."""

    def setUp(self) -> None:
        super().setUp()
        self.worker = AnswerLosingWorker()
        self.restart(self.worker)
        self.add("Garage", name="old")
        self.told: list[tuple[ChangeKind, str]] = []
        self.systems.subscribe(
            lambda change: self.told.append((change.kind, change.system.cloud_id))
        )

    def lose(self, change: Callable[[], Deferred[Any]]) -> None:
        self.worker.loses = True
        self.failureResultOf(change(), DatabaseUnavailable)
        self.assertEqual(self.told, [])
        self.worker.loses = False
        self.successResultOf(self.database.check())

    def test_what_was_added_is_known_when_it_is_back(self) -> None:
        self.lose(lambda: self.systems.add("Barn", verifier()))
        self.assertEqual(self.known("Barn").cloud_id, "Barn")
        self.assertEqual(self.told, [(ChangeKind.ADDED, "Barn")])

    def test_what_was_changed_is_known_when_it_is_back(self) -> None:
        self.lose(lambda: self.systems.change("Garage", name="new"))
        self.assertEqual(self.known("Garage").name, "new")
        self.assertEqual(self.told, [(ChangeKind.CHANGED, "Garage")])

    def test_what_was_removed_is_gone_when_it_is_back(self) -> None:
        self.lose(lambda: self.systems.remove("Garage"))
        self.assertIsNone(self.systems.get("Garage"))
        self.assertEqual(self.told, [(ChangeKind.REMOVED, "Garage")])

    def test_a_connection_that_ended_is_counted_once(self) -> None:
        self.worker.loses = True
        self.connect("Garage", ended=NOON, bytes_in=7)
        self.worker.loses = False
        self.successResultOf(self.connections.flush())
        self.assertEqual(self.known("Garage").bytes_in, 7)
        hours = self.successResultOf(
            self.connections.traffic("Garage", NOON, NOON + timedelta(hours=1))
        )
        self.assertEqual([hour.bytes_in for hour in hours], [7])

    def test_a_changed_admin_password_counts_when_it_is_back(self) -> None:
        self.operator.prepare(self.data_dir)
        self.lose(lambda: self.operator.set_password("the new one"))
        right = self.operator.verify("the new one")
        self.assertTrue(self.successResultOf(right))
