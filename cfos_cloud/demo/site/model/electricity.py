"""Loads on three phases, in watts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

#: Nominal voltage between a phase and neutral.
VOLTS = 230.0
PHASES = 3


class Load(NamedTuple):
    """Drawn from each phase; negative: fed into it."""

    l1: float = 0.0
    l2: float = 0.0
    l3: float = 0.0

    @property
    def total(self) -> float:
        return self.l1 + self.l2 + self.l3


def add_up(loads: Iterable[Load]) -> Load:
    """All of them on the same three phases."""
    total = Load()
    for load in loads:
        total = Load(total.l1 + load.l1, total.l2 + load.l2, total.l3 + load.l3)
    return total


def watts(current_a: float, phases: int) -> float:
    """The power of this current on so many phases, at nominal voltage."""
    return current_a * phases * VOLTS
