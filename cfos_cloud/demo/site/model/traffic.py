"""Which car comes when, and when it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from cfos_cloud.demo.site.model.cars import Car, Vehicle

#: The first visitor comes within so many seconds of a staged start.
FIRST_VISIT = (14.0, 30.0)
#: Seconds between a car that leaves and the next one, by day and by night.
GAP_BY_DAY = (180.0, 1500.0)
GAP_BY_NIGHT = (2400.0, 9000.0)
#: Seconds that a car stays.
STAY_BY_DAY = (1500.0, 7200.0)
STAY_BY_NIGHT = (14400.0, 30000.0)

RESIDENT = Vehicle("Family estate", 77_000, 3, 16)
VISITORS = (
    Vehicle("City car", 36_000, 1, 32),
    Vehicle("Compact", 52_000, 3, 16),
    Vehicle("Delivery van", 68_000, 3, 16),
    Vehicle("Saloon", 90_000, 3, 32),
    Vehicle("Plug-in hybrid", 14_000, 1, 16),
)


@dataclass(frozen=True)
class Visit:
    """One stay; times in seconds since the epoch."""

    car: Car
    arrives: float
    leaves: float
    is_resident: bool


class Traffic:
    """
    The visits of one wallbox, one at a time. ``resident``: mostly the same car.
    """

    def __init__(self, random: Random, *, resident: bool) -> None:
        self._random = random
        self._resident = resident

    def next(self, after: float, hour: float) -> Visit:
        """The visit that follows a car that left at ``after``, ``hour`` of the day."""
        gap = GAP_BY_NIGHT if _is_night(hour) else GAP_BY_DAY
        arrives = after + self._random.uniform(*gap)
        return self._visit(arrives, hour)

    def staged(self, now: float, hour: float, *, present: bool) -> Visit:
        """
        The visit to begin a demonstration with: a car that is there already and has
        far to go, or one that comes in half a minute.
        """
        if not present:
            return self._visit(now + self._random.uniform(*FIRST_VISIT), hour)
        car = Car(RESIDENT, self._random.uniform(0.25, 0.4))
        stay = STAY_BY_NIGHT if _is_night(hour) else STAY_BY_DAY
        return Visit(car, now, now + self._random.uniform(sum(stay) / 2, stay[1]), True)

    def _visit(self, arrives: float, hour: float) -> Visit:
        random = self._random
        is_resident = self._resident and random.random() < 0.8
        vehicle = RESIDENT if is_resident else random.choice(VISITORS)
        charge = random.uniform(0.15, 0.6)
        car = Car(vehicle, charge, random.choice((0.8, 0.9, 1.0)))
        stay = STAY_BY_NIGHT if _is_night(hour) else STAY_BY_DAY
        return Visit(car, arrives, arrives + random.uniform(*stay), is_resident)


def _is_night(hour: float) -> bool:
    return hour < 6 or hour >= 21
