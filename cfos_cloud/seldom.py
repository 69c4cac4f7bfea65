"""How often something is said that others can bring about at will."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

#: Seconds in which one thing is said once.
INTERVAL = 60.0
#: Things that are remembered.
MAX_THINGS = 1_000


class Seldom:
    """
    Says when to speak of a thing: at once, then once in ``interval`` seconds. Of more
    than ``most`` things, the one spoken of longest ago is forgotten. ``seconds`` is
    a clock.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        interval: float = INTERVAL,
        most: int = MAX_THINGS,
    ) -> None:
        self._seconds = seconds
        self._interval = interval
        self._most = most
        #: When a thing was spoken of, and how often it has come since.
        self._said: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many things are remembered."""
        return len(self._said)

    def due(self, thing: str) -> int | None:
        """
        How often it was passed over since it was spoken of last; ``None``: it is
        passed over this time, too.
        """
        now = self._seconds()
        said_at, passed = self._said.get(thing, (now - self._interval, 0))
        if now - said_at < self._interval:
            self._said[thing] = said_at, passed + 1
            return None
        self._said[thing] = now, 0
        self._said.move_to_end(thing)
        if len(self._said) > self._most:
            self._said.popitem(last=False)
        return passed
