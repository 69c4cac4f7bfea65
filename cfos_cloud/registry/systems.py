"""
The systems: the database is the authority, memory answers.

How changes are made says :mod:`cfos_cloud.registry.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cfos_cloud.cloud_id import check_cloud_id, fold
from cfos_cloud.events import SERVER, EventKind, Origin
from cfos_cloud.registry import connection_rows, event_rows, system_rows
from cfos_cloud.registry.changes import Changes
from cfos_cloud.registry.connection import TunnelRecord
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_store import Events
from cfos_cloud.registry.mirror import Mirror
from cfos_cloud.registry.search import FoundSystems, Presences, SystemQuery, search
from cfos_cloud.registry.system import (
    Addition,
    ChangeKind,
    System,
    SystemChange,
)
from cfos_cloud.registry_errors import DuplicateSystem, UnknownSystem
from cfos_cloud.tunnel.scram import Verifier

Listener = Callable[[SystemChange], None]


class Systems:
    """Empty until :meth:`load`. Cancelled Deferreds leave what has begun under way."""

    def __init__(self, database: Database, clock: IReactorTime, events: Events) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._mirror = Mirror()
        self._changes: Changes[SystemChange] = Changes(
            database, "systems", self._reload
        )

    def load(self) -> None:
        """
        Read all systems, and end what a killed server could not. Blocks: only
        before the reactor runs.

        :raises DatabaseError: they can't be read.
        """
        self._database.run_blocking(connection_rows.close_leftovers)
        for system in self._database.run_blocking(system_rows.read_all):
            self._mirror.put(system)

    def __iter__(self) -> Iterator[System]:
        return iter(self._mirror)

    def __len__(self) -> int:
        return len(self._mirror)

    def get(self, cloud_id: str) -> System | None:
        """The system of this ID, in whatever case; from memory."""
        return self._mirror.get(cloud_id)

    def subscribe(self, listener: Listener) -> None:
        """
        Call ``listener`` after each change, before its answer. Connections that
        are recorded are no changes.
        """
        self._changes.subscribe(listener)

    def search(self, query: SystemQuery, presences: Presences) -> FoundSystems:
        """See :func:`~cfos_cloud.registry.search.search`; from memory."""
        return search(self, query, presences)

    def add(
        self, cloud_id: str, verifier: Verifier, name: str = "", by: Origin = SERVER
    ) -> Deferred[System]:
        """
        :raises DuplicateSystem: as a failure; the ID is taken, in whatever case.
        :raises InvalidCloudID: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def add() -> System:
            (new,) = await self._add([Addition(cloud_id, verifier, name)], by)
            return new

        return self._changes.one_at_a_time(add)

    def add_all(
        self, additions: Sequence[Addition], by: Origin = SERVER
    ) -> Deferred[list[System]]:
        """
        Add all of them, or none.

        :raises DuplicateSystem: as a failure; an ID is taken, or comes twice.
        :raises InvalidCloudID: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """
        return self._changes.one_at_a_time(lambda: self._add(additions, by))

    def change(
        self,
        cloud_id: str,
        *,
        name: str | None = None,
        enabled: bool | None = None,
        verifier: Verifier | None = None,
        by: Origin = SERVER,
    ) -> Deferred[System]:
        """
        Change what is not ``None``.

        :raises UnknownSystem: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def change() -> System:
            before = self._known(cloud_id)
            after = replace(
                before,
                name=before.name if name is None else name,
                enabled=before.enabled if enabled is None else enabled,
                verifier=verifier or before.verifier,
            )
            if after == before:
                return after
            change = SystemChange(ChangeKind.CHANGED, after, before)
            events = [
                self._events.make(kind, by, after.cloud_id, detail)
                for kind, detail in _what(before, after)
            ]

            def write(db: Connection) -> None:
                system_rows.change(db, after)
                event_rows.add(db, events)

            await self._database.run(write)
            self._mirror.put(after)
            self._changes.tell(change)
            self._events.tell(*events)
            return after

        return self._changes.one_at_a_time(change)

    def set_end_to_end(
        self, cloud_id: str, end_to_end: bool, by: Origin
    ) -> Deferred[System]:
        """
        Remember where the TLS of a system ends; its device end says so, and nobody
        else.

        :raises UnknownSystem: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def change() -> System:
            before = self._known(cloud_id)
            after = replace(before, end_to_end=end_to_end)
            if after != before:
                await self._database.run(lambda db: system_rows.change(db, after))
                self._mirror.put(after)
                self._changes.tell(SystemChange(ChangeKind.CHANGED, after, before))
                # Not written with the change: a device end could fill the disk.
                on, off = EventKind.END_TO_END_ON, EventKind.END_TO_END_OFF
                self._events.note(on if end_to_end else off, by, after.cloud_id)
            return after

        return self._changes.one_at_a_time(change)

    def remove(
        self, cloud_id: str, by: Origin = SERVER, *, erase: bool = False
    ) -> Deferred[None]:
        """
        Remove it with its connections and traffic; ``erase``: and with all events
        that are about it.

        :raises UnknownSystem: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def remove() -> None:
            before = self._known(cloud_id)
            gone = self._events.make(EventKind.SYSTEM_REMOVED, by, before.cloud_id)

            def write(db: Connection) -> None:
                system_rows.remove(db, cloud_id)
                if erase:
                    self._events.erase(db, cloud_id, by)
                else:
                    event_rows.add(db, [gone])

            if erase:
                self._events.erasing(cloud_id)
            try:
                await self._database.run(write)
            except BaseException:
                if erase:
                    self._events.erased(cloud_id, done=False)
                raise
            if erase:
                self._events.erased(cloud_id, done=True)
            self._mirror.drop(cloud_id)
            self._changes.tell(SystemChange(ChangeKind.REMOVED, before, before, erase))
            erased = self._events.make(EventKind.SYSTEM_ERASED, by)
            self._events.tell(erased if erase else gone)

        return self._changes.one_at_a_time(remove)

    def record(
        self, take: Callable[[], Sequence[TunnelRecord]], crowding: Collection[str]
    ) -> Deferred[None]:
        """
        Store how connections stand, see :func:`connection_rows.record`; those of
        unknown systems change nothing. ``take`` gives them when it is their turn.

        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def record() -> None:
            records = [one for one in take() if self.get(one.cloud_id) is not None]
            if not records:
                return
            ended = await self._database.run(
                lambda db: connection_rows.record(db, records, crowding)
            )
            for one in records:
                system = self._known(one.cloud_id)
                is_end = one.session in ended and one.ended is not None
                self._mirror.put(system.after(one, is_end=is_end))

        return self._changes.one_at_a_time(record, is_patient=True)

    async def _reload(self) -> None:
        """
        Take over what is in the database: of a change that failed while it was
        away nobody knows whether it is there.
        """
        rows = await self._database.run(system_rows.read_all)
        stored = {fold(system.cloud_id) for system in rows}
        for before in self:
            if fold(before.cloud_id) not in stored:
                self._mirror.drop(before.cloud_id)
                self._changes.tell(SystemChange(ChangeKind.REMOVED, before, before))
        for after in rows:
            known = self.get(after.cloud_id)
            if after == known:
                continue
            self._mirror.put(after)
            kind = ChangeKind.CHANGED if known else ChangeKind.ADDED
            self._changes.tell(SystemChange(kind, after, known))

    async def _add(self, additions: Sequence[Addition], by: Origin) -> list[System]:
        for addition in additions:
            check_cloud_id(addition.cloud_id)
            if self.get(addition.cloud_id) is not None:
                raise DuplicateSystem(addition.cloud_id)
        created = datetime.fromtimestamp(self._clock.seconds(), UTC)
        new = [
            System(each.cloud_id, each.name, each.verifier, each.enabled, created)
            for each in additions
        ]
        events = [
            self._events.make(EventKind.SYSTEM_ADDED, by, each.cloud_id, each.name)
            for each in new
        ]

        def write(db: Connection) -> None:
            for each in new:
                system_rows.add(db, each)
            event_rows.add(db, events)

        await self._database.run(write)
        for system in new:
            self._mirror.put(system)
            self._events.added(system.cloud_id)
            self._changes.tell(SystemChange(ChangeKind.ADDED, system, None))
        self._events.tell(*events)
        return new

    def _known(self, cloud_id: str) -> System:
        system = self.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        return system


def _what(before: System, after: System) -> list[tuple[EventKind, str]]:
    """The kinds of event that a change is, with their details."""
    kinds = []
    if after.name != before.name:
        kinds.append((EventKind.SYSTEM_RENAMED, after.name))
    if after.enabled != before.enabled:
        enabled, disabled = EventKind.SYSTEM_ENABLED, EventKind.SYSTEM_DISABLED
        kinds.append((enabled if after.enabled else disabled, ""))
    if after.verifier != before.verifier:
        kinds.append((EventKind.SYSTEM_PASSWORD_CHANGED, ""))
    return kinds
