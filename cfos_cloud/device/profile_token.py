"""A token that is renewed when somebody needs it, by the password that it came from."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.profile import DeviceTrouble
from cfos_cloud.device.target_header import TargetHeader

#: Seconds before its end that a token is renewed, and at most a quarter of its life:
#: what is begun with it needs some.
MARGIN = 30.0
#: Seconds between two tries that have failed: they must not use up the log-ins that
#: the device allows.
RETRY_SECONDS = 10.0


@dataclass(frozen=True)
class Token:
    """``life`` in seconds from ``begins``, a time of the clock."""

    text: str = field(repr=False)
    begins: float
    life: float

    def lasts(self, now: float) -> bool:
        """Whether the device takes it at ``now``."""
        return now < self.begins + self.life

    def is_due(self, now: float) -> bool:
        """Whether it should be renewed at ``now``."""
        return now >= self.begins + self.life - min(MARGIN, self.life / 4)


Buy = Callable[[str], Coroutine[Deferred[Any], Any, Token | None]]


class TokenCredential:
    """
    :ivar token: ``None``: none yet.
    :param buy: gives a token for a password, ``None`` if that is wrong; raises
        :class:`DeviceTrouble`.
    :param suspect: called with this when its password may be another one now.
    """

    log = Logger()

    def __init__(
        self,
        secret: str,
        token: Token | None,
        buy: Buy,
        suspect: Callable[[TokenCredential], object],
        clock: IReactorTime,
    ) -> None:
        self.secret = secret
        self.token = token
        self._buy = buy
        self._suspect = suspect
        self._clock = clock
        self._waiting: list[Deferred[None]] = []
        self._is_buying = False
        self._failed: float | None = None

    @property
    def header(self) -> TargetHeader | None:
        """``None`` before the first token, and after one that could not be renewed."""
        token = self.token
        if token is None or not token.lasts(self._clock.seconds()):
            return None
        line = f"Authorization: Bearer {token.text}\r\n".encode("ascii")
        return TargetHeader(((b"authorization", line),))

    def renewal(self) -> Deferred[None] | None:
        """Begun by who needs it first; all who need it meanwhile wait for the same."""
        now = self._clock.seconds()
        if self.token is not None and not self.token.is_due(now):
            return None
        if not self._is_buying:
            if self._failed is not None and now < self._failed + RETRY_SECONDS:
                return None
            self._is_buying = True
            Deferred.fromCoroutine(self._renew()).addErrback(
                lambda failure: self.log.failure("no token", failure=failure)
            )
            if not self._is_buying:
                return None
        if self.token is not None and self.token.lasts(now):
            return None
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def doubt(self) -> None:
        """The device has refused it, or something that it was sent with."""
        self._suspect(self)

    def outranks(self, own: bytes) -> bool:
        """Never: a page that has a token of its own is logged in by itself."""
        return False

    async def _renew(self) -> None:
        try:
            token = await self._buy(self.secret)
        except DeviceTrouble as error:
            self._failed = self._clock.seconds()
            self.log.warn("no new token of the device: {why}", why=str(error))
        else:
            self._failed = self._clock.seconds() if token is None else None
            if token is None:
                self._suspect(self)
            else:
                self.token = token
        finally:
            self._is_buying = False
            waiting, self._waiting = self._waiting, []
            while waiting:
                waiting.pop(0).callback(None)
