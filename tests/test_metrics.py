"""What the server counts as it goes."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.metrics import WAITS, Histogram, RequestMetrics
from cfos_cloud.server.reactor_lag import INTERVAL, LOOKS, ReactorLag


class HistogramTests(SynchronousTestCase):
    def test_a_value_counts_up_to_its_bound_and_no_lower_one(self) -> None:
        histogram = Histogram((1.0, 2.0))
        for value in (0.0, 1.0, 1.1, 2.0, 2.1, 100.0):
            histogram.observe(value)
        self.assertEqual(histogram.counts, [2, 2, 2])
        self.assertAlmostEqual(histogram.total, 106.2)

    def test_the_bounds_of_waits_rise(self) -> None:
        self.assertEqual(list(WAITS), sorted(set(WAITS)))


class RequestTests(SynchronousTestCase):
    def test_a_response_counts_by_its_class_with_its_wait(self) -> None:
        clock = Clock()
        metrics = RequestMetrics(clock.seconds)
        began = metrics.seconds()
        clock.advance(0.03)
        for status in (200, 206, 304, 101, 999):
            metrics.device_answered(status, began)
        self.assertEqual(metrics.devices, [0, 1, 2, 1, 0, 0, 0, 0, 0, 1])
        self.assertEqual(metrics.waits.counts[WAITS.index(0.05)], 5)
        self.assertEqual(sum(metrics.waits.counts), 5)


class ReactorLagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        #: Of a clock that goes on while the reactor is busy.
        self.busy = 0.0
        self.lag = ReactorLag(self.clock, lambda: self.clock.seconds() + self.busy)
        self.lag.startService()

    def test_without_a_long_turn_there_is_none(self) -> None:
        self.assertEqual(self.lag.longest, 0.0)
        self.clock.pump([INTERVAL] * 3)
        self.assertEqual(self.lag.longest, 0.0)

    def test_the_longest_turn_of_a_minute_is_told(self) -> None:
        for turn in (0.5, 2.0, 0.1):
            self.busy += turn
            self.clock.advance(INTERVAL)
        self.assertAlmostEqual(self.lag.longest, 2.0)
        self.clock.pump([INTERVAL] * (LOOKS - 2))
        self.assertAlmostEqual(self.lag.longest, 2.0)
        self.clock.pump([INTERVAL] * 2)
        self.assertLess(self.lag.longest, 0.2)

    def test_a_clock_that_jumps_back_is_no_lag(self) -> None:
        self.busy -= 100
        self.clock.advance(INTERVAL)
        self.assertEqual(self.lag.longest, 0.0)

    def test_it_stops(self) -> None:
        self.lag.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
