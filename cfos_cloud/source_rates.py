"""How often something may happen: to one source, and to all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cfos_cloud.throttle import Throttle, source_key

#: Sources that are remembered.
MAX_SOURCES = 2_000
_ALL = ("all",)


@dataclass(frozen=True)
class Rate:
    """``burst`` at once, and then ``per_second``."""

    burst: int
    per_second: float

    def throttle(self, seconds: Callable[[], float], max_keys: int) -> Throttle:
        """A debt of so many seconds each time is just such a limit."""
        return Throttle(
            seconds,
            penalty=1 / self.per_second,
            tolerance=(self.burst - 0.5) / self.per_second,
            cap=self.burst / self.per_second,
            max_keys=max_keys,
        )


class SourceRates:
    """
    ``of_one``: of each address, or /64 of IPv6; ``of_all``: of all together.
    ``seconds`` is a clock.
    """

    def __init__(
        self, seconds: Callable[[], float], of_one: Rate, of_all: Rate
    ) -> None:
        self._sources = of_one.throttle(seconds, MAX_SOURCES)
        self._all = of_all.throttle(seconds, 1)

    def admit(self, client: str, *, among_all: bool = True) -> bool:
        """
        Whether it may happen to ``client``, an address, now; if so it counts.

        :param among_all: whether it counts among all as well.
        """
        source = (source_key(client),)
        if self._sources.wait(source) > 0:
            return False
        if among_all:
            if self._all.wait(_ALL) > 0:
                return False
            self._all.failed(_ALL)
        self._sources.failed(source)
        return True
