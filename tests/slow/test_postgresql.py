"""PostgreSQL is killed, hangs, or is away, while everybody works and adds things."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.chaos.changes import Changes
from tests.chaos.on_postgresql import OnPostgreSQL
from tests.chaos.visits import Ending
from tests.end_to_end.processes import wait_until

#: Seconds that everybody waits for, and after which nobody does: ten for an answer, and
#: some for another connection.
SHORT, LONG = 4.0, 25.0
#: Seconds of our own sleep, longer than PostgreSQL has for an answer, and shorter than
#: any other wait.
SLEEP = 14.0


class PostgreSQLTests(OnPostgreSQL):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.settle()

    def kill_session(self) -> None:
        """PostgreSQL then ends all the others, and looks through what it has."""
        (pid,) = self.cluster.sessions(self.database)
        os.kill(pid, signal.SIGKILL)

    def away(self, end: Callable[[], object]) -> None:
        """For as long as it takes until everybody knows."""
        end()
        try:
            wait_until(lambda: self.health() == 503, "health says it")
        finally:
            self.cluster.start()

    def hang(self, seconds: float) -> None:
        with self.cluster.paused():
            time.sleep(seconds)
            if seconds > SHORT:
                self.assertEqual(self.health(), 503)

    def break_it(self, name: str, fault: Callable[[], object]) -> Changes:
        """People notice nothing of it, and changes work again behind it."""
        changes = Changes(self.cloud, name)
        with changes.under_way():
            begun = self.begin_all()
            fault()
            endings = self.finish(begun)
            wait_until(lambda: self.health() == 200, f"{name}: health says it is back")
            changes.wait_for_more()
        self.assertEqual(set(endings.values()), {Ending.DONE}, (name, endings))
        self.assertEqual(self.browser.get("/").status, 200, name)
        self.assertEqual(changes.unanswered, [], name)
        self.assert_kept(changes, faults=1)
        return changes

    def assert_same_tunnel(self) -> None:
        self.assertTrue(self.cloud.is_online("Chaos"))
        self.assertEqual(self.device.process.log.count("connected to "), 1)

    def test_one_that_is_killed_or_away_loses_no_change_and_nobody_else_notices(
        self,
    ) -> None:
        self.break_it("Session", self.kill_session)
        for name, end in {
            "Killed": self.cluster.kill,
            "Stopped": self.cluster.stop,
            "Down": lambda: self.cluster.stop(signal.SIGINT),
        }.items():
            changes = self.break_it(name, lambda end=end: self.away(end))  # type: ignore[misc]
            self.assertNotEqual(changes.refused, [], name)
        self.assert_same_tunnel()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_one_that_stands_still_is_waited_for_and_then_given_up(self) -> None:
        changes = self.break_it("Short", lambda: self.hang(SHORT))
        self.assertEqual(changes.refused, [])
        changes = self.break_it("Long", lambda: self.hang(LONG))
        self.assertNotEqual(changes.refused, [])
        self.assert_same_tunnel()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_server_that_stands_still_does_not_blame_it(self) -> None:
        for seconds in (SHORT, SLEEP):
            changes = Changes(self.cloud, f"Still-{seconds:.0f}")
            with changes.under_way():
                begun = self.begin_all()
                with self.stopped(self.cloud.process):
                    time.sleep(seconds)
                endings = self.finish(begun)
                changes.wait_for_more()
            # A device end has 2.5 s for its answer to a log-in.
            self.assertNotEqual(endings.pop("log-in"), Ending.CUT)
            self.assertEqual(set(endings.values()), {Ending.DONE}, endings)
            self.assertEqual(changes.refused, [])
            self.assertEqual(changes.unanswered, [])
            self.assert_kept(changes)
        self.assertNotIn("can't be used", self.cloud.process.log)
        self.assert_same_tunnel()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_server_that_comes_back_before_it_says_so_in_a_line(self) -> None:
        changes = Changes(self.cloud, "Before")
        with changes.under_way():
            self.cluster.kill()
            self.cloud.process.kill()
        try:
            with self.assertRaises(AssertionError):
                self.cloud.restart()
            self.assertEqual(self.cloud.process.status, 1)
            (line,) = self.cloud.process.log.splitlines()
            self.assertIn("can't be used", line)
        finally:
            self.cluster.start()
        self.cloud.restart()
        self.wait_online()
        self.assert_kept(changes, faults=1)
        self.assert_nothing_is_left()
        self.assert_no_complaints()
