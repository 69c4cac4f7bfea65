"""One thing at a time, for as many as wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from cfos_cloud.workers import Overloaded

T = TypeVar("T")

Work = Callable[[], Coroutine[Deferred[Any], Any, T]]

#: Who may wait for a turn.
MAX_WAITING = 1000


class Turns:
    """
    In the order of their coming; beyond ``most`` that wait further ones are refused.

    Not ``DeferredLock``: that begins the next one within the end of the one before, so
    some hundred that end at once are nested too deep, and it stays locked for ever.
    """

    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most = most
        self._waiting: OrderedDict[Deferred[Any], Work[Any]] = OrderedDict()
        self._is_busy = False
        self._is_going_on = False

    def __len__(self) -> int:
        """Who waits for a turn; not the one who has it."""
        return len(self._waiting)

    def take(self, work: Work[T], *, is_patient: bool = False) -> Deferred[T]:
        """
        Fires with the outcome of ``work``, which begins when all before it have
        ended. Cancelled before that, it never begins; afterwards it stays under way:
        a client that goes away must not stop a change half way between the database
        and its mirror.

        :param is_patient: it is accepted however many wait.
        :raises Overloaded: as a failure: so many wait already.
        """
        if len(self._waiting) >= self._most and not is_patient:
            return fail(Overloaded())
        answer: Deferred[T] = Deferred(self._cancelled)
        self._waiting[answer] = work
        self._go_on()
        return answer

    def _cancelled(self, answer: Deferred[Any]) -> None:
        self._waiting.pop(answer, None)

    def _go_on(self) -> None:
        """A loop, whose turns' ends come back to it instead of beginning others."""
        if self._is_going_on:
            return
        self._is_going_on = True
        try:
            while self._waiting and not self._is_busy:
                answer, work = self._waiting.popitem(last=False)
                self._is_busy = True
                turn = Deferred.fromCoroutine(_begun(work))
                turn.addBoth(partial(self._ended, answer))
        finally:
            self._is_going_on = False

    def _ended(self, answer: Deferred[Any], outcome: object) -> None:
        try:
            if answer.called:  # it was cancelled
                return
            if isinstance(outcome, Failure):
                answer.errback(outcome)
            else:
                answer.callback(outcome)
        finally:
            self._is_busy = False
            self._go_on()


async def _begun(work: Work[T]) -> T:
    """Also what can't begin is an outcome."""
    return await work()
