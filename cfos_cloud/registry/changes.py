"""
Changes of what memory has a mirror of: committed, then mirrored, then told to the
listeners, then answered; one at a time, so memory sees them in the database's order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.registry.database import Database
from cfos_cloud.turns import Turns, Work

T = TypeVar("T")
Change = TypeVar("Change")


class Changes(Generic[Change]):
    """
    Of ``what`` ("systems", say). ``reload`` takes over what is in the database once
    it is back: of a change that failed while it was away nobody knows whether it is
    there.
    """

    _log = Logger()

    def __init__(self, database: Database, what: str, reload: Work[None]) -> None:
        self._database = database
        self._what = what
        self._reload = reload
        self._turns = Turns()
        self._listeners: list[Callable[[Change], object]] = []
        database.when_back(self._back)

    def subscribe(self, listener: Callable[[Change], object]) -> None:
        """Call ``listener`` with each change that is told."""
        self._listeners.append(listener)

    def tell(self, change: Change) -> None:
        """All listeners; one that fails stops nobody."""
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:
                self._log.failure(
                    "a listener failed at a change of the {what}", what=self._what
                )

    def one_at_a_time(self, work: Work[T], *, is_patient: bool = False) -> Deferred[T]:
        """
        Fires with the outcome of ``work``, which begins when all before it have
        ended. Cancelled before that, it never begins; afterwards it stays under way.

        :param is_patient: nobody waits for it, so it is tried whatever became of
            those before it, and however many they are.
        :raises Overloaded: as a failure: 1,000 wait already.
        :raises DatabaseUnavailable: as a failure: a database that can hang was found
            away meanwhile; all that waited fail together.
        """
        losses = self._database.losses

        async def turn() -> T:
            if not is_patient:
                self._database.check_losses(losses)
            return await work()

        return self._turns.take(turn, is_patient=is_patient)

    def _back(self) -> None:
        self.one_at_a_time(self._reload, is_patient=True).addErrback(
            lambda failure: self._log.error(
                "the {what} are not read again: {reason}",
                what=self._what,
                reason=failure.getErrorMessage(),
            )
        )
