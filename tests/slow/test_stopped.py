"""Each part stops moving for a while, as a machine does that sleeps or swaps."""

from __future__ import annotations

import time

from tests.chaos.case import DEAD_SECONDS, RETURN_SECONDS, ChaosTestCase
from tests.chaos.visits import Ending

#: Seconds that nobody takes for the end.
SHORT = 5.0
#: Seconds by which something may be late on a machine with other things to do.
SLACK = 15.0
DONE = Ending.DONE


class StoppedTests(ChaosTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.settle()

    def stop_shortly(self, name: str) -> dict[str, Ending]:
        process = {
            "server": self.cloud.process,
            "device end": self.device.process,
            "target": self.targets.process,
        }[name]
        begun = self.begin_all()
        with self.stopped(process):
            time.sleep(SHORT)
        return self.finish(begun)

    def test_a_few_seconds_break_nothing_wherever_they_are(self) -> None:
        for name in ("server", "target", "device end"):
            endings = self.stop_shortly(name)
            # A device end has 2.5 s for its answer to a log-in.
            self.assertNotEqual(endings.pop("log-in"), Ending.CUT, name)
            self.assertEqual(set(endings.values()), {DONE}, (name, endings))
        self.assertEqual(self.device.process.log.count("connected to "), 1)
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_device_end_that_stands_still_is_offline_after_three_heartbeats(
        self,
    ) -> None:
        begun = self.begin_all()
        with self.stopped(self.device.process):
            began = time.monotonic()
            endings = self.finish(begun)
            self.assert_broken(endings)
            self.wait_online(online=False, seconds=DEAD_SECONDS + SLACK)
            self.assertLess(time.monotonic() - began, DEAD_SECONDS + SLACK)
            self.assert_offline_is_said()
        self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_server_that_stands_still_is_left_and_found_again(self) -> None:
        begun = self.begin_all()
        with self.stopped(self.cloud.process):
            self.device.process.wait_for_log(
                "2 pings without an answer", seconds=DEAD_SECONDS + SLACK
            )
        endings = self.finish(begun)
        self.assert_broken(endings)
        self.device.process.wait_for_log("connected to ", 2, RETURN_SECONDS)
        self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_target_that_stands_still_is_a_page_and_what_runs_goes_on_later(
        self,
    ) -> None:
        begun = self.begin_all()
        small = {"small request": begun.pop("small request")}
        self.assertEqual(self.finish({"log-in": begun.pop("log-in")})["log-in"], DONE)
        with self.stopped(self.targets.process):
            # They go on reading: who takes nothing for two minutes is cut off.
            rest = self.threads(1).submit(self.finish, begun)
            self.assertEqual(self.finish(small), {"small request": Ending.REFUSED})
            self.assertTrue(self.cloud.is_online("Chaos"))
        endings = rest.result(300.0)
        # It may have had its turn a moment before the target did.
        self.assertIn(endings.pop("upload"), (DONE, Ending.REFUSED))
        self.assertEqual(set(endings.values()), {DONE}, endings)
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class EndToEndStoppedTests(StoppedTests):
    end_to_end = True
