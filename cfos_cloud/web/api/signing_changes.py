"""Changes of the signing keys that access keys are under."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.keys.signing import SigningKey, SigningKeys, UnknownSigningKey
from cfos_cloud.registry import Keys
from cfos_cloud.turns import Turns
from cfos_cloud.web.key_problems import SigningKeysFailed


class SigningChanges:
    """``turns`` are those of who makes keys under them."""

    _log = Logger()

    def __init__(
        self,
        signing: SigningKeys,
        keys: Keys,
        turns: Turns,
        events: EventLog = NO_EVENTS,
    ) -> None:
        self.signing = signing
        self._keys = keys
        self._turns = turns
        self._events = events

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
