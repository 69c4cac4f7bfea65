"""How long a device end waits before it tries again, in seconds."""

from __future__ import annotations

from collections.abc import Callable

from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    ProxyDenied,
    Refused,
    SentAway,
    Unsuited,
)

#: The exponential wait starts here, doubles, and stops growing there.
FIRST = 1.0
CEILING = 60.0
#: A tunnel that was up for so long starts the exponential wait anew.
STEADY = 30.0
#: After a refusal: so long, give or take a fifth.
REFUSED = 300.0
REFUSED_SPREAD = 0.2
#: After another device end took over.
REPLACED_LEAST = 60.0
REPLACED_MOST = 300.0
#: Most that is honoured of what the server asks for.
MOST_HONOURED = 3600.0


class Backoff:
    """
    Waits with full jitter, doubling from 1 to 60 s as trouble goes on.

    ``random`` gives numbers from 0 up to 1, evenly spread.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._step = FIRST

    def after(self, outcome: Outcome) -> float:
        """The wait after an attempt or a tunnel that ended so."""
        match outcome:
            case SentAway("replaced"):
                return self.after_replacement()
            case SentAway("disabled" | "removed"):
                return self.after_refusal()
            case Refused() | ProxyDenied() | Disabled() | Distrusted() | Unsuited():
                return self.after_refusal()
            case Busy(_, retry_after):
                return self.after_request(retry_after)
            case SentAway(_, float(retry_after), up_for):
                return self.after_request(retry_after, up_for)
            case Lost(_, up_for) | SentAway(_, _, up_for):
                return self.after_loss(up_for)

    def after_loss(self, up_for: float) -> float:
        """No connection, or one lost after it was up for ``up_for`` seconds."""
        if up_for >= STEADY:
            self._step = FIRST
        return self._random() * self._next_step()

    def after_request(self, retry_after: float, up_for: float = 0.0) -> float:
        """
        The server said when to come back: never earlier (up to an hour), and
        spread over half as long again, so that many don't come back at once.
        """
        if up_for >= STEADY:
            self._step = FIRST
        asked = min(max(retry_after, 0.0), MOST_HONOURED)
        return asked + self._random() * max(self._next_step(), asked / 2)

    def after_refusal(self) -> float:
        """Trying again soon can't help: somebody has to change something."""
        return REFUSED * (1 + REFUSED_SPREAD * (2 * self._random() - 1))

    def after_replacement(self) -> float:
        """Long enough that two device ends don't push each other out in a loop."""
        return REPLACED_LEAST + self._random() * (REPLACED_MOST - REPLACED_LEAST)

    def _next_step(self) -> float:
        step, self._step = self._step, min(self._step * 2, CEILING)
        return step
