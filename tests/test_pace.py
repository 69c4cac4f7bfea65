"""How many a second may begin, and when the others come again."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.pace import Appointments, Pace


class PaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pace = Pace(self.clock.seconds, rate=10.0, burst=3)

    def taken(self) -> int:
        """How many may begin now."""
        count = 0
        while self.pace.take():
            count += 1
        return count

    def test_so_many_may_begin_at_one_time(self) -> None:
        self.assertEqual(self.taken(), 3)
        self.assertFalse(self.pace.is_free)

    def test_each_tenth_of_a_second_there_is_one_more(self) -> None:
        self.taken()
        counts = []
        for _ in range(20):
            self.clock.advance(0.1001)
            counts.append(self.taken())
        self.assertEqual(counts, [1] * 20)

    def test_what_was_not_taken_in_time_is_lost(self) -> None:
        self.taken()
        self.clock.advance(60)
        self.assertEqual(self.taken(), 3)

    def test_to_ask_whether_one_is_free_takes_none(self) -> None:
        for _ in range(5):
            self.assertTrue(self.pace.is_free)
        self.assertEqual(self.taken(), 3)

    def test_a_clock_that_was_set_back_gives_and_takes_nothing(self) -> None:
        self.clock.advance(100)
        self.taken()
        self.clock.rightNow -= 50
        self.assertEqual(self.taken(), 0)
        self.clock.advance(0.1001)
        self.assertEqual(self.taken(), 1)


class AppointmentsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.appointments = Appointments(
            self.clock.seconds, rate=10.0, most=2.0, random=lambda: 0.5
        )

    def test_nobody_is_asked_to_come_together_with_somebody_else(self) -> None:
        made = [self.appointments.make() for _ in range(19)]
        for number, seconds in enumerate(made, 1):
            self.assertAlmostEqual(seconds, number / 10)

    def test_who_would_have_to_wait_too_long_is_spread_over_the_second_half(
        self,
    ) -> None:
        for _ in range(20):
            self.appointments.make()
        self.assertEqual(self.appointments.make(), 1.5)

    def test_moments_that_have_passed_are_given_to_nobody(self) -> None:
        for _ in range(5):
            self.appointments.make()
        self.clock.advance(0.45)
        self.assertAlmostEqual(self.appointments.make(), 0.15)
        self.clock.advance(30)
        self.assertAlmostEqual(self.appointments.make(), 0.1)
