"""What ends when the device's password is another one than it was."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.grants import Grant, Grants
from cfos_cloud.device.profile import (
    DeviceTrouble,
    KeptCredential,
    KnownUser,
    Unprotected,
)
from cfos_cloud.workers import Overloaded, Worker

#: Seconds after which the device is asked anew whether it knows who is logged in as one
#: of its users.
USERS_SECONDS = 60.0
#: Seconds within which the same doubt is looked into once: a page that is refused
#: something asks for it again and again.
CERTAIN_SECONDS = 2.0


class Checker(Interface):
    """The device, as far as it knows which password is right."""

    async def is_still_right(self, credential: KeptCredential) -> bool: ...

    async def users(self) -> Mapping[str, str]: ...


class Keys(Interface):
    """The consents to access keys."""

    def drop_all(self) -> None: ...


class PasswordWatch:
    """
    Looks into every doubt about a kept password, by asking the device; then ends the
    log-ins that have it, and the consents that were given by it.

    :param given_by: the password of the consents that there are.
    """

    log = Logger()

    def __init__(
        self,
        grants: Grants,
        keys: Keys,
        given_by: Callable[[], AdminPassword | None],
        clock: IReactorTime,
        worker: Worker,
    ) -> None:
        self._grants = grants
        self._keys = keys
        self._given_by = given_by
        self._clock = clock
        self._worker = worker
        self.device: Checker
        self._asking: set[str] = set()
        self._right: dict[str, float] = {}
        self._users_asked = clock.seconds()

    def suspect(self, credential: KeptCredential) -> None:
        """The device has refused it, or something else that came with it."""
        secret, now = credential.secret, self._clock.seconds()
        self._right = {
            each: since
            for each, since in self._right.items()
            if now < since + CERTAIN_SECONDS
        }
        if secret in self._asking or secret in self._right:
            return
        self._asking.add(secret)
        self._begin(self._look_into(credential))

    def proven(self, secret: str) -> None:
        """The device's password is ``secret``: consents by another one are over."""
        self._begin(self._compare(secret, drop_if=False))

    def unprotected(self) -> None:
        """The device has no password any more: nobody is known by it."""
        ended = self._grants.revoke_where(lambda grant: True)
        if ended:
            self.log.warn(
                "the device has no password any more: {count} log-ins end", count=ended
            )
        self._keys.drop_all()

    def look_for_users(self) -> None:
        """
        End the log-ins of users whom the device knows no more; to be called again and
        again.
        """
        now = self._clock.seconds()
        if now < self._users_asked + USERS_SECONDS:
            return
        self._users_asked = now
        if self._grants.any_where(_is_of_device):
            self._begin(self._drop_unknown_users())

    async def _drop_unknown_users(self) -> None:
        try:
            users = await self.device.users()
        except DeviceTrouble as error:
            self.log.info("the device's users are not known: {why}", why=str(error))
            return
        ended = self._grants.revoke_where(
            lambda grant: (
                _is_of_device(grant)
                and grant.own is not None
                and users.get(grant.own.secret) != grant.user
            )
        )
        if ended:
            self.log.info(
                "{count} log-ins end: the device knows their users no more", count=ended
            )

    def _begin(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(
            lambda failure: self.log.failure("a doubt was not settled", failure=failure)
        )

    async def _look_into(self, credential: KeptCredential) -> None:
        secret = credential.secret
        try:
            is_right = await self.device.is_still_right(credential)
        except DeviceTrouble as error:
            self.log.info("a doubt about the password stays: {why}", why=str(error))
            return
        except Unprotected:
            self.unprotected()
            return
        finally:
            self._asking.discard(secret)
        if is_right:
            self._right[secret] = self._clock.seconds()
            return
        ended = self._grants.revoke_where(lambda grant: _has(grant, secret))
        self.log.info(
            "the device's admin password has changed: {count} log-ins end", count=ended
        )
        await self._compare(secret, drop_if=True)

    async def _compare(self, secret: str, *, drop_if: bool) -> None:
        """Drop the consents if they were given by ``secret``, or if they were not."""
        given_by = self._given_by()
        if given_by is None:
            return
        try:
            same = await self._worker.run(given_by.matches, secret)
        except Overloaded:
            return
        if same is drop_if and self._given_by() == given_by:
            self.log.warn(
                "the device's admin password is not the one that access keys were "
                "authorised by: they are over"
            )
            self._keys.drop_all()


def _is_of_device(grant: Grant) -> bool:
    return isinstance(grant.own, KnownUser)


def _has(grant: Grant, secret: str) -> bool:
    return grant.own is not None and hmac.compare_digest(
        grant.own.secret.encode("utf-8", "surrogatepass"),
        secret.encode("utf-8", "surrogatepass"),
    )
