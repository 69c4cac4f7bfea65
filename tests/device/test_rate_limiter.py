"""What may happen only so often."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.rate_limiter import MAX_WAITING, RateLimiter, TooManyWaiting


class RateLimiterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limiter = RateLimiter(self.clock, 1.0)
        self.had: list[float] = []

    def take(self) -> Deferred[None]:
        turn = self.limiter.take()
        turn.addCallback(lambda _: self.had.append(self.clock.seconds()))
        return turn

    def test_the_first_is_at_once_and_each_other_a_second_later(self) -> None:
        for _ in range(3):
            self.take()
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.had, [0.0, 1.0, 2.0])

    def test_who_leaves_the_queue_delays_nobody(self) -> None:
        self.take()
        leaving = self.take()
        self.take()
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.clock.pump([0.5] * 4)
        self.assertEqual(self.had, [0.0, 1.0])

    def test_when_all_have_left_nothing_is_due(self) -> None:
        self.take()
        leaving = self.take()
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_queue_has_an_end(self) -> None:
        waiting = [self.take() for _ in range(MAX_WAITING + 1)]
        self.failureResultOf(self.limiter.take(), TooManyWaiting)
        self.successResultOf(waiting[0])

    def test_what_others_do_counts(self) -> None:
        self.limiter.taken_by_others()
        self.take()
        self.assertEqual(self.had, [])
        self.clock.advance(1.0)
        self.assertEqual(self.had, [1.0])

    def test_what_others_do_while_somebody_waits_counts_too(self) -> None:
        self.take()
        self.take()
        self.clock.advance(0.5)
        self.limiter.taken_by_others()
        self.clock.pump([0.25] * 4)
        self.assertEqual(self.had, [0.0, 1.5])
