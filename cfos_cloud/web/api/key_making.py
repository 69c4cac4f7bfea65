"""Makes access keys, and the signing keys that they are under."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.keys.signing import SigningKey, SigningKeys, UnknownSigningKey
from cfos_cloud.registry import Keys
from cfos_cloud.turns import Turns
from cfos_cloud.web.api.key_json import NewKey
from cfos_cloud.web.key_problems import SigningKeysFailed
from cfos_cloud.workers import Overloaded

#: Keys that are being made, or wait for that; each is a request of somebody.
MAX_WAITING = 100


class KeyMaking:
    """
    One thing at a time: a key that is on its way to the database must not lose the
    signing key that it is under.
    """

    _log = Logger()

    def __init__(
        self,
        issuer: KeyIssuer,
        signing: SigningKeys,
        keys: Keys,
        events: EventLog = NO_EVENTS,
    ) -> None:
        self.signing = signing
        self._issuer = issuer
        self._keys = keys
        self._events = events
        self._turns = Turns()

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
        :raises Overloaded: as a failure; so are those of ``Keys.add``.
        """
        return self._add(cloud_id, wanted, by, EventKind.KEY_CREATED, may_still)

    def request(
        self, cloud_id: str, wanted: NewKey, by: Origin, code: str
    ) -> Deferred[Issued]:
        """The same for an application, which shows ``code`` to its people."""
        kind = EventKind.KEY_REQUESTED
        return self._add(cloud_id, wanted, by, kind, _always, code)

    def rotate(self, by: Origin, may_still: Callable[[], None]) -> Deferred[SigningKey]:
        """
        Sign with a new one; old ones that no living key is under are forgotten.

        :raises TooManySigningKeys: as a failure.
        :raises Overloaded: as a failure.
        :raises SigningKeysFailed: as a failure.
        """

        async def rotate() -> SigningKey:
            may_still()
            self._prune()
            try:
                new = self.signing.rotate()
            except OSError as error:
                raise SigningKeysFailed(error.strerror) from error
            self._events.note(EventKind.SIGNING_KEY_ROTATED, by, detail=new.kid)
            self._prune()
            return new

        return self._turns.take(rotate)

    def drop(
        self, kid: str, by: Origin, may_still: Callable[[], None]
    ) -> Deferred[list[AccessKey]]:
        """
        Revoke all keys under a signing key, then forget it; fires with them. Where it
        is the current one, a new one signs.

        :raises UnknownSigningKey: as a failure.
        :raises DatabaseError: as a failure; nothing has changed.
        :raises SigningKeysFailed: as a failure; the keys are revoked.
        """

        async def drop() -> list[AccessKey]:
            may_still()
            if self.signing.find(kid) is None:
                raise UnknownSigningKey(kid)
            revoked = await self._keys.revoke_signed_by(kid, by)
            try:
                self.signing.drop(kid)
            except OSError as error:
                raise SigningKeysFailed(error.strerror) from error
            count = f"{len(revoked)} keys" if len(revoked) != 1 else "1 key"
            detail = f"{kid}, {count} revoked"
            self._events.note(EventKind.SIGNING_KEY_DROPPED, by, detail=detail)
            self._log.warn(
                "signing key {kid} was dropped: {count}", kid=kid, count=count
            )
            return revoked

        return self._turns.take(drop)

    def _prune(self) -> None:
        try:
            self.signing.prune(self._keys.kids())
        except OSError as error:
            self._log.warn(
                "signing keys without keys under them stay: {reason}",
                reason=error.strerror,
            )

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

        if len(self._turns) >= MAX_WAITING:
            return fail(Overloaded())
        return self._turns.take(add)


def _always() -> None:
    """Nobody has to have anything."""
