"""What others can bring about at will is said once in a while."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.seldom import INTERVAL, MAX_THINGS, Seldom


class SeldomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.seldom = Seldom(self.clock.seconds)

    def test_a_thing_is_due_at_once_then_once_in_an_interval(self) -> None:
        self.assertEqual(self.seldom.due("a"), 0)
        self.clock.advance(INTERVAL - 1)
        self.assertIsNone(self.seldom.due("a"))
        self.clock.advance(1)
        self.assertEqual(self.seldom.due("a"), 1)

    def test_what_was_passed_over_is_counted_since_it_was_said_last(self) -> None:
        self.seldom.due("a")
        for _ in range(99):
            self.assertIsNone(self.seldom.due("a"))
        self.clock.advance(INTERVAL)
        self.assertEqual(self.seldom.due("a"), 99)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.seldom.due("a"), 0)

    def test_each_thing_is_due_by_itself(self) -> None:
        self.assertEqual([self.seldom.due(thing) for thing in "abc"], [0, 0, 0])

    def test_only_so_many_are_remembered_those_said_last(self) -> None:
        for number in range(MAX_THINGS + 1):
            self.clock.advance(0.01)
            self.assertEqual(self.seldom.due(str(number)), 0)
        self.assertEqual(len(self.seldom), MAX_THINGS)
        self.assertIsNone(self.seldom.due("1"))
        self.assertEqual(self.seldom.due("0"), 0)

    def test_a_clock_that_starts_at_nothing_makes_no_difference(self) -> None:
        self.assertEqual(Seldom(lambda: 0.0).due("a"), 0)
