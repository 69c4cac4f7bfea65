"""A wallbox with a car."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.cars import Car, Vehicle
from cfos_cloud.demo.site.model.wallbox import (
    MIN_CURRENT_A,
    RAMP_A_PER_SECOND,
    RESTART_SECONDS,
    Wallbox,
    WallboxState,
)

THREE = Vehicle("three", 50_000, 3, 16)
ONE = Vehicle("one", 40_000, 1, 32)


class WallboxTests(SynchronousTestCase):
    def box(self, vehicle: Vehicle = THREE, charge: float = 0.3) -> Wallbox:
        box = Wallbox("E1", 32.0, first_phase=1)
        box.plug(Car(vehicle, charge))
        return box

    def test_its_state_has_the_vendors_numbers(self) -> None:
        box = Wallbox("E1", 16.0)
        self.assertEqual(box.state, 1)
        box.plug(Car(THREE, 0.5))
        self.assertEqual(box.state, 2)
        box.offered_a = 10.0
        box.step(1)
        self.assertEqual(box.state, 3)
        box.restart()
        self.assertEqual(box.state, 6)
        box.step(RESTART_SECONDS)
        self.assertEqual(box.state, 2)
        box.unplug()
        self.assertIs(box.state, WallboxState.FREE)

    def test_it_starts_at_6_a_and_rises_second_by_second(self) -> None:
        box = self.box()
        box.offered_a = 16.0
        drawn = []
        for _ in range(7):
            box.step(1)
            drawn.append(box.drawn_a)
        self.assertEqual(drawn[0], MIN_CURRENT_A + RAMP_A_PER_SECOND)
        self.assertEqual(drawn[-2:], [16.0, 16.0])
        self.assertEqual(drawn, sorted(drawn))

    def test_it_falls_at_once(self) -> None:
        box = self.box()
        box.offered_a = 16.0
        box.step(10)
        box.offered_a = 7.0
        box.step(0.1)
        self.assertEqual(box.drawn_a, 7.0)
        box.offered_a = 0.0
        box.step(0.1)
        self.assertEqual(box.drawn_a, 0.0)

    def test_one_that_is_paused_wants_and_draws_nothing(self) -> None:
        box = self.box()
        box.offered_a = 16.0
        box.step(5)
        box.enabled = False
        self.assertEqual(box.wanted_a, 0.0)
        box.step(0.1)
        self.assertEqual((box.drawn_a, int(box.state)), (0.0, 2))

    def test_it_wants_no_more_than_people_allow(self) -> None:
        box = self.box()
        box.current_limit_a = 9.0
        self.assertEqual(box.wanted_a, 9.0)

    def test_a_car_with_one_phase_loads_that_phase(self) -> None:
        box = self.box(ONE)
        box.offered_a = 10.0
        box.step(5)
        self.assertEqual(box.phases, 1)
        self.assertEqual(tuple(box.load), (0.0, 2300.0, 0.0))

    def test_a_full_car_draws_nothing_and_a_nearly_full_one_little(self) -> None:
        box = self.box(charge=1.0)
        box.offered_a = 16.0
        box.step(5)
        self.assertEqual((box.wanted_a, box.drawn_a), (0.0, 0.0))
        box = self.box(charge=0.999)
        box.offered_a = 16.0
        box.step(1)
        self.assertTrue(0 < box.drawn_a < MIN_CURRENT_A)
        self.assertEqual(box.wanted_a, MIN_CURRENT_A)

    @given(
        st.lists(
            st.tuples(
                st.floats(0.1, 30),
                st.sampled_from([0.0, 6.0, 10.0, 32.0]),
                st.booleans(),
            ),
            max_size=40,
        ),
        st.sampled_from([ONE, THREE]),
        st.floats(0.0, 1.0),
    )
    def test_it_never_draws_more_than_it_is_offered_and_counts_what_it_draws(
        self,
        story: list[tuple[float, float, bool]],
        vehicle: Vehicle,
        charge: float,
    ) -> None:
        box = self.box(vehicle, charge)
        counted = 0.0
        assert box.car is not None
        for seconds, offered, enabled in story:
            box.offered_a, box.enabled = offered, enabled
            before = box.car.charge
            counted += box.step(seconds)
            self.assertLessEqual(box.drawn_a, offered)
            self.assertLessEqual(box.drawn_a, vehicle.max_current_a)
            self.assertTrue(before <= box.car.charge <= 1.0)
        self.assertAlmostEqual(box.energy_wh, counted)
