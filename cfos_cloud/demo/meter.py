"""The numbers of a meter at a house that charges a car, as a function of time."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime

DAY = 24 * 3600.0
_LOG_STEP = 300


def power(when: float) -> float:
    """
    Active power in watts at ``when`` (seconds since the epoch): the house, less its
    sun, plus an hour of charging every three hours. Negative: fed into the grid.
    """
    hour = when % DAY / 3600
    house = 420 + 130 * math.sin(when / 47) + 60 * math.sin(when / 11)
    sun = max(0.0, math.sin(math.pi * (hour - 6) / 12)) * 3800
    car = 3700 + 25 * math.sin(when / 7) if when % (3 * 3600) < 3600 else 0.0
    return house - sun + car


def energy(when: float) -> float:
    """Drawn from the grid up to ``when``, in watt-hours; it only grows."""
    return (when - 1_700_000_000) / 3600 * 900


def values(when: float) -> dict[str, int]:
    """Readings in thousandths of W, Wh, A, V and Hz, by the names of such meters."""
    watts = power(when)
    voltage = [230 + 1.5 * math.sin(when / 31 + phase) for phase in range(3)]
    readings = {
        "active_power_+": max(watts, 0.0),
        "active_power_-": max(-watts, 0.0),
        "active_energy_+": energy(when),
        "active_energy_-": energy(when) * 0.4,
        "supply_frequency": 50 + 0.02 * math.sin(when / 13),
        "power_factor": 0.98,
    }
    for phase in range(3):
        name = f"L{phase + 1}"
        readings[f"voltage_{name}"] = voltage[phase]
        readings[f"current_{name}"] = abs(watts) / 3 / voltage[phase]
        readings[f"active_power_+_{name}"] = max(watts, 0.0) / 3
    return {name: round(value * 1000) for name, value in readings.items()}


def document(when: float) -> dict[str, object]:
    """The answer to ``GET /api/json/local/values/smart-meter``."""
    seconds = math.floor(when)
    return {
        "smart-meter": {
            "configuration_id": "demo",
            "status": "OK",
            "timestamp": {
                "seconds": seconds,
                "nanos": math.floor((when - seconds) * 1000) * 1_000_000,
            },
            "values": values(when),
        }
    }


def log_of_a_day(when: float) -> str:
    """CSV of the 24 hours before ``when``, a line for every five minutes."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", "power_w", "energy_wh"])
    last = math.floor(when / _LOG_STEP) * _LOG_STEP
    for moment in range(last - int(DAY), last + 1, _LOG_STEP):
        time = datetime.fromtimestamp(moment, UTC).isoformat()
        writer.writerow([time, round(power(moment)), round(energy(moment))])
    return text.getvalue()
