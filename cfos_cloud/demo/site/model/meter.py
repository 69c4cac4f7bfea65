"""The meter at the grid connection: the sum of all, in thousandths."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cfos_cloud.demo.site.model.electricity import PHASES, VOLTS, Load

#: Ohms of the line to the house: voltage falls with the load.
_OHMS = 0.06
_FACTOR = 0.97


@dataclass(frozen=True)
class Reading:
    """
    One moment. Powers in mW by phase (negative: fed in), energies in mWh, voltages in
    mV, currents in mA, frequency in mHz.
    """

    when: float
    power: tuple[int, int, int]
    import_energy: int
    export_energy: int
    voltage: tuple[int, int, int]
    current: tuple[int, int, int]
    frequency: int

    @property
    def total(self) -> int:
        """Over all phases, as the meter counts energy, in mW."""
        return sum(self.power)


class Meter:
    """Counts what passes; energies in Wh, and they only grow."""

    def __init__(self, import_wh: float = 0.0, export_wh: float = 0.0) -> None:
        self.import_wh = import_wh
        self.export_wh = export_wh

    def count(self, load: Load, seconds: float) -> None:
        """This load was there for so long."""
        energy = load.total * seconds / 3600
        if energy > 0:
            self.import_wh += energy
        else:
            self.export_wh -= energy

    def read(self, when: float, load: Load) -> Reading:
        """What it shows while ``load`` is there."""
        voltages = [
            VOLTS + 1.4 * math.sin(when / 31 + 2 * phase) - load[phase] / VOLTS * _OHMS
            for phase in range(PHASES)
        ]
        currents = [
            abs(load[phase]) / voltages[phase] / _FACTOR for phase in range(PHASES)
        ]
        return Reading(
            when,
            _thousandths(load),
            round(self.import_wh * 1000),
            round(self.export_wh * 1000),
            _thousandths(voltages),
            _thousandths(currents),
            round(50_000 + 18 * math.sin(when / 13)),
        )


def _thousandths(values: list[float] | Load) -> tuple[int, int, int]:
    one, two, three = (round(value * 1000) for value in values)
    return one, two, three


def smart_meter(reading: Reading) -> dict[str, object]:
    """The answer to ``GET /api/json/local/values/smart-meter``."""
    seconds = math.floor(reading.when)
    values = {
        "active_power_+": max(reading.total, 0),
        "active_power_-": max(-reading.total, 0),
        "active_energy_+": reading.import_energy,
        "active_energy_-": reading.export_energy,
        "power_factor": round(_FACTOR * 1000),
        "supply_frequency": reading.frequency,
    }
    for phase in range(PHASES):
        name, power = f"L{phase + 1}", reading.power[phase]
        values[f"active_power_+_{name}"] = max(power, 0)
        values[f"active_power_-_{name}"] = max(-power, 0)
        values[f"current_{name}"] = reading.current[phase]
        values[f"voltage_{name}"] = reading.voltage[phase]
    return {
        "smart-meter": {
            "configuration_id": "demo",
            "status": "OK",
            "timestamp": {
                "seconds": seconds,
                "nanos": math.floor((reading.when - seconds) * 1000) * 1_000_000,
            },
            "values": values,
        }
    }
