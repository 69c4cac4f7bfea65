"""A target in memory that answers by itself, as fast as it is asked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cfos_cloud.device.target_client import TargetClient
from cfos_cloud.device.target_pool import TargetPool
from tests.device.target_support import Target
from tests.memory import Message

T = TypeVar("T")
#: Status and body for a request.
Answer = Callable[[Message], tuple[int, bytes]]


class MemoryDevice(Target):
    """:ivar asked: all requests, in their order."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[Message] = []
        self._answered: dict[int, int] = {}

    def serve(self) -> bool:
        """Answer what there is; whether there was anything."""
        served = bool(self.attempts)
        while self.attempts:
            self.accept()
        for number, connection in enumerate(self.connections):
            if connection.wire.ended:
                connection.end()
                continue
            requests = connection.requests()[self._answered.get(number, 0) :]
            for request in requests:
                self._answered[number] = self._answered.get(number, 0) + 1
                self.asked.append(request)
                status, body = self.answer(request)
                connection.answer(body, status)
                served = True
        return served


class Bench:
    """A pool with a device behind it, and a clock."""

    def __init__(self, answer: Answer) -> None:
        self.clock = Clock()
        self.device = MemoryDevice(answer)
        self.pool = TargetPool(self.device, self.clock)
        self.client = TargetClient(self.pool, b"http://192.168.1.20", self.clock)

    def begin(self, work: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        """Begin ``work``, and let the device answer what it asks at once."""
        answer = Deferred.fromCoroutine(work)
        self.serve()
        return answer

    def serve(self) -> None:
        while self.device.serve():
            pass

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.serve()
