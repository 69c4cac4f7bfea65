"""A wallbox: what is plugged in, what it may draw, and what it draws."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cfos_cloud.demo.site.model.cars import Car
from cfos_cloud.demo.site.model.electricity import PHASES, Load, watts

#: Less than this can't be offered to a car (IEC 61851-1): it is this or nothing.
MIN_CURRENT_A = 6.0
#: How fast a car raises its current; lower it must at once.
RAMP_A_PER_SECOND = 2.0
#: Seconds that a restart takes.
RESTART_SECONDS = 8.0


class WallboxState(IntEnum):
    """The vendor's numbers."""

    FREE = 1
    VEHICLE_PRESENT = 2
    CHARGING = 3
    CHARGING_WITH_VENTILATION = 4
    ERROR = 5
    OFFLINE = 6


@dataclass
class Wallbox:
    """
    One wallbox of three phases; ``first_phase`` (0 to 2) is the one that a car with
    a single phase uses.

    :param max_current_a: as it is installed, 16 or 32.
    :param current_limit_a: as people set it, 6 up to ``max_current_a``.
    :param enabled: not paused by a person.
    """

    id: str
    max_current_a: float
    first_phase: int = 0
    current_limit_a: float = 0.0
    enabled: bool = True
    car: Car | None = None
    #: What load management gives: 0, or 6 A and more.
    offered_a: float = 0.0
    drawn_a: float = 0.0
    energy_wh: float = 0.0
    _restarting_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.current_limit_a:
            self.current_limit_a = self.max_current_a

    @property
    def state(self) -> WallboxState:
        if self._restarting_s > 0:
            return WallboxState.OFFLINE
        if self.car is None:
            return WallboxState.FREE
        if self.drawn_a > 0:
            return WallboxState.CHARGING
        return WallboxState.VEHICLE_PRESENT

    @property
    def phases(self) -> int:
        """How many phases the car uses; all where there is none."""
        return PHASES if self.car is None else min(PHASES, self.car.vehicle.phases)

    @property
    def wanted_a(self) -> float:
        """The current that is of use here: 0, or 6 A and more."""
        if self.car is None or not self.enabled or self._restarting_s > 0:
            return 0.0
        accepted = self.car.accepts_a
        if accepted <= 0:
            return 0.0
        return max(min(accepted, self.current_limit_a), MIN_CURRENT_A)

    @property
    def power_w(self) -> float:
        return watts(self.drawn_a, self.phases)

    @property
    def load(self) -> Load:
        """What it draws, by phase."""
        if self.phases == PHASES:
            return Load(*[self.power_w / PHASES] * PHASES)
        return Load(
            *(self.power_w if n == self.first_phase else 0.0 for n in range(PHASES))
        )

    def plug(self, car: Car) -> None:
        """A car has come; load management decides when it starts."""
        self.car, self.offered_a, self.drawn_a = car, 0.0, 0.0

    def unplug(self) -> None:
        """It has left."""
        self.car, self.offered_a, self.drawn_a = None, 0.0, 0.0

    def restart(self) -> None:
        """Be offline for 8 s; the car stays plugged in."""
        self._restarting_s = RESTART_SECONDS
        self.offered_a = self.drawn_a = 0.0

    def step(self, seconds: float) -> float:
        """Go on for so long; the energy drawn, in Wh."""
        self._restarting_s = max(self._restarting_s - seconds, 0.0)
        car, most = self.car, min(self.offered_a, self.wanted_a)
        if car is None or most <= 0:
            self.drawn_a = 0.0
            return 0.0
        # of what is offered, a battery that is nearly full may take less than 6 A
        most = min(most, car.accepts_a)
        start = max(self.drawn_a, min(MIN_CURRENT_A, most))
        self.drawn_a = min(start + RAMP_A_PER_SECOND * seconds, most)
        car.take(self.drawn_a, self.phases, seconds)
        energy = self.power_w * seconds / 3600
        self.energy_wh += energy
        return energy
