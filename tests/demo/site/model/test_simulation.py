"""The site as a whole: believable, and within its limit."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.house import DAY, House
from cfos_cloud.demo.site.model.load_management import CYCLE
from cfos_cloud.demo.site.model.simulation import METER, Simulation
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A, WallboxState

NOW = 1_795_317_557.25
#: What may be changed on the way: seconds until then, and what.
changes = st.lists(
    st.tuples(
        st.integers(1, 90),
        st.one_of(
            st.tuples(st.just("limit"), st.integers(3_000, 40_000)),
            st.tuples(st.just("E1"), st.booleans()),
            st.tuples(st.just("E2"), st.booleans()),
            st.tuples(st.just("current"), st.integers(6, 16)),
        ),
    ),
    max_size=12,
)


def charging(simulation: Simulation) -> float:
    return sum(box.power_w for box in simulation.wallboxes.values())


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - cars, no secrets


class SimulationTests(SynchronousTestCase):
    def make(self, seed: int = 1, begin: float = NOW) -> Simulation:
        simulation = Simulation(begin, 14_000, chance(seed), user_of=lambda box: "anna")
        simulation.stage()
        return simulation

    def test_in_a_demonstration_things_happen_within_a_minute(self) -> None:
        for seed in range(6):
            for hour in range(0, 24, 3):
                begin = NOW + hour * 3600
                simulation = self.make(seed, begin)
                self.assertIs(
                    simulation.wallboxes["E1"].state, WallboxState.CHARGING, seed
                )
                self.assertIs(simulation.wallboxes["E2"].state, WallboxState.FREE)
                for second in range(1, 61):
                    simulation.step(begin + second)
                self.assertIs(
                    simulation.wallboxes["E2"].state, WallboxState.CHARGING, seed
                )
                self.assertIs(
                    simulation.wallboxes["E1"].state, WallboxState.CHARGING, seed
                )

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 1_000), st.floats(0, DAY), changes)
    def test_the_limit_is_kept_within_a_cycle_whatever_people_do(
        self,
        seed: int,
        offset: float,
        story: list[tuple[int, tuple[str, int | bool]]],
    ) -> None:
        begin = NOW + offset
        simulation = self.make(seed, begin)
        second, house_at_decision = 0, simulation.house_w
        since_change = CYCLE
        for wait, (what, value) in [*story, (30, ("limit", 9_000))]:
            for _ in range(wait):
                second += 1
                since_change += 1
                before = simulation._decided
                simulation.step(begin + second)
                if simulation._decided != before:
                    house_at_decision = simulation.house_w
                # What the house took since the last decision is the next one's.
                rise = max(simulation.house_w - house_at_decision, 0.0)
                if charging(simulation) > 0 and since_change >= 1:
                    self.assertLessEqual(
                        simulation.load.total, simulation.limit_w + rise + 1e-6
                    )
            since_change = 0
            if what == "limit":
                simulation.limit(float(value))
            elif what == "current":
                simulation.limit_current("E1", float(value))
            else:
                simulation.pause(what, bool(value))

    def test_a_change_takes_effect_with_the_next_step(self) -> None:
        simulation = self.make()
        for second in range(1, 61):
            simulation.step(NOW + second)
        simulation.pause("E1", True)
        simulation.step(NOW + 61)
        self.assertEqual(simulation.wallboxes["E1"].power_w, 0)
        simulation.limit_current("E2", 7.0)
        simulation.step(NOW + 62)
        self.assertLessEqual(simulation.wallboxes["E2"].drawn_a, 7.0)
        simulation.limit(3_000.0)
        simulation.step(NOW + 63)
        self.assertLessEqual(simulation.load.total, 3_000.0)

    def test_the_meter_counts_all_that_is_drawn(self) -> None:
        simulation = self.make()
        before = simulation.meter.import_wh - simulation.meter.export_wh
        energy = 0.0
        for second in range(1, 601):
            simulation.step(NOW + second)
            energy += simulation.load.total / 3600
            total = simulation.house_w + charging(simulation)
            self.assertAlmostEqual(simulation.load.total, total)
            self.assertLess(abs(simulation.reading.total / 1000 - total), 0.01)
        after = simulation.meter.import_wh - simulation.meter.export_wh
        self.assertLess(abs(after - before - energy), 0.01)

    def test_a_session_has_the_energy_of_its_car(self) -> None:
        simulation = self.make()
        box = simulation.wallboxes["E1"]
        before = box.energy_wh
        for second in range(1, 301):
            simulation.step(NOW + second)
        session = simulation.sessions.running("E1")
        assert session is not None
        self.assertEqual(session.user, "anna")
        self.assertGreater(session.energy_wh, 500)
        self.assertAlmostEqual(session.energy_wh, box.energy_wh - before)

    def test_a_past_day_has_cars_by_the_dozen_and_sun_at_noon(self) -> None:
        simulation = Simulation(NOW - DAY, 14_000, chance(5))
        simulation.live_through(NOW)
        sessions = simulation.sessions.newest_first(["E1", "E2"])
        self.assertTrue(8 <= len(sessions) <= 60, len(sessions))
        ended = [session for session in sessions if session.ended is not None]
        self.assertTrue(all(session.energy_wh > 0 for session in ended[3:]))
        plot = simulation.history.plot(NOW, 1440)
        known = [value for value in plot.series[METER] if value is not None]
        self.assertGreater(len(known), 1430)
        self.assertTrue(max(known) <= 14_000, max(known))

    def test_cars_that_are_sent_away_stay_away_for_so_long(self) -> None:
        simulation = self.make()
        simulation.send_away(NOW + 120)
        for second in range(1, 121):
            simulation.step(NOW + second)
            states = {int(box.state) for box in simulation.wallboxes.values()}
            self.assertEqual(states, {WallboxState.FREE})
        self.assertIsNone(simulation.sessions.running("E1"))

    def test_a_long_gap_is_no_step(self) -> None:
        simulation = self.make()
        energy = simulation.meter.import_wh
        simulation.step(NOW + 3600)
        self.assertEqual(simulation.meter.import_wh, energy)
        simulation.step(NOW + 3500)
        self.assertEqual(simulation.meter.import_wh, energy)
        simulation.step(NOW + 3501)
        self.assertNotEqual(simulation.meter.import_wh, energy)

    def test_it_goes_on_after_a_restart(self) -> None:
        simulation = self.make()
        for second in range(1, 121):
            simulation.step(NOW + second)
        kept = json.loads(json.dumps(simulation.to_json()))
        again = Simulation(NOW + 500, 14_000, chance(2))
        again.restore(kept)
        self.assertEqual(again.meter.import_wh, simulation.meter.import_wh)
        box = again.wallboxes["E1"]
        self.assertEqual(box.energy_wh, simulation.wallboxes["E1"].energy_wh)
        newest = again.sessions.newest_first(["E1"])[0]
        self.assertEqual(newest.ended, NOW + 120)
        known = again.history.plot(NOW + 120, 2).series["E1"]
        self.assertEqual(known, simulation.history.plot(NOW + 120, 2).series["E1"])

    def test_what_is_broken_is_not_taken(self) -> None:
        good = self.make().to_json()
        cases: tuple[dict[str, object], ...] = (
            {"time": "x"},
            {"meter": [1]},
            {"meter": [1, None]},
            {"wallboxes": {"E1": 5}},
            {"sessions": []},
            {"history": None},
        )
        for broken in cases:
            self.assertRaises(ValueError, self.make().restore, {**good, **broken})

    def test_a_current_is_nothing_or_6_a_and_more_until_a_car_is_nearly_full(
        self,
    ) -> None:
        simulation = self.make(3)
        for second in range(1, 1200):
            simulation.step(NOW + second)
            for box in simulation.wallboxes.values():
                self.assertTrue(box.offered_a == 0 or box.offered_a >= MIN_CURRENT_A)


class HouseTests(SynchronousTestCase):
    def test_the_sun_shines_by_day_only(self) -> None:
        house = House()
        midnight = 20_000 * DAY
        self.assertEqual(house.sun_w(midnight), 0)
        self.assertGreater(house.sun_w(midnight + 12.5 * 3600), 1_500)

    def test_it_always_uses_something_and_never_absurdly_much(self) -> None:
        house = House(3600)
        for minute in range(24 * 60):
            self.assertTrue(100 < house.use_w(NOW + minute * 60) < 5_000)

    def test_its_hour_is_the_local_one(self) -> None:
        self.assertAlmostEqual(House(7200).hour(20_000 * DAY), 2.0)
