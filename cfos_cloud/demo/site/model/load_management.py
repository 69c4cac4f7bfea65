"""
Who may draw how much, so that the site keeps its limit.

A car takes 6 A or more, or nothing. As many cars as possible are served; the current
is shared evenly between them, and what one can't use goes to the others. Where there
is not enough for all, they take turns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cfos_cloud.demo.site.model.electricity import watts
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A

#: Seconds between two decisions.
CYCLE = 3.0
#: Seconds after which a car that charges makes room for one that waits.
TURN = 900.0
#: Seconds that a car waits at least when it was stopped for want of power, and the
#: watts that must be to spare for it: or a kettle would switch it on and off.
REST = 60.0
SPARE_W = 300.0
#: Wallboxes are told a current in steps of this.
STEP_A = 0.1


@dataclass(frozen=True)
class Demand:
    """A wallbox whose car could use ``wanted_a`` (6 A at least) on so many phases."""

    id: str
    wanted_a: float
    phases: int

    @property
    def least_w(self) -> float:
        return watts(MIN_CURRENT_A, self.phases)


def admit(available_w: float, demands: Iterable[Demand]) -> list[Demand]:
    """Those, in their order, whose 6 A fit beside those before them."""
    admitted, left = [], available_w
    for demand in demands:
        if demand.least_w <= left:
            admitted.append(demand)
            left -= demand.least_w
    return admitted


def share(available_w: float, demands: Sequence[Demand]) -> dict[str, float]:
    """
    The current for each, in steps of 0.1 A. All get the same, except those who want
    less: as long as their 6 A fit, together never more than ``available_w``.
    """
    level = _level(available_w, demands)
    return {
        demand.id: max(_floor(min(level, demand.wanted_a)), MIN_CURRENT_A)
        for demand in demands
    }


def _level(available_w: float, demands: Sequence[Demand]) -> float:
    """The current that nobody gets more than."""
    left, ascending = available_w, sorted(demands, key=lambda d: d.wanted_a)
    for number, demand in enumerate(ascending):
        per_ampere = watts(1.0, sum(other.phases for other in ascending[number:]))
        level = left / per_ampere
        if level < demand.wanted_a:
            return level
        left -= watts(demand.wanted_a, demand.phases)
    return math.inf


def _floor(current_a: float) -> float:
    # 7.3 / 0.1 is 72.99…: without the addition it would lose a step
    return math.floor(current_a / STEP_A + 1e-6) * STEP_A


@dataclass
class _Turn:
    """How long it is served, or waits, and whether it was stopped before its end."""

    served: bool = False
    seconds: float = 0.0
    stopped: bool = False


class LoadManagement:
    """The decisions of one site, one after the other."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    def waits(self, id_: str) -> bool:
        """Whether this one wants power and gets none."""
        turn = self._turns.get(id_)
        return turn is not None and not turn.served

    def decide(
        self, available_w: float, demands: Sequence[Demand], seconds: float
    ) -> dict[str, float]:
        """
        The current for each of ``demands``, 0 or 6 A and more.

        :param available_w: what the limit leaves to cars; may be negative.
        :param seconds: since the last decision.
        """
        known = self._turns
        self._turns = {d.id: known.get(d.id, _Turn()) for d in demands}
        for turn in self._turns.values():
            turn.seconds += seconds
        admitted = self._choose(available_w, demands)
        for id_, turn in self._turns.items():
            if turn.served != (id_ in {demand.id for demand in admitted}):
                self._turns[id_] = _Turn(not turn.served, stopped=turn.served)
        currents = dict.fromkeys(self._turns, 0.0)
        return currents | share(available_w, admitted)

    def _choose(self, available_w: float, demands: Sequence[Demand]) -> list[Demand]:
        """Who is served: those whose turn it is, those who wait, then the rest."""
        turns = self._turns
        going_on = [d for d in demands if self._has_turn(d.id)]
        over = [d for d in demands if turns[d.id].served and d not in going_on]
        waiting = [d for d in demands if not turns[d.id].served]
        waiting.sort(key=lambda d: -turns[d.id].seconds)
        ready = [d for d in waiting if self._may_start(d.id)]
        admitted = admit(available_w, going_on)
        used = sum(demand.least_w for demand in admitted)
        newcomers = admit(available_w - used - SPARE_W, ready)
        used += sum(demand.least_w for demand in newcomers)
        return admitted + newcomers + admit(available_w - used, over)

    def _has_turn(self, id_: str) -> bool:
        turn = self._turns[id_]
        return turn.served and turn.seconds < TURN

    def _may_start(self, id_: str) -> bool:
        turn = self._turns[id_]
        return not turn.stopped or turn.seconds >= REST
