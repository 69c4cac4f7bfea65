"""The waits between attempts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import mean

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
    SentAway,
    Unsuited,
)

DEVICES = 2000


def seeded(seed: int = 1) -> Callable[[], float]:
    return Random(seed).random  # noqa: S311 - jitter


class JitterTests(SynchronousTestCase):
    def test_each_wait_is_spread_from_0_to_its_step(self) -> None:
        random = seeded(7)
        fleet = [Backoff(random) for _ in range(DEVICES)]
        for step in (1, 2, 4, 8, 16, 32, 60, 60):
            waits = [backoff.after(Lost("x")) for backoff in fleet]
            self.assertTrue(0 <= min(waits) < 0.01 * step)
            self.assertTrue(0.99 * step < max(waits) <= step)
            self.assertTrue(0.47 < mean(waits) / step < 0.53)

    def test_a_fleet_comes_back_evenly_spread(self) -> None:
        random = seeded(3)
        waits = [
            Backoff(random).after(SentAway("shutdown", 60.0)) for _ in range(DEVICES)
        ]
        self.assertGreaterEqual(min(waits), 60)
        self.assertLessEqual(max(waits), 90)
        for second in range(60, 90):
            share = sum(second <= wait < second + 1 for wait in waits) / DEVICES
            self.assertTrue(0.015 < share < 0.06, share)

    def test_refusals_wait_for_minutes(self) -> None:
        backoff = Backoff(seeded())
        outcomes: list[Outcome] = [
            Refused("x"),
            Disabled(),
            Distrusted("x"),
            Unsuited("x"),
            SentAway("disabled", None),
            SentAway("removed", 1.0),
        ]
        for outcome in outcomes * 50:
            self.assertTrue(240 <= backoff.after(outcome) <= 360, outcome)

    def test_the_replaced_wait_for_one_to_five_minutes(self) -> None:
        backoff = Backoff(seeded())
        waits = [backoff.after(SentAway("replaced", 0.0)) for _ in range(500)]
        self.assertTrue(60 <= min(waits) < 65)
        self.assertTrue(295 < max(waits) <= 300)

    def test_the_time_that_the_server_asks_for_is_never_undercut(self) -> None:
        backoff = Backoff(seeded())
        for asked in (0.0, 1.0, 30.0, 600.0, 3600.0):
            for _ in range(50):
                self.assertGreaterEqual(backoff.after(Busy("x", asked)), asked)

    def test_an_hour_is_the_most_that_is_honoured(self) -> None:
        waits = [Backoff(seeded()).after(Busy("x", 1e12)) for _ in range(50)]
        self.assertLessEqual(max(waits), 1.5 * 3600)

    def test_a_server_that_says_now_is_not_hammered(self) -> None:
        backoff = Backoff(lambda: 0.5)
        waits = [backoff.after(Busy("x", 0.0)) for _ in range(8)]
        self.assertEqual(waits, [0.5, 1, 2, 4, 8, 16, 30, 30])

    def test_30_seconds_up_start_the_wait_anew_and_less_does_not(self) -> None:
        backoff = Backoff(lambda: 1.0)
        waits = [backoff.after(Lost("x", up_for)) for up_for in (0, 29.9, 0, 30, 0)]
        self.assertEqual(waits, [1, 2, 4, 1, 2])
        self.assertEqual(backoff.after(SentAway("shutdown", None, 40.0)), 1)
