"""The device end's consent to an access key, for its admin password."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.consent import Consent, InvalidConsent
from cfos_cloud.device.consents import MAX_CONSENTS, Consents, TooManyConsents
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.password_mark import MARK_BYTES, make_mark
from cfos_cloud.device.proof import (
    MAX_SECRET_LENGTH,
    PATIENCE,
    TOO_MANY_TRIES,
    Denied,
    SecretProver,
    changed_meanwhile,
)
from cfos_cloud.device.users import ADMIN
from cfos_cloud.tunnel.control import INTERNAL_ERROR, INVALID_PARAMS, RpcError
from cfos_cloud.workers import Overloaded, Worker

P = ParamSpec("P")
T = TypeVar("T")

TOO_MANY_KEYS = -32004
OVER_ALREADY = -32005
#: One for all: whoever tries, the server says no address.
_THROTTLE_KEYS = ("access keys",)


@dataclass(frozen=True)
class AuthorizeRequest:
    """The checked parameters of ``authorize``."""

    consent: Consent
    secret: str = field(repr=False)

    @classmethod
    def check(cls, params: Mapping[str, object], now: float) -> AuthorizeRequest:
        """
        Unknown members are ignored.

        :param now: seconds since the epoch.
        :raises RpcError: −32602, a member is missing, of the wrong type, or out of
            bounds; −32005, it would have expired by now.
        """
        secret = params.get("secret")
        if not isinstance(secret, str) or len(secret) > MAX_SECRET_LENGTH:
            raise RpcError(INVALID_PARAMS, f"secret: up to {MAX_SECRET_LENGTH} letters")
        try:
            consent = Consent.check(
                *(params.get(name) for name in ("key", "name", "role", "expires"))
            )
        except InvalidConsent as error:
            raise RpcError(INVALID_PARAMS, str(error)) from error
        if not consent.lives(now):
            raise RpcError(
                OVER_ALREADY, "expires: over already, by the clock of the device end"
            )
        return cls(consent, secret)


class Authorization:
    """
    Proves the admin password, and keeps the consent before it says so. What the
    consent is marked by is a subclass's to decide.

    :param now: seconds since the epoch.
    :param random: that many random bytes.
    """

    log = Logger()

    def __init__(
        self,
        prover: SecretProver,
        consents: Consents,
        key_grants: KeyGrants,
        clock: IReactorTime,
        worker: Worker,
        now: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._prover = prover
        self._consents = consents
        self._key_grants = key_grants
        self._clock = clock
        self._worker = worker
        self._now = now
        self._random = random

    def authorize(self, params: Mapping[str, object]) -> Deferred[dict[str, object]]:
        """
        The answer to ``authorize``, ``{}``; the consent is on the disk by then.
        Errbacks with :class:`RpcError`: −32001 wrong secret, −32002 no admin password
        set, −32003 too many tries, −32004 too many keys, −32005 it has
        expired by our clock, −32602 bad parameters, −32603 the consent can't be kept.
        """
        return Deferred.fromCoroutine(self._authorize(params))

    async def _authorize(self, params: Mapping[str, object]) -> dict[str, object]:
        request = AuthorizeRequest.check(params, self._now())
        consent = request.consent
        try:
            await self._agree(consent, request.secret)
        except Denied as refused:
            self.log.warn(
                "access key {name}, role {role}, not authorised: {why}",
                name=consent.name,
                role=consent.role.value,
                why=refused.why,
            )
            raise
        self.log.info(
            "access key {name}, role {role}, authorised",
            name=consent.name,
            role=consent.role.value,
        )
        return {}

    async def _agree(self, consent: Consent, secret: str) -> None:
        started = self._clock.seconds()
        await self._prover.prove(ADMIN, secret, _THROTTLE_KEYS)
        spent = self._clock.seconds() - started
        admin, mark = await self._marked(secret, max(PATIENCE - spent, 0.0))
        try:
            self._key_grants.admit(consent, admin, mark)
        except TooManyConsents:
            raise Denied(
                TOO_MANY_KEYS,
                f"the device keeps {MAX_CONSENTS} access keys, and no more",
                f"there are {MAX_CONSENTS} already",
            ) from None
        except OSError as error:
            raise Denied(
                INTERNAL_ERROR,
                "the device can't write it down",
                f"it can't be kept: {error.strerror}",
            ) from error

    async def _marked(self, secret: str, patience: float) -> tuple[AdminPassword, str]:
        """The password that was proven, and its mark."""
        credentials = self._prover.credentials
        admin = credentials.admin
        mark = self._consents.mark_of(admin)
        if mark is None:
            random = self._random(MARK_BYTES)
            mark = await self._compute(patience, make_mark, admin, random)
            if credentials.admin != admin:
                raise changed_meanwhile()
        return admin, mark

    async def _compute(
        self,
        patience: float,
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """In a thread, within ``patience`` seconds."""
        computing = self._worker.run(function, *args, **kwargs)
        try:
            return await computing.addTimeout(patience, self._clock)
        except (Overloaded, TimeoutError):
            raise Denied(TOO_MANY_TRIES, "too many tries", "too much to do") from None
