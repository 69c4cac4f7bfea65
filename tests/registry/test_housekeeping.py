"""What is done to the registry every hour and every day."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.registry import DatabaseError, Housekeeping, PreferenceStore
from cfos_cloud.registry.housekeeping import (
    KEY_INTERVAL,
    PRUNE_INTERVAL,
    SUM_INTERVAL,
)
from tests.registry.support import NOON, RegistryCase, access_key, verifier

DAY = 24 * 3600.0


class HousekeepingTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.preferences = PreferenceStore(self.database, self.events)
        self.housekeeping = Housekeeping(
            self.events, self.connections, self.keys, self.preferences, self.clock
        )

    def run_days(self, days: int) -> None:
        for _ in range(days):
            self.clock.advance(DAY)

    def test_events_and_connections_go_after_the_days_that_are_set(self) -> None:
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.connect("Garage", ended=NOON)
        self.successResultOf(self.preferences.change({"retention_days": 7}))
        self.housekeeping.startService()
        self.run_days(7)
        self.assertEqual(len(self.kept()), 2)
        with capturedLogs() as logged:
            self.run_days(1)
        self.assertEqual(self.kept(), [])
        page = self.successResultOf(self.connections.page("Garage"))
        self.assertEqual(page.items, ())
        said = [(each.get("events"), each.get("connections")) for each in logged]
        self.assertEqual(said, [(2, 1)])

    def test_keys_are_looked_at_every_hour(self) -> None:
        for key_id in ("revoked", "asked for"):
            code = "7KQ-M2X" if key_id == "asked for" else None
            new = access_key(key_id, None, code=code)
            self.successResultOf(self.keys.add(new))
        self.successResultOf(self.keys.revoke("revoked"))
        self.housekeeping.startService()
        self.clock.advance(DAY)
        self.assertEqual(len(self.keys), 2)
        with capturedLogs() as logged:
            self.clock.advance(KEY_INTERVAL)
        self.assertEqual([key.id for key in self.keys], ["revoked"])
        self.assertIn(1, [each.get("count") for each in logged])
        self.run_days(90)
        self.assertEqual(len(self.keys), 0)

    def test_it_is_looked_at_once_at_the_start(self) -> None:
        self.events.note(EventKind.BACKUP_MADE)
        self.successResultOf(self.events.flush())
        self.run_days(91)
        self.housekeeping.startService()
        self.assertEqual(self.kept(), [])

    def test_what_was_not_kept_is_summed_up_every_hour(self) -> None:
        self.housekeeping.startService()
        for _ in range(25):
            self.events.note(EventKind.CONNECTED, Origin("device"), "Garage")
        self.clock.advance(SUM_INTERVAL)
        self.assertEqual(self.kept()[-1].times, 5)

    def test_a_database_that_is_away_is_asked_again_the_next_day(self) -> None:
        self.events.note(EventKind.BACKUP_MADE)
        self.successResultOf(self.events.flush())
        self.run_days(89)
        self.housekeeping.startService()
        whole = self.database.run

        def broken(function: Any) -> Deferred[Any]:
            return fail(DatabaseError("away"))

        self.patch(self.database, "run", broken)
        with capturedLogs() as logged:
            self.clock.advance(PRUNE_INTERVAL)
            self.clock.advance(1)
        self.assertIn("away", str([each.get("reason") for each in logged]))
        self.patch(self.database, "run", whole)
        self.clock.advance(PRUNE_INTERVAL)
        self.assertEqual(self.kept(), [])

    def test_and_for_keys_in_an_hour(self) -> None:
        self.successResultOf(self.keys.add(access_key("asked for", None, code="7KQ")))
        self.run_days(2)

        def broken(function: Any) -> Deferred[Any]:
            return fail(DatabaseError("away"))

        patched = self.patch(self.database, "run", broken)
        with capturedLogs() as logged:
            self.housekeeping.startService()
        said = [each for each in logged if "access keys" in each["log_format"]]
        self.assertEqual([each["reason"] for each in said], ["away"])
        self.assertEqual(len(self.keys), 1)
        patched.restore()
        self.clock.advance(KEY_INTERVAL)
        self.assertEqual(len(self.keys), 0)

    def test_stopped_it_leaves_no_timer(self) -> None:
        self.housekeeping.startService()
        self.housekeeping.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.housekeeping.stopService()
