"""Makes access keys."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.turns import Turns
from cfos_cloud.web.api.key_json import NewKey
from cfos_cloud.web.api.key_rows import KeyRows
from cfos_cloud.workers import Overloaded

#: Keys that are being made, or wait for that; each is a request of somebody.
MAX_WAITING = 100


class KeyMaking:
    """
    One thing at a time: a key that is on its way to the database must not lose the
    signing key that it is under.
    """

    def __init__(self, issuer: KeyIssuer, keys: KeyRows) -> None:
        self._issuer = issuer
        self._keys = keys
        self.turns = Turns()

    def make(
        self,
        cloud_id: str | None,
        wanted: NewKey,
        by: Origin,
        may_still: Callable[[], None],
    ) -> Deferred[Issued]:
        """
        A new key, pending.

        :param cloud_id: as the registry spells it.
        :param may_still: called right before the commit; it raises where who asked
            for the key may no more.
        :raises Overloaded: as a failure; so are those of ``KeyRows.add``.
        """
        return self._add(cloud_id, wanted, by, EventKind.KEY_CREATED, may_still)

    def request(
        self, cloud_id: str, wanted: NewKey, by: Origin, code: str
    ) -> Deferred[Issued]:
        """The same for an application, which shows ``code`` to its people."""
        kind = EventKind.KEY_REQUESTED
        return self._add(cloud_id, wanted, by, kind, _always, code)

    def _add(
        self,
        cloud_id: str | None,
        wanted: NewKey,
        by: Origin,
        kind: EventKind,
        may_still: Callable[[], None],
        code: str | None = None,
    ) -> Deferred[Issued]:
        async def add() -> Issued:
            may_still()
            issued = self._issuer.issue(
                cloud_id,
                wanted.name,
                wanted.role,
                wanted.expires,
                code=code,
                requested_from=None if code is None else by.client,
            )
            await self._keys.add(issued.key, by, kind)
            return issued

        if len(self.turns) >= MAX_WAITING:
            return fail(Overloaded())
        return self.turns.take(add)


def _always() -> None:
    """Nobody has to have anything."""
