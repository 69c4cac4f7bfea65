"""What guessing costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.throttle import (
    CAP,
    PENALTY,
    TOLERANCE,
    Throttle,
    pair_key,
    source_key,
    stranger_keys,
    system_key,
)


class FakeClock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class ThrottleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = FakeClock()
        self.throttle = Throttle(self.clock)

    def fail_times(self, times: int, *keys: str) -> None:
        for _ in range(times):
            self.throttle.failed(keys)

    def test_who_never_failed_goes_on(self) -> None:
        self.assertEqual(self.throttle.wait(["a", "b"]), 0)

    def test_six_failures_are_tolerated_and_the_seventh_makes_wait(self) -> None:
        self.fail_times(6, "a")
        self.assertEqual(self.throttle.wait(["a"]), 0)
        self.fail_times(1, "a")
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)

    def test_failures_are_counted_however_many_keys_they_have(self) -> None:
        self.fail_times(2, "a", "b", "c")
        self.throttle.begin(["a"])
        self.throttle.failed(["a"])
        self.throttle.begin(["a"])
        self.throttle.succeeded(["a"])
        self.assertEqual(self.throttle.failures, 3)

    def test_penalties_fade_with_time(self) -> None:
        self.fail_times(8, "a")
        self.clock.now += 9.5
        self.assertEqual(self.throttle.wait(["a"]), 0.5)
        self.clock.now += 0.5
        self.assertEqual(self.throttle.wait(["a"]), 0)

    def test_what_has_faded_is_no_credit(self) -> None:
        self.fail_times(1, "a")
        self.clock.now += 1_000
        self.fail_times(7, "a")
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)

    def test_the_penalty_has_a_cap(self) -> None:
        self.fail_times(1_000, "a")
        self.assertEqual(self.throttle.wait(["a"]), CAP - TOLERANCE)

    def test_a_clock_that_is_set_back_does_not_exceed_it_either(self) -> None:
        self.fail_times(1, "a")
        self.clock.now -= 100_000
        self.assertEqual(self.throttle.wait(["a"]), CAP - TOLERANCE)
        self.assertEqual(self.throttle.wait(["b"]), 0)

    def test_the_longest_wait_of_all_keys_counts(self) -> None:
        self.fail_times(7, "a")
        self.fail_times(9, "b")
        self.assertEqual(self.throttle.wait(["a", "b", "c"]), 3 * PENALTY)

    def test_keys_do_not_share_penalties(self) -> None:
        self.fail_times(100, "a")
        self.assertEqual(self.throttle.wait(["b"]), 0)

    def test_what_is_begun_counts_at_once(self) -> None:
        for _ in range(7):
            self.throttle.begin(["a"])
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)

    def test_a_failure_that_was_begun_is_charged_once(self) -> None:
        for _ in range(7):
            self.throttle.begin(["a"])
            self.throttle.failed(["a"])
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)

    def test_a_success_takes_back_its_own_charge_only(self) -> None:
        self.fail_times(7, "a")
        self.throttle.begin(["a"])
        self.throttle.succeeded(["a"])
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)

    def test_a_success_that_was_not_begun_takes_back_nothing(self) -> None:
        self.fail_times(7, "a")
        self.throttle.succeeded(["a"])
        self.assertEqual(self.throttle.wait(["a"]), PENALTY)


class RoomTests(SynchronousTestCase):
    """The table is bounded, and can't be flushed cheaply."""

    def setUp(self) -> None:
        self.clock = FakeClock()
        self.throttle = Throttle(self.clock, max_keys=100)

    def test_the_table_never_exceeds_its_bound(self) -> None:
        for number in range(1_000):
            self.throttle.failed([f"key {number}"])
            self.assertLessEqual(len(self.throttle), 100)

    def test_new_keys_do_not_flush_one_that_has_to_wait(self) -> None:
        for _ in range(8):
            self.throttle.failed(["guesser"])
        for number in range(10_000):
            self.throttle.failed([f"key {number}"])
        self.assertEqual(self.throttle.wait(["guesser"]), 2 * PENALTY)

    def test_what_has_faded_goes_first(self) -> None:
        for number in range(99):
            self.throttle.failed([f"old {number}"])
        self.clock.now += 4
        self.throttle.failed(["young"])
        self.clock.now += 2
        self.throttle.failed(["new"])
        self.assertEqual(len(self.throttle), 2)

    @given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 20)), max_size=300))
    def test_no_debt_grows_by_anything_but_its_own_failures(
        self, steps: list[tuple[int, float]]
    ) -> None:
        clock = FakeClock()
        throttle = Throttle(clock, max_keys=8)
        failures: dict[str, int] = {}
        for number, later in steps:
            key = f"key {number}"
            throttle.failed([key])
            failures[key] = failures.get(key, 0) + 1
            clock.now += later
            for each, count in failures.items():
                most = max(0.0, count * PENALTY - TOLERANCE)
                self.assertLessEqual(throttle.wait([each]), most)
            self.assertLessEqual(len(throttle), 8)


class KeyTests(SynchronousTestCase):
    def test_an_ipv4_address_is_a_source(self) -> None:
        self.assertNotEqual(source_key("192.0.2.1"), source_key("192.0.2.2"))

    def test_ipv4_mapped_into_ipv6_is_the_same_source(self) -> None:
        self.assertEqual(source_key("::ffff:192.0.2.1"), source_key("192.0.2.1"))

    def test_a_64_of_ipv6_is_one_source(self) -> None:
        here = source_key("2001:db8:0:1::1")
        self.assertEqual(here, source_key("2001:db8:0:1:ffff::2"))
        self.assertNotEqual(here, source_key("2001:db8:0:2::1"))

    def test_a_zone_makes_no_new_source(self) -> None:
        self.assertEqual(source_key("fe80::1%eth0"), source_key("fe80::1%eth1"))

    def test_what_is_no_address_is_a_source_of_bounded_length(self) -> None:
        self.assertEqual(source_key(""), "source ")
        self.assertLess(len(source_key("x" * 10_000)), 100)

    def test_the_case_of_a_cloud_id_does_not_matter(self) -> None:
        self.assertEqual(system_key("W00-A"), system_key("w00-a"))

    def test_a_stranger_has_three_keys_all_different(self) -> None:
        keys = stranger_keys("192.0.2.1", "a")
        self.assertEqual(len(set(keys)), 3)
        self.assertIn(pair_key("192.0.2.1", "A"), keys)
