"""Bytes in buffers: counted as they change, and who goes when it is too much."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.buffered import Buffered


class Holder:
    """Gives up what it holds when told to, unless it is ``stubborn``."""

    def __init__(self, buffered: Buffered, *, stubborn: bool = False) -> None:
        self.buffered = buffered
        self.stubborn = stubborn
        self.was_shed = 0

    def hold(self, size: int) -> None:
        self.buffered.hold(self, size)

    def shed(self) -> None:
        self.was_shed += 1
        if not self.stubborn:
            self.hold(0)


class BufferedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.told: list[int] = []
        self.whole = Buffered(100, told=self.told.append)

    def holders(self, count: int, buffered: Buffered | None = None) -> list[Holder]:
        return [Holder(buffered or self.whole) for _ in range(count)]

    def test_what_is_held_is_what_was_said_last(self) -> None:
        one, other = self.holders(2)
        one.hold(10)
        other.hold(20)
        one.hold(5)
        self.assertEqual(self.whole.size, 25)
        one.hold(0)
        one.hold(0)
        self.assertEqual(self.whole.size, 20)

    def test_up_to_the_bound_nobody_goes(self) -> None:
        for holder in self.holders(10):
            holder.hold(10)
            self.assertEqual(holder.was_shed, 0)
        self.assertTrue(self.whole.full)
        self.assertEqual(self.told, [])

    def test_beyond_it_the_newest_go_until_there_is_room(self) -> None:
        old, middle, new, newest = self.holders(4)
        for holder in (old, middle, new, newest):
            holder.hold(25)
        old.hold(60)
        went = [each.was_shed for each in (old, middle, new, newest)]
        self.assertEqual(went, [0, 0, 1, 1])
        self.assertEqual(self.whole.size, 85)
        self.assertEqual(self.told, [100, 100])

    def test_who_held_nothing_meanwhile_is_new(self) -> None:
        one, other = self.holders(2)
        one.hold(50)
        other.hold(50)
        one.hold(0)
        one.hold(51)
        self.assertEqual((one.was_shed, other.was_shed), (1, 0))

    def test_who_can_not_go_stays_and_the_next_one_does(self) -> None:
        [old] = self.holders(1)
        tunnel = Holder(self.whole, stubborn=True)
        old.hold(60)
        tunnel.hold(60)
        self.assertEqual((tunnel.was_shed, old.was_shed), (1, 1))
        self.assertEqual(self.whole.size, 60)
        self.assertEqual(self.told, [100])

    def test_who_alone_holds_too_much_goes(self) -> None:
        [one] = self.holders(1)
        one.hold(101)
        self.assertEqual((one.was_shed, self.whole.size), (1, 0))

    def test_a_part_counts_in_the_whole_and_has_its_own_bound(self) -> None:
        part = self.whole.part(40)
        one, other = self.holders(2, part)
        one.hold(30)
        self.assertEqual((part.size, self.whole.size), (30, 30))
        self.assertFalse(part.full)
        other.hold(30)
        self.assertEqual((one.was_shed, other.was_shed), (0, 1))
        self.assertEqual((part.size, self.whole.size), (30, 30))
        self.assertEqual(self.told, [40])

    def test_a_full_whole_makes_its_parts_full(self) -> None:
        part = self.whole.part(40)
        [other] = self.holders(1)
        other.hold(100)
        self.assertTrue(part.full)
        other.hold(99)
        self.assertFalse(part.full)

    def test_one_part_alone_has_half_and_leaves_the_rest_to_others(self) -> None:
        one, other = self.whole.part(90), self.whole.part(90)
        for holder in self.holders(20, one):
            holder.hold(5)
        self.assertEqual(one.size, 50)
        self.assertTrue(one.full)
        self.assertFalse(other.full)
        for holder in self.holders(20, other):
            holder.hold(5)
        self.assertEqual(other.size, 25)
        self.assertFalse(self.whole.part(90).full)

    def test_what_a_part_had_before_the_others_came_it_keeps(self) -> None:
        one, other = self.whole.part(90), self.whole.part(90)
        holders = self.holders(4, one)
        for holder in holders:
            holder.hold(10)
        for holder in self.holders(20, other):
            holder.hold(5)
        holders[0].hold(9)
        self.assertEqual([each.was_shed for each in holders], [0] * 4)

    def test_the_whole_s_own_make_room_with_the_newest_of_all(self) -> None:
        part = self.whole.part(90)
        [old], [new] = self.holders(1), self.holders(1, part)
        old.hold(60)
        new.hold(20)
        old.hold(90)
        self.assertEqual((old.was_shed, new.was_shed), (0, 1))
        self.assertEqual((part.size, self.whole.size), (0, 90))

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 70)), max_size=30))
    def test_whatever_happens_sums_are_right_and_within_bounds(
        self, changes: list[tuple[int, int]]
    ) -> None:
        whole = Buffered(100)
        parts = [whole.part(60), whole.part(60)]
        holders = [Holder(parts[number % 2]) for number in range(8)]
        for number, size in changes:
            holders[number].hold(size)
            sums = [sum(part._held.values()) for part in parts]
            self.assertEqual([part.size for part in parts], sums)
            self.assertEqual(whole.size, sum(sums))
            self.assertLessEqual(max(sums), 60)
            self.assertLessEqual(whole.size, 100)
