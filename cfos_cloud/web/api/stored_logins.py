"""The last log-ins of a system, by what the registry has written down."""

from __future__ import annotations

from collections.abc import Sequence

from cfos_cloud.events import Event
from cfos_cloud.registry import EventFilter, Systems, UnknownSystem
from cfos_cloud.web.api.events import StoredEvents
from cfos_cloud.web.api.system_logins import KINDS, SHOWN


class StoredLogins:
    """A :class:`~cfos_cloud.web.api.system_logins.Logins`."""

    def __init__(self, events: StoredEvents, systems: Systems) -> None:
        self._events = events
        self._systems = systems

    async def last(self, cloud_id: str) -> Sequence[Event]:
        """
        :raises UnknownSystem: there is none such.
        :raises DatabaseError: they can't be read.
        """
        system = self._systems.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        # What was told of a system of the same ID before is not this admin's.
        wanted = EventFilter(kinds=KINDS, cloud_id=cloud_id, since=system.created)
        return (await self._events.page(SHOWN, None, wanted)).items
