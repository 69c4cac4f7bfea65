"""A moment that is moved often: one timer, which goes off at the last one set."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.relay.deadline import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[float] = []
        self.deadline = Deadline(
            self.clock, lambda: self.expired.append(self.clock.seconds())
        )

    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())

    def test_it_expires_once_when_it_is_set_to(self) -> None:
        self.deadline.set(5)
        self.clock.pump([1] * 20)
        self.assertEqual(self.expired, [5])
        self.assertEqual(self.timers(), 0)

    def test_the_last_moment_counts_whichever_way_it_was_moved(self) -> None:
        for first, last in ((5, 8), (8, 5)):
            self.setUp()
            self.deadline.set(first)
            self.deadline.set(last)
            self.assertEqual(self.timers(), 1)
            self.clock.pump([0.5] * 20)
            self.assertEqual(self.expired, [last])

    def test_moved_again_and_again_it_has_one_timer_and_does_not_expire(self) -> None:
        for _ in range(20):
            self.deadline.set(5)
            self.assertEqual(self.timers(), 1)
            self.clock.advance(1)
        self.assertEqual(self.expired, [])

    def test_cleared_it_does_not_expire_and_can_be_set_again(self) -> None:
        self.deadline.set(5)
        self.deadline.clear()
        self.clock.pump([1] * 20)
        self.assertEqual((self.expired, self.timers()), ([], 0))
        self.deadline.set(5)
        self.clock.pump([1] * 20)
        self.assertEqual(self.expired, [25])

    def test_stopped_it_leaves_no_timer_and_takes_no_other(self) -> None:
        self.deadline.set(5)
        self.deadline.stop()
        self.deadline.set(5)
        self.deadline.stop()
        self.assertEqual(self.timers(), 0)
        self.clock.advance(10)
        self.assertEqual(self.expired, [])
