"""Signs of life for systemd."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.watchdog import Watchdog


class WatchdogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []

    def start(self, **environment: str) -> Watchdog:
        watchdog = Watchdog(self.said.append, self.clock, environment)
        watchdog.startService()
        return watchdog

    def test_they_are_given_twice_in_the_time_that_is_asked_for(self) -> None:
        self.start(WATCHDOG_USEC="60000000", WATCHDOG_PID=str(os.getpid()))
        self.clock.pump([10.0] * 12)
        # At once, and after 30, 60, 90 and 120 s.
        self.assertEqual(self.said, ["WATCHDOG=1"] * 5)

    def test_without_a_process_id_they_are_asked_of_whoever_is_there(self) -> None:
        self.start(WATCHDOG_USEC="1000000")
        self.assertEqual(self.said, ["WATCHDOG=1"])

    def test_where_nobody_asks_nothing_is_said(self) -> None:
        for environment in (
            {},
            {"WATCHDOG_USEC": ""},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "-5"},
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "me"},
        ):
            self.start(**environment).stopService()
        self.assertEqual(self.said, [])

    def test_none_are_given_after_the_end(self) -> None:
        watchdog = self.start(WATCHDOG_USEC="1000000")
        watchdog.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
