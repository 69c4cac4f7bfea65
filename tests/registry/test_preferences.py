"""What the operator can set while the server runs."""

from __future__ import annotations

from typing import Any

from twisted.logger import capturedLogs

from cfos_cloud.events import Event, EventKind, Origin
from cfos_cloud.registry import (
    DatabaseError,
    InvalidPreference,
    Preferences,
    PreferenceStore,
    settings,
)
from cfos_cloud.registry.preferences import NAMES, RANGES
from tests.registry.support import ManualWorker, RegistryCase

OPERATOR = Origin("operator", "192.0.2.9")


class PreferenceTests(RegistryCase):
    def start(self, worker: ManualWorker | None = None) -> None:
        super().start(worker)
        self.store = PreferenceStore(self.database, self.events)
        self.told: list[Preferences] = []
        self.store.subscribe(self.told.append)

    def test_the_defaults_are_those_that_are_documented(self) -> None:
        self.store.load()
        self.assertEqual(
            self.store.current,
            Preferences(
                retention_days=90,
                session_idle_minutes=24 * 60,
                session_absolute_hours=30 * 24,
            ),
        )
        self.assertEqual(self.told, [Preferences()])

    def test_a_change_counts_at_once_and_after_a_restart(self) -> None:
        changed = self.successResultOf(self.store.change({"retention_days": 30}))
        self.assertEqual(changed, Preferences(retention_days=30))
        self.assertEqual((self.store.current, self.told), (changed, [changed]))
        self.restart()
        self.store.load()
        self.assertEqual(self.store.current, changed)

    def test_it_counts_only_once_it_is_committed(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        change = self.store.change({"retention_days": 30})
        self.assertEqual(self.store.current, Preferences())
        worker.run_all()
        self.successResultOf(change)
        self.assertEqual(self.store.current.retention_days, 30)

    def test_a_change_is_an_event_and_no_change_is_none(self) -> None:
        wanted = {"retention_days": 30, "session_idle_minutes": 24 * 60}
        told: list[Event] = []
        self.events.subscribe(told.append)
        for _ in range(2):
            self.successResultOf(self.store.change(wanted, OPERATOR))
        self.assertEqual([each.kind for each in told], [EventKind.SETTINGS_CHANGED])
        (event,) = self.kept()
        self.assertEqual(event.kind, EventKind.SETTINGS_CHANGED)
        self.assertEqual((event.actor, event.detail), ("operator", "retention_days 30"))

    def test_what_is_out_of_range_is_refused_by_name(self) -> None:
        for name in NAMES:
            low, high = RANGES[name]
            for bad in (low - 1, high + 1, True, 1.5, "7", None):
                wanted: dict[str, Any] = {name: bad}
                refused = self.store.change(wanted)
                error = self.failureResultOf(refused, InvalidPreference).value
                self.assertEqual(error.name, name)
                self.assertIn(f"from {low} to {high}", str(error))
            for good in (low, high):
                self.successResultOf(self.store.change({name: good}))

    def test_what_is_stored_and_makes_no_sense_is_the_default_and_said(self) -> None:
        self.database.run_blocking(lambda db: settings.write(db, "retention_days", "x"))
        self.database.run_blocking(
            lambda db: settings.write(db, "session_idle_minutes", "0")
        )
        with capturedLogs() as logged:
            self.store.load()
        self.assertEqual(self.store.current, Preferences())
        names = [each.get("name") for each in logged]
        self.assertEqual(names, ["retention_days", "session_idle_minutes"])

    def test_a_database_that_fails_changes_nothing(self) -> None:
        self.successResultOf(self.database.close())
        self.failureResultOf(self.store.change({"retention_days": 7}), DatabaseError)
        self.assertEqual(self.store.current, Preferences())
