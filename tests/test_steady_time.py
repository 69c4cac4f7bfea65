"""Timers and the time of day are two things."""

from __future__ import annotations

from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.steady_time import TimeOfDay, keep_steady


class BareReactor(ReactorBase):
    """Timers and no descriptors."""

    def installWaker(self) -> None:  # noqa: N802 - Twisted's name
        pass


class SteadyTimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.steady = Clock()
        self.reactor = BareReactor()
        self.time_of_day = keep_steady(self.reactor, self.steady.seconds)
        self.called: list[str] = []

    def test_a_timer_is_due_by_the_clock_that_nobody_sets(self) -> None:
        self.reactor.callLater(10, self.called.append, "due")
        self.reactor.runUntilCurrent()
        self.assertEqual(self.called, [])
        self.assertEqual(self.reactor.timeout(), 10)
        self.steady.advance(10)
        self.reactor.runUntilCurrent()
        self.assertEqual(self.called, ["due"])

    def test_a_timer_that_is_set_anew_goes_by_it_too(self) -> None:
        call = self.reactor.callLater(10, self.called.append, "due")
        self.steady.advance(5)
        call.reset(10)
        self.steady.advance(9)
        self.reactor.runUntilCurrent()
        self.assertEqual(self.called, [])
        self.steady.advance(1)
        self.reactor.runUntilCurrent()
        self.assertEqual(self.called, ["due"])

    def test_the_time_of_day_has_the_same_timers(self) -> None:
        call = self.time_of_day.callLater(10, self.called.append, "due")
        self.assertIn(call, self.time_of_day.getDelayedCalls())
        self.steady.advance(10)
        self.reactor.runUntilCurrent()
        self.assertEqual(self.called, ["due"])

    def test_the_time_of_day_is_told_as_it_is_even_if_it_goes_back(self) -> None:
        times = iter([1000.0, 10.0])
        told = TimeOfDay(self.steady, lambda: next(times))
        self.assertEqual((told.seconds(), told.seconds()), (1000.0, 10.0))
