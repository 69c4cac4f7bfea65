"""The access keys that a door has made itself: it is their authority, and no server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.cloud_id import fold
from cfos_cloud.events import MAX_CLIENT, EventKind, Origin, fit_text
from cfos_cloud.keys import retention
from cfos_cloud.keys.key import AccessKey, KeyState
from cfos_cloud.registry_errors import KeyEnded, TooManyKeys, UnknownKey
from cfos_cloud.web.key_problems import KeysNotKept

#: Days for which a key that has ended is shown.
DAYS_SHOWN = 90


class KeptRows(Interface):
    """Where they survive; ``KeyFile`` is one."""

    def read(self) -> list[AccessKey]: ...

    def write(self, keys: list[AccessKey]) -> None:
        """:raises OSError: they may not be kept."""


@dataclass(frozen=True)
class KeyChange:
    """What listeners are told: the key as it is now."""

    key: AccessKey


class OwnKeys:
    """
    Each change is on the disk before it counts. A key works while it is authorised
    *and* the device agrees to it: whatever takes back the device's consent, another
    admin password above all, makes the key pending again.

    :param agrees: whether there is the device's consent to a key, by its hash.
    :param now: tells aware times.
    """

    log = Logger()

    def __init__(
        self,
        cloud_id: str,
        file: KeptRows,
        agrees: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._cloud_id = cloud_id
        self._file = file
        self._agrees = agrees
        self._now = now
        self._rows: dict[str, AccessKey] = {}
        self._listeners: list[Callable[[KeyChange], object]] = []
        #: There are uses that are not on the disk.
        self._behind = False

    def load(self) -> None:
        """:raises SecretFileError: what was kept can't be read."""
        self._rows = {key.id: key for key in self._file.read()}

    def subscribe(self, listener: Callable[[KeyChange], object]) -> None:
        """Call ``listener`` after each change, before its answer. Uses are none."""
        self._listeners.append(listener)

    def get(self, key_id: str) -> AccessKey | None:
        """See :class:`~cfos_cloud.web.api.key_rows.KeyRows`."""
        row = self._rows.get(key_id)
        return None if row is None else self._as_it_is(row)

    def of(self, cloud_id: str | None) -> list[AccessKey]:
        """See :class:`~cfos_cloud.web.api.key_rows.KeyRows`."""
        if cloud_id is None or fold(cloud_id) != fold(self._cloud_id):
            return []
        rows = sorted(
            self._rows.values(), key=lambda row: (row.created, row.id), reverse=True
        )
        return [self._as_it_is(row) for row in rows]

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None:
        """The key that the device knows by ``consent``."""
        found = (key for key in self.of(cloud_id) if key.consent == consent)
        return next(found, None)

    async def add(
        self, new: AccessKey, by: Origin, kind: EventKind = EventKind.KEY_CREATED
    ) -> AccessKey:
        """
        Of those that have ended, the oldest make room.

        :raises TooManyKeys: 50 are living.
        :raises KeysNotKept: nothing has changed.
        """
        now, rows = self._now(), list(self._rows.values())
        if len(retention.living(rows, now)) >= retention.MAX_LIVING:
            raise TooManyKeys
        gone = {key.id for key in retention.crowded_out(rows, now)}
        self._keep([row for row in rows if row.id not in gone] + [new])
        asked = kind is EventKind.KEY_REQUESTED
        self._told("asked for" if asked else "made", new, by)
        return new

    async def authorise(self, key_id: str, by: Origin) -> AccessKey:
        """
        See :class:`~cfos_cloud.web.api.key_rows.KeyRows`; the device has agreed.

        :raises KeysNotKept: nothing has changed.
        """
        key, now = self._known(key_id), self._now()
        if not retention.living([key], now):
            raise KeyEnded(key_id)
        after = replace(key, authorised=now, code=None)
        return self._change(after, "authorised", by)

    async def revoke(self, key_id: str, by: Origin) -> AccessKey:
        """
        See :class:`~cfos_cloud.web.api.key_rows.KeyRows`.

        :raises KeysNotKept: nothing has changed.
        """
        key = self._known(key_id)
        if key.revoked is not None:
            return key
        after = replace(key, revoked=self._now())
        return self._change(after, "revoked", by)

    def used(self, key_id: str, client: str) -> None:
        """Used now, from that address: on the disk with the next :meth:`tidy`."""
        row = self._rows.get(key_id)
        if row is not None:
            whence = fit_text(client, MAX_CLIENT)
            self._rows[key_id] = replace(row, last_used=self._now(), last_client=whence)
            self._behind = True

    def tidy(self) -> None:
        """
        Write when keys were used, and forget those that ended long ago, and those
        that nobody has authorised for an application within a day. What can't be
        written is tried again at the next call.
        """
        now, rows = self._now(), list(self._rows.values())
        kept = [row for row in rows if not retention.is_over(row, now, DAYS_SHOWN)]
        if not self._behind and len(kept) == len(rows):
            return
        try:
            self._keep(kept)
        except KeysNotKept as error:
            self.log.error("the last uses of access keys wait: {why}", why=str(error))

    # within

    def _as_it_is(self, row: AccessKey) -> AccessKey:
        works = row.state(self._now()) is KeyState.AUTHORISED
        if works and not self._agrees(row.consent):
            return replace(row, authorised=None)
        return row

    def _known(self, key_id: str) -> AccessKey:
        row = self._rows.get(key_id)
        if row is None:
            raise UnknownKey(key_id)
        return row

    def _change(self, after: AccessKey, what: str, by: Origin) -> AccessKey:
        rows = {**self._rows, after.id: after}
        self._keep(list(rows.values()))
        self._told(what, after, by)
        return after

    def _keep(self, rows: list[AccessKey]) -> None:
        try:
            self._file.write(rows)
        except OSError as error:
            # Whether it is there or not, nobody knows: the next writing decides.
            self._behind = True
            raise KeysNotKept(error.strerror or str(error)) from error
        self._behind = False
        self._rows = {row.id: row for row in rows}

    def _told(self, what: str, key: AccessKey, by: Origin) -> None:
        self.log.info(
            "access key {key_id}, role {role}, named {name}, was {what} by {actor} "
            "from {client}",
            key_id=key.id,
            role=key.role.value,
            name=key.name,
            what=what,
            actor=by.actor,
            client=by.client or "nowhere",
        )
        for listener in self._listeners:
            listener(KeyChange(key))
