"""The operator's password, given by somebody: tried, and throttled by source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.web.problem import TooManyAttempts, Unauthorized

#: The only user there is.
OPERATOR = "admin"


class PasswordCheck(Interface):
    """Who knows the operator's password; the registry does."""

    def verify(self, password: str) -> Awaitable[bool]:
        """Whether this is it."""


class OperatorPassword:
    """
    Failures count by source. A source that has to wait is not looked at, and what
    was under way when it came to that is not answered either, so that attempts
    side by side gain nothing. ``throttle`` is the operators' own table; ``came`` is
    told the address of each success.
    """

    _log = Logger()

    def __init__(
        self,
        operator: PasswordCheck,
        throttle: Throttle,
        events: EventLog = NO_EVENTS,
        came: Callable[[str], None] = lambda address: None,
    ) -> None:
        self._came = came
        self._operator = operator
        self._throttle = throttle
        self._events = events

    async def check(self, address: str, password: str, user: str = OPERATOR) -> None:
        """
        Return if this is the operator.

        :raises Unauthorized: it is not; a wrong user costs what a wrong password
            does.
        :raises TooManyAttempts: the address has to wait.
        :raises Overloaded: too many are being checked.
        """
        keys = (source_key(address),)
        self._go_on(keys)
        # JSON can say half a character, which no password has.
        is_text = not any("\ud800" <= each <= "\udfff" for each in password)
        right = is_text and await self._operator.verify(password) and user == OPERATOR
        self._go_on(keys)
        if not right:
            self._throttle.failed(keys)
            self._log.warn(
                "operator credentials from {address} were refused", address=address
            )
            who = Origin("nobody", address or None)
            self._events.note(EventKind.OPERATOR_LOGIN_FAILED, who)
            raise Unauthorized
        self._throttle.succeeded(keys)
        self._came(address)

    def _go_on(self, keys: tuple[str, ...]) -> None:
        wait = self._throttle.wait(keys)
        if wait > 0:
            raise TooManyAttempts(wait)
