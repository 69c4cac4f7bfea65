"""How long small requests take, measured so that one disturbance does not decide."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from tests.end_to_end.client import Client

#: Seconds between two requests, and of one window.
PACE = 0.02
WINDOW = 2.5


@dataclass(frozen=True)
class Latency:
    """Of one window, or the medians of several; in milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        ordered = sorted(seconds)
        at = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95)]
        return cls(at[0] * 1e3, at[1] * 1e3)

    def within(self, times: float, *others: Latency) -> bool:
        """Whether both figures are at most so many times the worst of ``others``."""
        return all(
            mine <= times * max(theirs)
            for mine, theirs in (
                (self.p50, [each.p50 for each in others]),
                (self.p95, [each.p95 for each in others]),
            )
        )

    @classmethod
    def typical(cls, windows: list[Latency]) -> Latency:
        """The medians: a window in which the machine was busy counts as one."""
        return cls(
            median(each.p50 for each in windows), median(each.p95 for each in windows)
        )

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms"


class PacedClient:
    """
    Somebody who asks for something small, fifty times a second, as a device's page
    does, on one connection that lasts; and comes anew once in each window.
    """

    def __init__(self, client: Client, path: str) -> None:
        self.client = client
        self.path = path
        self._connection = client.connection()

    def window(self) -> Latency:
        """
        One window of requests, each answered by 200. One that had to wait for the
        answer before it counts from when it was due.

        :raises AssertionError: another answer.
        """
        taken = []
        start = time.perf_counter()
        answered = 0.0
        for number in range(int(WINDOW / PACE)):
            due = start + number * PACE
            if (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            begun = due if answered > due else time.perf_counter()
            self.client.send(self._connection, "GET", self.path)
            answer = self.client.receive(self._connection)
            answered = time.perf_counter()
            assert answer.status == 200, answer
            taken.append(answered - begun)
        newcomer = self.client.get(self.path)
        assert newcomer.status == 200, newcomer
        return Latency.of(taken)

    def close(self) -> None:
        self._connection.close()
