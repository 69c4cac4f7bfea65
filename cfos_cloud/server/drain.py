"""How the server takes leave of its device ends when it is told to stop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

#: Seconds that requests get to finish, and between two looks whether they have.
GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.1
#: Seconds after a stop in which no device end is asked to come back: a restart takes so
#: long; and how many are for each second from then on. Each adds up to half as much
#: again of its own, and that makes of it what may come in a second.
RESTART_SECONDS = 5
RETURNS_PER_SECOND = 300
#: Device ends that are told so in one turn of the reactor.
TOLD_AT_ONCE = 100
#: Seconds for the last of them to read it.
FAREWELL_SECONDS = 0.5


class DrainedSession(Protocol):
    """What is needed of a tunnel."""

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        """End it, and tell the device end why."""


async def drain(sessions: Iterable[DrainedSession], clock: IReactorTime) -> None:
    """
    Wait for the requests that are under way, :data:`GRACE_SECONDS` at most; then ask
    every device end to come back, one after the other. Nothing new may begin
    meanwhile.

    :param sessions: those that are there, each time it is iterated.
    """
    grace_ends = clock.seconds() + GRACE_SECONDS
    while clock.seconds() < grace_ends and any(each.busy for each in sessions):
        await deferLater(clock, LOOK_SECONDS)
    number = -1
    for number, session in enumerate(list(sessions)):
        session.dismiss("shutdown", RESTART_SECONDS + number // RETURNS_PER_SECOND)
        if number % TOLD_AT_ONCE == TOLD_AT_ONCE - 1:
            # Connections are closed in these turns, and not all at once at the end.
            await deferLater(clock, 0)
    if number >= 0:
        await deferLater(clock, FAREWELL_SECONDS)
