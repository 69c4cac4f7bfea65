"""Load management: the limit is kept, and what there is is shared fairly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.electricity import watts
from cfos_cloud.demo.site.model.load_management import (
    CYCLE,
    REST,
    SPARE_W,
    STEP_A,
    TURN,
    Demand,
    LoadManagement,
    admit,
    share,
)
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A

demands = st.lists(
    st.builds(
        Demand,
        st.sampled_from([f"E{n}" for n in range(1, 9)]),
        st.floats(MIN_CURRENT_A, 32.0),
        st.sampled_from([1, 3]),
    ),
    max_size=8,
    unique_by=lambda demand: demand.id,
)
powers = st.floats(-10_000, 150_000)


def total(currents: dict[str, float], served: list[Demand]) -> float:
    return sum(watts(currents[demand.id], demand.phases) for demand in served)


class ShareTests(SynchronousTestCase):
    @given(powers, demands)
    def test_together_they_never_get_more_than_there_is(
        self, available: float, wanted: list[Demand]
    ) -> None:
        served = admit(available, wanted)
        currents = share(available, served)
        self.assertLessEqual(total(currents, served), max(available, 0.0) + 1e-6)

    @given(powers, demands)
    def test_each_gets_6_a_at_least_and_never_more_than_it_wants(
        self, available: float, wanted: list[Demand]
    ) -> None:
        served = admit(available, wanted)
        currents = share(available, served)
        for demand in served:
            self.assertGreaterEqual(currents[demand.id], MIN_CURRENT_A)
            self.assertLessEqual(currents[demand.id], demand.wanted_a + 1e-6)

    @given(powers, demands)
    def test_who_gets_less_than_another_wanted_no_more(
        self, available: float, wanted: list[Demand]
    ) -> None:
        served = admit(available, wanted)
        currents = share(available, served)
        most = max(currents.values(), default=0.0)
        for demand in served:
            if currents[demand.id] < most - 1e-6:
                self.assertLess(demand.wanted_a - currents[demand.id], STEP_A + 1e-6)

    @given(powers, demands)
    def test_not_even_a_step_more_for_all_unsatisfied_is_left(
        self, available: float, wanted: list[Demand]
    ) -> None:
        served = admit(available, wanted)
        currents = share(available, served)
        missing = {d: d.wanted_a - currents[d.id] for d in served}
        step = sum(watts(min(missing[d], STEP_A), d.phases) for d in served)
        if any(amperes >= STEP_A for amperes in missing.values()):
            self.assertGreater(total(currents, served) + step, available - 1e-3)

    @given(powers, demands)
    def test_nobody_is_left_out_whose_6_a_would_fit(
        self, available: float, wanted: list[Demand]
    ) -> None:
        served = admit(available, wanted)
        left = available - sum(demand.least_w for demand in served)
        for demand in wanted:
            if demand not in served:
                self.assertGreater(demand.least_w, left)

    def test_two_alike_get_the_same(self) -> None:
        two = [Demand("E1", 16.0, 3), Demand("E2", 32.0, 3)]
        self.assertEqual(share(13_800.0, two), {"E1": 10.0, "E2": 10.0})

    def test_what_one_can_not_use_goes_to_the_other(self) -> None:
        two = [Demand("E1", 8.0, 3), Demand("E2", 32.0, 3)]
        self.assertEqual(share(13_800.0, two), {"E1": 8.0, "E2": 12.0})


class LoadManagementTests(SynchronousTestCase):
    three = Demand("E1", 16.0, 3)
    other = Demand("E2", 16.0, 3)

    def setUp(self) -> None:
        self.management = LoadManagement()

    def decide(self, available: float, *wanted: Demand) -> dict[str, float]:
        return self.management.decide(available, wanted, CYCLE)

    @given(
        st.lists(st.tuples(powers, demands, st.floats(1.0, 300.0)), max_size=25),
    )
    def test_whatever_has_happened_the_limit_is_kept(
        self, story: list[tuple[float, list[Demand], float]]
    ) -> None:
        management = LoadManagement()
        for available, wanted, seconds in story:
            currents = management.decide(available, wanted, seconds)
            self.assertEqual(set(currents), {demand.id for demand in wanted})
            self.assertLessEqual(total(currents, wanted), max(available, 0.0) + 1e-6)
            for demand in wanted:
                current = currents[demand.id]
                self.assertTrue(current == 0 or current >= MIN_CURRENT_A)
                self.assertEqual(management.waits(demand.id), current == 0)

    def test_who_comes_first_goes_on_and_the_other_waits(self) -> None:
        self.decide(5_000.0, self.three)
        currents = self.decide(5_000.0, self.other, self.three)
        self.assertEqual((currents["E1"] > 0, currents["E2"]), (True, 0.0))
        self.assertTrue(self.management.waits("E2"))
        self.assertFalse(self.management.waits("E1"))

    def test_where_there_is_not_enough_for_both_they_take_turns(self) -> None:
        charged = {"E1": 0.0, "E2": 0.0}
        for _ in range(int(6 * TURN / CYCLE)):
            currents = self.decide(5_000.0, self.three, self.other)
            for id_, current in currents.items():
                charged[id_] += current * CYCLE
        self.assertGreater(min(charged.values()), 0.8 * max(charged.values()))

    def test_without_power_all_stop_at_once(self) -> None:
        self.decide(20_000.0, self.three, self.other)
        self.assertEqual(
            self.decide(-500.0, self.three, self.other), {"E1": 0.0, "E2": 0.0}
        )

    def test_who_was_stopped_rests_and_needs_some_to_spare(self) -> None:
        self.decide(5_000.0, self.three)
        self.decide(0.0, self.three)
        least = self.three.least_w
        for _ in range(int(REST / CYCLE) - 1):
            self.assertEqual(self.decide(20_000.0, self.three)["E1"], 0.0)
        self.assertEqual(self.decide(least + SPARE_W - 1, self.three)["E1"], 0.0)
        self.assertGreater(self.decide(least + SPARE_W, self.three)["E1"], 0.0)

    def test_a_kettle_does_not_switch_a_car_on_and_off(self) -> None:
        starts, before = 0, 0.0
        for cycle in range(400):
            kettle = 2_000.0 if cycle % 4 < 2 else 0.0
            current = self.decide(self.three.least_w + 1_000 - kettle, self.three)["E1"]
            starts += before == 0.0 and current > 0
            before = current
        self.assertLessEqual(starts, 400 * CYCLE / REST)
