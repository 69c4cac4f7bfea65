"""The meter agrees with itself."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.electricity import Load
from cfos_cloud.demo.site.model.meter import Meter, smart_meter

NOW = 1_795_317_557.25
phase_w = st.floats(-8_000, 15_000)


class MeterTests(SynchronousTestCase):
    def values(self, load: Load) -> dict[str, int]:
        document = cast(Any, smart_meter(Meter().read(NOW, load)))
        return cast(dict[str, int], document["smart-meter"]["values"])

    @given(phase_w, phase_w, phase_w)
    def test_the_phases_add_up_to_the_whole_in_thousandths(
        self, one: float, two: float, three: float
    ) -> None:
        values = self.values(Load(one, two, three))
        self.assertTrue(all(type(value) is int for value in values.values()))
        net = values["active_power_+"] - values["active_power_-"]
        phases = sum(
            values[f"active_power_+_L{n}"] - values[f"active_power_-_L{n}"]
            for n in (1, 2, 3)
        )
        self.assertEqual(net, phases)
        self.assertLess(abs(net / 1000 - (one + two + three)), 0.01)
        self.assertEqual(values["active_power_+"] and values["active_power_-"], 0)

    @given(phase_w, phase_w, phase_w)
    def test_voltage_times_current_is_the_power(
        self, one: float, two: float, three: float
    ) -> None:
        load = Load(one, two, three)
        values = self.values(load)
        for number, power in enumerate(load, start=1):
            volts = values[f"voltage_L{number}"] / 1000
            amperes = values[f"current_L{number}"] / 1000
            factor = values["power_factor"] / 1000
            self.assertTrue(200 < volts < 260)
            self.assertLess(abs(volts * amperes * factor - abs(power)), 0.5)

    @given(st.lists(st.tuples(st.floats(-20_000, 20_000), st.floats(0, 60))))
    def test_energies_only_grow_and_each_power_has_one_of_them(
        self, story: list[tuple[float, float]]
    ) -> None:
        meter = Meter(5.0, 7.0)
        for power, seconds in story:
            before = meter.import_wh, meter.export_wh
            meter.count(Load(power, 0, 0), seconds)
            grown = meter.import_wh - before[0], meter.export_wh - before[1]
            self.assertTrue(min(grown) >= 0 and 0 in grown)
            energy = power * seconds / 3600
            self.assertLess(abs(grown[0] - grown[1] - energy), 1e-6)

    def test_a_reading_says_when_it_was(self) -> None:
        document = cast(Any, smart_meter(Meter().read(NOW, Load())))["smart-meter"]
        self.assertEqual(
            document["timestamp"], {"seconds": 1_795_317_557, "nanos": 250_000_000}
        )
        self.assertEqual(document["status"], "OK")
        self.assertTrue(49_900 < document["values"]["supply_frequency"] < 50_100)
