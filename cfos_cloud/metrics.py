"""
What the server counts as it goes: plain numbers, for whoever exports them.

To count has to cost next to nothing: it is in the way of every request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic

#: Upper bounds of the waits for a device's answer, in seconds.
WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
#: First digits of a status; what has three digits fits.
_CLASSES = 10


class Histogram:
    """How many values were up to each of ``bounds`` (rising) and no lower one."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        #: The last is of what is above all bounds.
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class PassedMetrics:
    """
    TLS connections that devices end, passed on unopened.

    :ivar refused: those that were not, or to no avail, by reason.
    :ivar bytes_in: from devices, of connections that are over; ``bytes_out`` to them.
    """

    def __init__(self) -> None:
        self.opened = 0
        self.ended = 0
        self.refused: Counter[str] = Counter()
        self.bytes_in = 0
        self.bytes_out = 0


class RequestMetrics:
    """
    Requests of browsers and applications, by what became of them.

    :ivar devices: responses of devices, by the first digit of their status.
    :ivar pages: responses of our own pages and API, likewise.
    :ivar failures: errors of ours in the place of a device's response, by kind.
    :ivar without_session: who was sent to the log-in, or away.
    :ivar waits: from a request's head to its response's, in seconds.
    :ivar passed: where requests are that nobody here can read.
    """

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self.seconds = seconds
        self.devices = [0] * _CLASSES
        self.pages = [0] * _CLASSES
        self.failures: Counter[str] = Counter()
        self.without_session = 0
        self.waits = Histogram(WAITS)
        self.passed = PassedMetrics()

    def device_answered(self, status: int, began: float) -> None:
        """A response, and when its request had come by :attr:`seconds`."""
        self.devices[status // 100] += 1
        self.waits.observe(self.seconds() - began)


class TunnelMetrics:
    """Tunnels that came and went; ``bytes_in`` and ``bytes_out`` of those that went."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.bytes_in = 0
        self.bytes_out = 0


class HandshakeMetrics:
    """
    TLS handshakes of whoever connects.

    :ivar waiting: device ends that wait for theirs, now.
    :ivar admitted: those that had their turn; ``cut``: those that had none.
    :ivar put_off: those that were told to come later, behind TLS.
    """

    def __init__(self) -> None:
        self.completed = 0
        self.failed = 0
        self.waiting = 0
        self.admitted = 0
        self.cut = 0
        self.put_off = 0
