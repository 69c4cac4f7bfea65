"""All of the site together, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from cfos_cloud.demo.site.model.charging_sessions import SessionLog
from cfos_cloud.demo.site.model.electricity import Load, add_up
from cfos_cloud.demo.site.model.history import History
from cfos_cloud.demo.site.model.house import DAY, House
from cfos_cloud.demo.site.model.load_management import CYCLE, Demand, LoadManagement
from cfos_cloud.demo.site.model.meter import Meter, Reading
from cfos_cloud.demo.site.model.traffic import Traffic, Visit
from cfos_cloud.demo.site.model.wallbox import Wallbox

METER = "M1"
#: What the limit keeps free: the house does not ask before it takes some more.
RESERVE_W = 100.0
#: Beyond so many seconds without a step the site was off.
MAX_GAP = 60.0
#: Seconds of a step through the past.
PAST_STEP = 10.0


class Simulation:
    """
    Two wallboxes, a house with a roof, and a meter in front of both.

    :param now: seconds since the epoch; the first :meth:`step` comes later.
    :param user_of: whose car it is when the usual one comes to a wallbox.
    """

    def __init__(
        self,
        now: float,
        limit_w: float,
        random: Random,
        utc_offset: float = 0.0,
        user_of: Callable[[str], str | None] = lambda wallbox: None,
    ) -> None:
        self.now = now
        self.limit_w = limit_w
        self.wallboxes = {
            "E1": Wallbox("E1", 16.0, first_phase=0),
            "E2": Wallbox("E2", 32.0, first_phase=1),
        }
        self.meter = Meter(8_412_300.0, 1_934_800.0)
        self.history = History((METER, *self.wallboxes))
        self.sessions = SessionLog()
        self._house = House(utc_offset)
        self._management = LoadManagement()
        self._user_of = user_of
        self._traffic = {
            "E1": Traffic(random, resident=True),
            "E2": Traffic(random, resident=False),
        }
        self._visits = {
            id_: traffic.next(now, self._house.hour(now))
            for id_, traffic in self._traffic.items()
        }
        self._decided = now - CYCLE
        self._house_load = self._house.load(now)

    # what others read

    @property
    def load(self) -> Load:
        """What the site draws from the grid; negative: fed in."""
        boxes = (box.load for box in self.wallboxes.values())
        return add_up((self._house_load, *boxes))

    @property
    def reading(self) -> Reading:
        """What the meter shows."""
        return self.meter.read(self.now, self.load)

    @property
    def house_w(self) -> float:
        """The house without the wallboxes, less what its roof makes."""
        return self._house_load.total

    def waits(self, wallbox: str) -> bool:
        """Whether a car there wants power, and load management has none for it."""
        return self._management.waits(wallbox)

    # time

    def stage(self) -> None:
        """A car charges at once, and another comes within half a minute."""
        hour = self._house.hour(self.now)
        self._house_load = self._house.load(self.now)
        for id_, present in (("E1", True), ("E2", False)):
            self._leave(id_)
            traffic = self._traffic[id_]
            self._visits[id_] = traffic.staged(self.now, hour, present=present)
        self._move_cars()
        self._decide()
        for box in self.wallboxes.values():
            box.step(0.0)

    def step(self, now: float) -> None:
        """
        Go on to ``now``. A longer gap, and a clock that was set back, are passed over.
        """
        seconds, self.now = now - self.now, now
        if not 0 < seconds <= MAX_GAP:
            self._decided = now - CYCLE
            return
        self._house_load = self._house.load(now)
        self._move_cars()
        if not 0 <= now - self._decided < CYCLE:
            self._decide()
        for box in self.wallboxes.values():
            self.sessions.add(box.id, box.step(seconds))
        self.meter.count(self.load, seconds)
        self._remember()

    def live_through(self, until: float) -> None:
        """Step through a past that nobody has seen, a day at most."""
        self.now = max(self.now, until - DAY)
        while self.now + PAST_STEP <= until:
            self.step(self.now + PAST_STEP)
        self.now = until

    def send_away(self, until: float) -> None:
        """All cars leave, and none comes before ``until``."""
        for id_, traffic in self._traffic.items():
            self._leave(id_)
            self._visits[id_] = traffic.next(until, self._house.hour(until))

    # what people change

    def pause(self, wallbox: str, paused: bool) -> None:
        """Switch charging off or on; it takes effect with the next step."""
        self.wallboxes[wallbox].enabled = not paused
        self._decided = self.now - CYCLE

    def limit_current(self, wallbox: str, current_a: float) -> None:
        """The most that this wallbox may give."""
        self.wallboxes[wallbox].current_limit_a = current_a
        self._decided = self.now - CYCLE

    def limit(self, limit_w: float) -> None:
        """The most that the site may draw."""
        self.limit_w = limit_w
        self._decided = self.now - CYCLE

    # memory

    def to_json(self) -> dict[str, object]:
        """What outlives a restart, for :meth:`restore`."""
        return {
            "time": self.now,
            "meter": [self.meter.import_wh, self.meter.export_wh],
            "wallboxes": {box.id: box.energy_wh for box in self.wallboxes.values()},
            "sessions": self.sessions.to_json(),
            "history": self.history.to_json(),
        }

    def restore(self, data: Mapping[str, object]) -> None:
        """
        Go on from what :meth:`to_json` gave.

        :raises ValueError: it is broken; this simulation must not be used then.
        """
        time = _number(data.get("time"))
        imported, exported = _members(data, "meter", 2)
        self.meter = Meter(_number(imported), _number(exported))
        counters = _object(data, "wallboxes")
        for box in self.wallboxes.values():
            box.energy_wh = _number(counters.get(box.id))
        self.sessions.restore(_object(data, "sessions"), min(time, self.now))
        self.history.restore(_object(data, "history"))

    # within

    def _move_cars(self) -> None:
        for id_, box in self.wallboxes.items():
            visit = self._visits[id_]
            if box.car is not None and self.now >= visit.leaves:
                self._leave(id_)
                hour = self._house.hour(self.now)
                visit = self._visits[id_] = self._traffic[id_].next(self.now, hour)
            if box.car is None and self.now >= visit.arrives:
                self._arrive(box, visit)

    def _arrive(self, box: Wallbox, visit: Visit) -> None:
        box.plug(visit.car)
        user = self._user_of(box.id) if visit.is_resident else None
        self.sessions.begin(box.id, visit.car.vehicle.name, user, self.now)

    def _leave(self, id_: str) -> None:
        self.wallboxes[id_].unplug()
        self.sessions.end(id_, self.now)

    def _decide(self) -> None:
        seconds, self._decided = self.now - self._decided, self.now
        demands = [
            Demand(box.id, box.wanted_a, box.phases)
            for box in self.wallboxes.values()
            if box.wanted_a > 0
        ]
        available = self.limit_w - RESERVE_W - self.house_w
        currents = self._management.decide(available, demands, seconds)
        for box in self.wallboxes.values():
            box.offered_a = currents.get(box.id, 0.0)

    def _remember(self) -> None:
        boxes = {box.id: box.power_w for box in self.wallboxes.values()}
        self.history.add(self.now, {METER: self.load.total, **boxes})


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("a number is missing")
    return float(value)


def _members(data: Mapping[str, object], name: str, count: int) -> Iterable[object]:
    value = data.get(name)
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"no {name}")
    return value


def _object(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"no {name}")
    return value
