"""The test that other tests rely on finds what it should, and not more."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tests.kolmogorov_smirnov import critical_distance, distance, told_apart


class DistanceTests(SynchronousTestCase):
    def test_known_ones(self) -> None:
        for first, second, expected in (
            ([1, 2, 3], [1, 2, 3], 0),
            ([1, 2, 3], [4, 5, 6], 1),
            ([1, 2, 3, 4], [3, 4, 5, 6], 0.5),
            ([1, 1, 1, 2], [1, 2, 2, 2], 0.5),
            ([5], [1, 9], 0.5),
        ):
            self.assertEqual(distance(first, second), expected)
            self.assertEqual(distance(second, first), expected)

    def test_the_critical_one_is_that_of_the_tables(self) -> None:
        # 1.36 and 1.63 by the usual tables, times sqrt(2 / 50).
        self.assertAlmostEqual(critical_distance(50, 50, 0.05), 0.272, 3)
        self.assertAlmostEqual(critical_distance(50, 50, 0.01), 0.326, 3)


class ToldApartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.random = random.Random(7)  # noqa: S311 - not for secrets

    def sample(self, shift: float = 0, size: int = 60) -> list[float]:
        """As times come out: none below a least, a few that are far longer."""
        return [shift + self.random.expovariate(1) for _ in range(size)]

    def test_what_is_alike_is_seldom_told_apart(self) -> None:
        alarms = sum(
            bool(told_apart({"a": self.sample(), "b": self.sample()}, 0.05))
            for _ in range(400)
        )
        self.assertLess(alarms, 400 * 0.05 * 2)

    def test_what_differs_is(self) -> None:
        missed = sum(
            not told_apart({"a": self.sample(), "b": self.sample(shift=1)}, 0.001)
            for _ in range(100)
        )
        self.assertEqual(missed, 0)

    def test_it_says_which(self) -> None:
        samples = {"a": self.sample(), "b": self.sample(), "c": self.sample(shift=3)}
        found = [each.partition(":")[0] for each in told_apart(samples, 0.001)]
        self.assertEqual(found, ["a and c", "b and c"])
