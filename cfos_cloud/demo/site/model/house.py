"""The house behind the meter: what it uses, and what its roof makes."""

from __future__ import annotations

import math
from random import Random

from cfos_cloud.demo.site.model.electricity import Load

DAY = 24 * 3600.0
#: Watts that the roof gives at best.
PEAK_W = 4200.0
_SLOT = 300.0
#: How uses and roof spread over the phases.
_USE = (0.45, 0.3, 0.25)
#: What is switched on now and then: watts, and for how many seconds.
_APPLIANCES = ((2000, 170), (1200, 240), (800, 280), (2400, 120))


class House:
    """
    A function of time; ``utc_offset`` in seconds says when it is noon there.
    """

    def __init__(self, utc_offset: float = 0.0) -> None:
        self._offset = utc_offset

    def hour(self, when: float) -> float:
        """Hour of the day, 0 up to 24."""
        return (when + self._offset) % DAY / 3600

    def use_w(self, when: float) -> float:
        """What it uses."""
        hour = self.hour(when)
        base = 260 + 90 * (math.sin(when / 1700) > 0.2) + 12 * math.sin(when / 7)
        morning = 450 * _bump(hour, 7.2, 1.2)
        evening = 750 * _bump(hour, 19.3, 2.1)
        return base + morning + evening + self._appliance_w(when)

    def sun_w(self, when: float) -> float:
        """What the roof makes; 0 at night."""
        height = math.sin(math.pi * (self.hour(when) - 6.5) / 12)
        clouds = 0.78 + 0.16 * math.sin(when / 611) + 0.06 * math.sin(when / 83)
        return max(height, 0.0) ** 1.3 * clouds * PEAK_W if height > 0 else 0.0

    def load(self, when: float) -> Load:
        """Both, by phase."""
        use, sun = self.use_w(when), self.sun_w(when) / 3
        return Load(*(use * part - sun for part in _USE))

    def _appliance_w(self, when: float) -> float:
        slot = math.floor(when / _SLOT)
        # the same slot is always the same: no state
        chance = Random(slot)  # noqa: S311 - a kettle, no secret
        hour = self.hour(when)
        likely = 0.06 if hour < 6 or hour > 23 else 0.3
        if chance.random() >= likely:
            return 0.0
        power, seconds = chance.choice(_APPLIANCES)
        begin = chance.random() * (_SLOT - seconds)
        return power if begin <= when - slot * _SLOT < begin + seconds else 0.0


def _bump(hour: float, middle: float, width: float) -> float:
    away = min(abs(hour - middle), 24 - abs(hour - middle))
    return math.exp(-((away / width) ** 2))
