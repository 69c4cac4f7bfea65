"""
The systems: the database is the authority, memory answers.

Every change is committed, then mirrored, then told to the listeners, then
answered; one change at a time, so the mirror sees them in the database's order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.cloud_id import check_cloud_id, fold
from cfos_cloud.registry import system_rows
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.errors import DuplicateSystem, UnknownSystem
from cfos_cloud.registry.mirror import Mirror
from cfos_cloud.registry.system import (
    ChangeKind,
    ConnectionRecord,
    Page,
    System,
    SystemChange,
)
from cfos_cloud.tunnel.scram import Verifier
from cfos_cloud.workers import shielded

T = TypeVar("T")

#: What a device says of itself is cut to this many characters.
MAX_AGENT = 200

Listener = Callable[[SystemChange], None]


class Systems:
    """Empty until :meth:`load`. Cancelled Deferreds leave the change under way."""

    _log = Logger()

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._clock = clock
        self._mirror = Mirror()
        self._lock = DeferredLock()
        self._listeners: list[Listener] = []
        self._records: dict[str, ConnectionRecord] = {}
        self._recorded: list[Deferred[None]] = []

    def load(self) -> None:
        """
        Read all systems. Blocks: only before the reactor runs.

        :raises DatabaseError: they can't be read.
        """
        for system in self._database.run_blocking(system_rows.read_all):
            self._mirror.put(system)

    def __iter__(self) -> Iterator[System]:
        return iter(self._mirror)

    def __len__(self) -> int:
        return len(self._mirror)

    def get(self, cloud_id: str) -> System | None:
        """The system of this ID, in whatever case; from memory."""
        return self._mirror.get(cloud_id)

    def page(self, limit: int = 100, cursor: str | None = None) -> Page:
        """See :meth:`Mirror.page`; from memory."""
        return self._mirror.page(limit, cursor)

    def subscribe(self, listener: Listener) -> None:
        """
        Call ``listener`` after each change, before its answer. Connections that
        are recorded are no changes.
        """
        self._listeners.append(listener)

    def add(
        self, cloud_id: str, verifier: Verifier, name: str = ""
    ) -> Deferred[System]:
        """
        :raises DuplicateSystem: as a failure; the ID is taken, in whatever case.
        :raises InvalidCloudID: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def add() -> System:
            check_cloud_id(cloud_id)
            if self.get(cloud_id) is not None:
                raise DuplicateSystem(cloud_id)
            new = System(
                cloud_id=cloud_id,
                name=name,
                verifier=verifier,
                enabled=True,
                created=datetime.fromtimestamp(self._clock.seconds(), UTC),
            )
            await self._database.run(lambda db: system_rows.add(db, new))
            self._mirror.put(new)
            self._tell(SystemChange(ChangeKind.ADDED, new, None))
            return new

        return self._one_at_a_time(add)

    def change(
        self,
        cloud_id: str,
        *,
        name: str | None = None,
        enabled: bool | None = None,
        verifier: Verifier | None = None,
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
            if after != before:
                await self._database.run(lambda db: system_rows.change(db, after))
                self._mirror.put(after)
                self._tell(SystemChange(ChangeKind.CHANGED, after, before))
            return after

        return self._one_at_a_time(change)

    def remove(self, cloud_id: str) -> Deferred[None]:
        """
        :raises UnknownSystem: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def remove() -> None:
            before = self._known(cloud_id)
            await self._database.run(lambda db: system_rows.remove(db, cloud_id))
            self._mirror.drop(cloud_id)
            self._tell(SystemChange(ChangeKind.REMOVED, before, before))

        return self._one_at_a_time(remove)

    def record_connection(
        self,
        cloud_id: str,
        *,
        last_seen: datetime,
        agent: str | None,
        client: str | None,
        bytes_in: int,
        bytes_out: int,
    ) -> Deferred[None]:
        """
        Keep what is known of a connection; the bytes are those since the last
        record of it and are added up. Nothing happens for an unknown system.

        Records that come while others are written share the next transaction, so
        a storm of reconnects costs few of them.

        :raises DatabaseError: as a failure; the records of that transaction are
            lost.
        """
        folded = fold(cloud_id)
        record = ConnectionRecord(
            last_seen=last_seen,
            agent=None if agent is None else agent[:MAX_AGENT],
            client=client,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        )
        self._records[folded] = record.after(self._records.get(folded))
        answer: Deferred[None] = Deferred()
        self._recorded.append(answer)
        if len(self._recorded) == 1:
            self._one_at_a_time(self._write_records)
        return answer

    async def _write_records(self) -> None:
        records, self._records = self._records, {}
        recorded, self._recorded = self._recorded, []
        known = {key: record for key, record in records.items() if self.get(key)}
        try:
            if known:
                await self._database.run(lambda db: system_rows.record(db, known))
        except Exception:
            for answer in recorded:
                answer.errback()
            return
        for folded, record in known.items():
            self._mirror.put(self._known(folded).connected(record))
        for answer in recorded:
            answer.callback(None)

    def _known(self, cloud_id: str) -> System:
        system = self.get(cloud_id)
        if system is None:
            raise UnknownSystem(cloud_id)
        return system

    def _tell(self, change: SystemChange) -> None:
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:
                self._log.failure(
                    "a listener failed at the change of {cloud_id}",
                    cloud_id=change.system.cloud_id,
                )

    def _one_at_a_time(
        self, work: Callable[[], Coroutine[Deferred[Any], Any, T]]
    ) -> Deferred[T]:
        return shielded(self._lock.run(lambda: Deferred.fromCoroutine(work())))
