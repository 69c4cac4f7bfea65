"""When and whence access keys were used last: in memory at once, written lazily."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.events import MAX_CLIENT, fit_text
from cfos_cloud.registry import key_rows
from cfos_cloud.registry.changes import Changes
from cfos_cloud.registry.closing import why_not_written
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.key_change import KeyChange
from cfos_cloud.registry.key_mirror import KeyMirror

#: Seconds from a use until it is written, and so between two writings.
INTERVAL = 30.0
#: Keys of one transaction, at most.
BATCH = 5000


class KeyUses:
    """Of the keys in ``mirror``, whose ``changes`` a writing takes turns with."""

    _log = Logger()

    def __init__(
        self,
        database: Database,
        mirror: KeyMirror,
        changes: Changes[KeyChange],
        clock: IReactorTime,
    ) -> None:
        self._database = database
        self._mirror = mirror
        self._changes = changes
        self._clock = clock
        #: IDs; what is to be written of them is in the mirror, so that the newest
        #: is, in whatever order writings fail.
        self._waiting: set[str] = set()
        self._timer: IDelayedCall | None = None
        self._closed = False

    def __len__(self) -> int:
        """Keys that wait for the database."""
        return len(self._waiting)

    def __contains__(self, key_id: str) -> bool:
        """Whether memory knows of a later use than the database."""
        return key_id in self._waiting

    def note(self, key_id: str, client: str) -> None:
        """Used now, from there. Never fails; of an unknown key nothing is kept."""
        key = self._mirror.get(key_id)
        if key is None:
            return
        self._mirror.put(
            replace(
                key,
                last_used=datetime.fromtimestamp(self._clock.seconds(), UTC),
                last_client=fit_text(client, MAX_CLIENT),
            )
        )
        self._waiting.add(key_id)
        self._set_timer()

    def flush(self) -> Deferred[None]:
        """
        Fires when all that was noted before is committed.

        :raises DatabaseError: as a failure; it waits on.
        """
        return self._changes.one_at_a_time(self._write, is_patient=True)

    async def close(self) -> None:
        """Write what waits, if the database answers; later uses stay in memory."""
        self._closed = True
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        reason = await why_not_written(self.flush(), self._clock)
        if reason is not None:
            self._log.error(
                "the last uses of {count} access keys are lost: {reason}",
                count=len(self._waiting),
                reason=reason,
            )

    def _set_timer(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._clock.callLater(INTERVAL, self._due)

    def _due(self) -> None:
        self._timer = None
        self.flush().addErrback(self._failed)

    async def _write(self) -> None:
        # Not those that are used meanwhile: they would keep it at work for ever.
        left = list(self._waiting)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            self._waiting.difference_update(batch)
            used = [key for each in batch if (key := self._mirror.get(each))]
            try:
                await self._database.run(partial(key_rows.use, used=used))
            except BaseException:
                self._waiting.update(batch)
                raise

    def _failed(self, failure: Failure) -> None:
        self._set_timer()
        self._log.error(
            "the last uses of {count} access keys wait: {reason}",
            count=len(self._waiting),
            reason=failure.getErrorMessage(),
        )
