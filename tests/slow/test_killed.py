"""``kill -9`` of each part while everything that people do is in full swing."""

from __future__ import annotations

import contextlib
import http.client
import json
import time

from tests.chaos.case import ChaosTestCase
from tests.chaos.changes import Changes
from tests.chaos.on_postgresql import OnPostgreSQL
from tests.chaos.visits import Ending
from tests.end_to_end.keys import KeyAdmin


class KilledTests(ChaosTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.settle()

    def test_a_device_end_that_is_killed_breaks_everything_and_leaves_nothing(
        self,
    ) -> None:
        begun = self.begin_all()
        self.device.process.kill()
        endings = self.finish(begun)
        self.assert_broken(endings)
        self.wait_online(online=False, seconds=5)
        self.assert_offline_is_said()
        self.device.restart()
        self.assertEqual(self.read_by_key(), 200)
        # What it had granted was in its memory.
        self.assertNotEqual(self.browser.get("/").status, 200)
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_server_that_is_killed_cuts_everybody_and_all_come_back(self) -> None:
        changes = Changes(self.cloud, "Kept")
        with changes.under_way():
            begun = self.begin_all()
            self.cloud.process.kill()
            endings = self.finish(begun)
        self.assert_broken(endings)
        self.assertNotIn(Ending.REFUSED, endings.values())
        self.cloud.restart()
        self.wait_online()
        self.assert_kept(changes)
        # Sessions end where they are: end to end at the device end.
        self.assertEqual(self.browser.get("/").status == 200, self.end_to_end)
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_target_that_is_killed_is_a_page_and_back_at_once(self) -> None:
        begun = self.begin_all()
        self.targets.process.kill()
        endings = self.finish(begun)
        # The log-in is the device end's own matter.
        self.assertEqual(endings.pop("log-in"), Ending.DONE)
        self.assert_broken(endings)
        self.assertEqual(self.browser.get("/").status, 502)
        self.assertTrue(self.cloud.is_online("Chaos"))
        self.targets.restart()
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class EndToEndKilledTests(KilledTests):
    end_to_end = True

    def make_keys(self, count: int) -> set[str]:
        """Those that were acknowledged, until the door is gone."""
        keys = KeyAdmin(self.keys.site, self.browser)
        made: set[str] = set()
        with contextlib.suppress(OSError, EOFError, http.client.HTTPException):
            for _ in range(count):
                made.add(keys.create().id)
        return made

    def test_keys_that_a_door_has_acknowledged_outlive_it(self) -> None:
        kept = {self.key.id}
        for turn in range(1, 5):
            self.browser = self.device.client()
            made = self.threads(1).submit(self.make_keys, 12)
            time.sleep(0.1 * turn)
            self.device.process.kill()
            kept |= made.result(60.0)
            self.device.restart()
            keys = KeyAdmin(self.keys.site, self.device.client())
            listed = json.loads(keys.ask("GET", "/keys?limit=100").body)["items"]
            self.assertLessEqual(kept, {each["id"] for each in listed})
            self.assertEqual(self.read_by_key(), 200)
        self.assertGreater(len(kept), 4)
        self.assert_no_complaints()


class PostgreSQLKilledTests(OnPostgreSQL, KilledTests):
    pass
