"""Whether somebody knows a secret of the device, by the device's own word."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.profile import (
    DeviceBusy,
    DeviceTrouble,
    KnownUser,
    RealDevice,
    Unprotected,
)
from cfos_cloud.device.proof import (
    NO_ADMIN_PASSWORD,
    PATIENCE,
    TOO_MANY_TRIES,
    WRONG_SECRET,
    Denied,
    Proof,
    changed_meanwhile,
)
from cfos_cloud.device.users import ADMIN
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import INTERNAL_ERROR
from cfos_cloud.workers import Overloaded, Worker


class ProfileProver:
    """
    :param unprotected: called when the device has no password at all.
    :param proven: called with each password that was right.
    """

    log = Logger()

    def __init__(
        self,
        device: RealDevice,
        credentials: Credentials,
        throttle: Throttle,
        clock: IReactorTime,
        worker: Worker,
        *,
        unprotected: Callable[[], object],
        proven: Callable[[str], object],
    ) -> None:
        self.credentials = credentials
        self._device = device
        self._throttle = throttle
        self._clock = clock
        self._worker = worker
        self._unprotected = unprotected
        self._proven = proven
        #: Sources of which an attempt is under way.
        self._trying: set[Sequence[str]] = set()

    async def prove(self, role: str, secret: str, keys: Sequence[str]) -> Proof:
        """
        As :class:`~cfos_cloud.device.proof.SecretProver` says. Of each source one
        attempt is under way at a time: who guesses must not take the turns at the
        device from the others.
        """
        keys = tuple(keys)
        if self._throttle.wait(keys) > 0 or keys in self._trying:
            raise Denied(TOO_MANY_TRIES, "too many tries", "too many tries")
        self._throttle.begin(keys)
        self._trying.add(keys)
        wrong = False
        try:
            proof = await self._within_patience(self._ask(role, secret))
            wrong = proof is None
        finally:
            self._trying.discard(keys)
            (self._throttle.failed if wrong else self._throttle.succeeded)(keys)
        if proof is None:
            raise Denied(WRONG_SECRET, "wrong secret", "wrong secret")
        if role == ADMIN:
            self._proven(secret)
        return proof

    async def _within_patience(
        self, asking: Coroutine[Deferred[Any], Any, Proof | None]
    ) -> Proof | None:
        answer = Deferred.fromCoroutine(asking)
        try:
            return await answer.addTimeout(PATIENCE, self._clock)
        except Unprotected as error:
            if error.certain:
                self._unprotected()
            raise Denied(
                NO_ADMIN_PASSWORD, "no admin password set", str(error)
            ) from None
        except DeviceBusy as error:
            raise Denied(TOO_MANY_TRIES, "too many tries", str(error)) from None
        except (Overloaded, TimeoutError):
            raise Denied(TOO_MANY_TRIES, "too many tries", "too much to do") from None
        except DeviceTrouble as error:
            raise Denied(
                INTERNAL_ERROR, "the device can't be asked", str(error)
            ) from None

    async def _ask(self, role: str, secret: str) -> Proof | None:
        waived = False
        try:
            await self._device.check_protected()
        except Unprotected as error:
            # The site's own password stands in where the device waives its own.
            waived = not error.certain and self.credentials.admin.is_set
            if not waived:
                raise
        if role != ADMIN:
            # A pasted ID may bring a space along; IDs have none.
            return await self._user(secret.strip())
        if not secret:
            return None
        if not waived:
            own = await self._device.log_in(secret)
            return None if own is None else Proof(ADMIN, own)
        admin = self.credentials.admin
        if not await self._worker.run(admin.matches, secret):
            return None
        if self.credentials.admin != admin:
            raise changed_meanwhile()
        return Proof(ADMIN, self._device.credential(secret))

    async def _user(self, user_id: str) -> Proof | None:
        if not user_id:
            return None
        users = self.credentials.users
        name = await self._worker.run(users.match, user_id)
        if name is None:
            name = _match(await self._device.users(), user_id)
            return None if name is None else Proof(name, KnownUser(user_id))
        if self.credentials.users.hashes.get(name) != users.hashes[name]:
            raise changed_meanwhile()
        return Proof(name)


def _match(users: Mapping[str, str], user_id: str) -> str | None:
    """All IDs are compared, so the time says nothing of which one is right."""
    found = None
    for known, name in users.items():
        if hmac.compare_digest(_bytes(known), _bytes(user_id)):
            found = name
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
