"""
The access keys: the database is the authority, memory answers. Tokens are nowhere.

Changes are made as those of systems are, see :mod:`cfos_cloud.registry.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cfos_cloud.events import SERVER, Event, EventKind, Origin
from cfos_cloud.keys import retention
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.registry import event_rows, key_rows
from cfos_cloud.registry.changes import Changes
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_store import Events
from cfos_cloud.registry.key_change import KeyChange
from cfos_cloud.registry.key_mirror import KeyMirror
from cfos_cloud.registry.key_uses import KeyUses
from cfos_cloud.registry.system import ChangeKind, SystemChange
from cfos_cloud.registry.systems import Systems
from cfos_cloud.registry_errors import (
    KeyEnded,
    TooManyKeys,
    UnknownKey,
    UnknownSystem,
)

#: Actors whose doings are kept however many they are.
_ALWAYS = ("operator", SERVER.actor)
_PRUNED = 500


class Keys:
    """Empty until :meth:`load`. Cancelled Deferreds leave what has begun under way."""

    def __init__(
        self,
        database: Database,
        systems: Systems,
        clock: IReactorTime,
        events: Events,
    ) -> None:
        self._database = database
        self._systems = systems
        self._clock = clock
        self._events = events
        self._mirror = KeyMirror()
        self._changes: Changes[KeyChange] = Changes(
            database, "access keys", self._reload
        )
        self._uses = KeyUses(database, self._mirror, self._changes, clock)
        systems.subscribe(self._system_changed)

    def load(self) -> None:
        """
        Read all keys. Blocks: only before the reactor runs.

        :raises DatabaseError: they can't be read.
        """
        for key in self._database.run_blocking(key_rows.read_all):
            self._mirror.put(key)

    def __iter__(self) -> Iterator[AccessKey]:
        return iter(self._mirror)

    def __len__(self) -> int:
        return len(self._mirror)

    def get(self, key_id: str) -> AccessKey | None:
        """The key, whatever its state; from memory."""
        return self._mirror.get(key_id)

    def of(self, cloud_id: str | None) -> list[AccessKey]:
        """
        All keys of a system, in whatever case, or of scope ``cloud``; the newest
        first, from memory.
        """
        return self._mirror.of(cloud_id)

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None:
        """The system's key that its device knows by ``consent``; from memory."""
        return self._mirror.find_consent(cloud_id, consent)

    def kids(self) -> set[str]:
        """The signing keys that living keys are under; from memory."""
        return {key.kid for key in retention.living(self._mirror, self._now())}

    def subscribe(self, listener: Callable[[KeyChange], object]) -> None:
        """Call ``listener`` after each change, before its answer. Uses are none."""
        self._changes.subscribe(listener)

    def add(
        self,
        new: AccessKey,
        by: Origin = SERVER,
        kind: EventKind = EventKind.KEY_CREATED,
    ) -> Deferred[AccessKey]:
        """
        Of the scope's keys that have ended, the oldest make room.

        :raises UnknownSystem: as a failure: no system is spelled as in the key.
        :raises TooManyKeys: as a failure: 50 of the scope are living.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def add() -> AccessKey:
            if new.cloud_id is not None:
                system = self._systems.get(new.cloud_id)
                if system is None or system.cloud_id != new.cloud_id:
                    raise UnknownSystem(new.cloud_id)
            siblings, now = self._mirror.of(new.cloud_id), self._now()
            if len(retention.living(siblings, now)) >= retention.MAX_LIVING:
                raise TooManyKeys
            crowded = retention.crowded_out(siblings, now)
            events = list(self._written(kind, by, [new]).values())

            def write(db: Connection) -> None:
                key_rows.remove(db, [key.id for key in crowded])
                key_rows.add(db, new)
                event_rows.add(db, events)

            await self._database.run(write)
            for key in crowded:
                self._drop(key)
            self._put(new, None)
            self._events.tell(*events)
            return new

        return self._changes.one_at_a_time(add)

    def authorise(self, key_id: str, by: Origin = SERVER) -> Deferred[AccessKey]:
        """
        From now on it works. Its code has done its work, and goes.

        :raises UnknownKey: as a failure.
        :raises KeyEnded: as a failure: it is revoked or has expired.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def authorise() -> AccessKey:
            now = self._now()
            key = self._known(key_id)
            if not retention.living([key], now):
                raise KeyEnded(key_id)
            if key.authorised is not None:
                return key
            after = replace(key, authorised=now, code=None)
            return await self._change(after, EventKind.KEY_AUTHORISED, by)

        return self._changes.one_at_a_time(authorise)

    def revoke(self, key_id: str, by: Origin = SERVER) -> Deferred[AccessKey]:
        """
        It never works again. One that is revoked already stays as it is.

        :raises UnknownKey: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def revoke() -> AccessKey:
            key = self._known(key_id)
            if key.revoked is not None:
                return key
            after = replace(key, revoked=self._now())
            return await self._change(after, EventKind.KEY_REVOKED, by)

        return self._changes.one_at_a_time(revoke)

    def suspend(self, key_id: str, by: Origin = SERVER) -> Deferred[AccessKey]:
        """
        One that is authorised is pending again: its device does not know it any
        more. Others stay as they are.

        :raises UnknownKey: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def suspend() -> AccessKey:
            key = self._known(key_id)
            if not key.works(self._now()):
                return key
            after = replace(key, authorised=None)
            return await self._change(after, EventKind.KEY_SUSPENDED, by)

        return self._changes.one_at_a_time(suspend)

    def revoke_signed_by(
        self, kid: str, by: Origin = SERVER
    ) -> Deferred[list[AccessKey]]:
        """
        Revoke all living keys under this signing key, or none; fires with them.

        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def revoke() -> list[AccessKey]:
            now = self._now()
            living = retention.living(self._mirror, now)
            after = [replace(key, revoked=now) for key in living if key.kid == kid]
            return await self._change_all(after, EventKind.KEY_REVOKED, by)

        return self._changes.one_at_a_time(revoke)

    def used(self, key_id: str, client: str) -> None:
        """
        Used now, from that address: in memory at once, in the database within half a
        minute. Never fails; of an unknown key nothing is kept.
        """
        self._uses.note(key_id, client)

    def flush(self) -> Deferred[None]:
        """
        Fires when all uses until now are committed.

        :raises DatabaseError: as a failure; they wait on.
        """
        return self._uses.flush()

    def prune(self, days: int) -> Deferred[int]:
        """
        Remove keys that ended more than ``days`` ago, and those that an application
        asked for a day ago and nobody has authorised; a part after the other so that
        others have their turns. Fires with how many there were.

        :raises DatabaseError: as a failure; a part may be removed.
        """
        now = self._now()
        over = [k.id for k in self._mirror if retention.is_over(k, now, days)]

        async def prune() -> int:
            pruned = 0
            for start in range(0, len(over), _PRUNED):
                part = over[start : start + _PRUNED]
                work = partial(self._prune, part, days)
                pruned += await self._changes.one_at_a_time(work)
            return pruned

        return Deferred.fromCoroutine(prune())

    async def close(self) -> None:
        """Write the last uses, if the database answers; before it is closed."""
        await self._uses.close()

    # changes, one at a time

    async def _change(self, after: AccessKey, kind: EventKind, by: Origin) -> AccessKey:
        changed = await self._change_all([after], kind, by)
        if not changed:
            raise UnknownKey(after.id)
        return changed[0]

    async def _change_all(
        self, after: list[AccessKey], kind: EventKind, by: Origin
    ) -> list[AccessKey]:
        """Those that were there, as they are now."""
        events = self._written(kind, by, after)

        def write(db: Connection) -> set[str]:
            found = key_rows.change(db, after)
            # Of a system that was erased meanwhile nothing is to be left.
            event_rows.add(db, [events[each] for each in events if each in found])
            return found

        found = await self._database.run(write)
        changed = []
        for key in after:
            before = self._mirror.get(key.id)
            if key.id not in found or before is None:
                continue
            now = _with_use_of(before, key)
            self._put(now, before)
            changed.append(now)
        self._events.tell(*(events[key.id] for key in changed if key.id in events))
        return changed

    async def _prune(self, key_ids: list[str], days: int) -> int:
        now = self._now()
        known = [key for each in key_ids if (key := self._mirror.get(each))]
        # Some may have changed while others were removed.
        over = [key for key in known if retention.is_over(key, now, days)]
        if over:
            ids = [key.id for key in over]
            await self._database.run(lambda db: key_rows.remove(db, ids))
        for key in over:
            self._drop(key)
        return len(over)

    async def _reload(self) -> None:
        """Take over what is in the database, but not its older uses."""
        rows = await self._database.run(key_rows.read_all)
        stored = {key.id for key in rows}
        for before in self._mirror:
            if before.id not in stored:
                self._drop(before)
        for row in rows:
            known = self._mirror.get(row.id)
            is_used = known is not None and row.id in self._uses
            after = _with_use_of(known, row) if known and is_used else row
            if after != known:
                self._put(after, known)

    # within

    def _system_changed(self, change: SystemChange) -> None:
        """The database has removed its keys with it."""
        if change.kind is ChangeKind.REMOVED:
            for key in self._mirror.of(change.system.cloud_id):
                self._drop(key)

    def _put(self, key: AccessKey, before: AccessKey | None) -> None:
        self._mirror.put(key)
        kind = ChangeKind.ADDED if before is None else ChangeKind.CHANGED
        self._changes.tell(KeyChange(kind, key, before))

    def _drop(self, key: AccessKey) -> None:
        """It may have gone with its system already."""
        current = self._mirror.get(key.id)
        if current is not None:
            self._mirror.drop(key.id)
            self._changes.tell(KeyChange(ChangeKind.REMOVED, current, current))

    def _known(self, key_id: str) -> AccessKey:
        key = self._mirror.get(key_id)
        if key is None:
            raise UnknownKey(key_id)
        return key

    def _written(
        self, kind: EventKind, by: Origin, keys: Iterable[AccessKey]
    ) -> dict[str, Event]:
        """By the keys' IDs, the events that are to be written with their change."""
        made = {}
        for key in keys:
            detail = f"{key.role.value} {key.name}"
            event = self._events.make(kind, by, key.cloud_id, detail)
            is_operators = key.cloud_id is None or by.actor in _ALWAYS
            if is_operators or self._events.admits(event):
                made[key.id] = event
        return made

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.seconds(), UTC)


def _with_use_of(used: AccessKey, key: AccessKey) -> AccessKey:
    """``key``, which may have been used while the database was asked."""
    return replace(key, last_used=used.last_used, last_client=used.last_client)
