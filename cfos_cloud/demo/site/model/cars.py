"""Electric cars, as a wallbox sees them."""

from __future__ import annotations

from dataclasses import dataclass

from cfos_cloud.demo.site.model.electricity import watts

#: What of the drawn energy reaches the battery.
EFFICIENCY = 0.9
#: From this state of charge on, a battery takes less and less …
TAPER_FROM = 0.85
#: … down to this part of its best current when it is full.
TAPER_TO = 0.3


@dataclass(frozen=True)
class Vehicle:
    """A kind of car; ``phases`` 1 or 3, as its on-board charger has them."""

    name: str
    capacity_wh: float
    phases: int
    max_current_a: float


@dataclass
class Car:
    """One car; charge and target from 0 to 1."""

    vehicle: Vehicle
    charge: float
    target: float = 1.0

    @property
    def is_full(self) -> bool:
        """Whether it has what it wants."""
        return self.charge >= self.target

    @property
    def accepts_a(self) -> float:
        """The most current that it takes now; 0 when it has what it wants."""
        if self.is_full:
            return 0.0
        best = self.vehicle.max_current_a
        if self.charge <= TAPER_FROM:
            return best
        done = (self.charge - TAPER_FROM) / (1 - TAPER_FROM)
        return best * (1 - done * (1 - TAPER_TO))

    def take(self, current_a: float, phases: int, seconds: float) -> None:
        """Charge with this for so long."""
        stored = watts(current_a, phases) * seconds / 3600 * EFFICIENCY
        self.charge = min(self.charge + stored / self.vehicle.capacity_wh, 1.0)
