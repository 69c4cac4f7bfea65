"""What has to be done to the registry every hour and every day."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.registry.connections import Connections
from cfos_cloud.registry.event_store import Events
from cfos_cloud.registry.keys import Keys
from cfos_cloud.registry.preferences import PreferenceStore
from cfos_cloud.registry_errors import DatabaseError
from cfos_cloud.workers import Overloaded

#: Seconds between two sums of the events that were not kept.
SUM_INTERVAL = 3600.0
#: Seconds between two looks for what is kept for too long; and for keys.
PRUNE_INTERVAL = 24 * 3600.0
KEY_INTERVAL = 3600.0


class Housekeeping(Service):
    """Counts what was not kept, and deletes what has been kept for long enough."""

    _log = Logger()

    def __init__(
        self,
        events: Events,
        connections: Connections,
        keys: Keys,
        preferences: PreferenceStore,
        clock: IReactorTime,
    ) -> None:
        self._events = events
        self._connections = connections
        self._keys = keys
        self._preferences = preferences
        self._loops = (
            (LoopingCall(events.sum_up), SUM_INTERVAL, False),
            (LoopingCall(self._prune), PRUNE_INTERVAL, True),
            (LoopingCall(self._prune_keys), KEY_INTERVAL, True),
        )
        for loop, _, _ in self._loops:
            loop.clock = clock

    def startService(self) -> None:
        super().startService()
        for loop, interval, now in self._loops:
            loop.start(interval, now=now)

    def stopService(self) -> None:
        super().stopService()
        for loop, _, _ in self._loops:
            if loop.running:
                loop.stop()

    def _prune(self) -> Deferred[None]:
        days = self._preferences.current.retention_days

        async def prune() -> None:
            try:
                events = await self._events.prune(days)
                connections = await self._connections.prune(days)
            except (DatabaseError, Overloaded) as error:
                # Tomorrow is another day.
                self._log.error(
                    "what is older than {days} days is not deleted: {reason}",
                    days=days,
                    reason=str(error),
                )
                return
            if events or connections:
                self._log.info(
                    "{events} events and {connections} connections were older than "
                    "{days} days and are deleted",
                    events=events,
                    connections=connections,
                    days=days,
                )

        return Deferred.fromCoroutine(prune())

    def _prune_keys(self) -> Deferred[None]:
        days = self._preferences.current.retention_days

        async def prune() -> None:
            try:
                count = await self._keys.prune(days)
            except (DatabaseError, Overloaded) as error:
                # In an hour, again.
                self._log.error(
                    "access keys that have ended are not deleted: {reason}",
                    reason=str(error),
                )
                return
            if count:
                self._log.info(
                    "{count} access keys have ended long ago, or were asked for and "
                    "never authorised, and are deleted",
                    count=count,
                )

        return Deferred.fromCoroutine(prune())
