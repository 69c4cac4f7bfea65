"""So many at once, then so many in a time."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry.allowance import Allowance


class AllowanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.allowance = Allowance(
            self.clock.seconds, burst=3, interval=10.0, max_keys=4
        )

    def taken(self, key: str = "a", tries: int = 10) -> int:
        return sum(self.allowance.take(key) for _ in range(tries))

    def test_a_burst_at_once_and_then_one_an_interval(self) -> None:
        self.assertEqual(self.taken(), 3)
        self.clock.advance(9.9)
        self.assertEqual(self.taken(), 0)
        self.clock.advance(0.1)
        self.assertEqual(self.taken(), 1)
        self.clock.advance(25)
        self.assertEqual(self.taken(), 2)

    def test_the_burst_is_full_again_and_no_fuller(self) -> None:
        self.taken()
        self.clock.advance(1e6)
        self.assertEqual(self.taken(), 3)

    def test_keys_have_their_own(self) -> None:
        self.taken("a")
        self.assertEqual(self.taken("b"), 3)

    def test_beyond_so_many_keys_new_ones_get_nothing_until_some_are_full(self) -> None:
        for key in "abcd":
            self.assertTrue(self.allowance.take(key))
        self.assertEqual(self.taken("e"), 0)
        self.assertEqual(self.taken("a"), 2)
        self.assertEqual(len(self.allowance), 4)
        self.clock.advance(10)
        self.assertEqual(self.taken("e"), 3)
        self.assertEqual(len(self.allowance), 2)

    def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_long(self) -> None:
        now = [1e6]
        allowance = Allowance(lambda: now[0], burst=3, interval=10.0, max_keys=4)
        for _ in range(3):
            allowance.take("a")
        now[0] = 0.0
        self.assertFalse(allowance.take("a"))
        now[0] = 10.0
        self.assertTrue(allowance.take("a"))
