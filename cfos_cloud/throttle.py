"""
What guessing costs: a penalty per failure that fades with time.

A penalty is time. Each failure adds :data:`PENALTY` seconds to a key's debt, each
second takes one away, and above :data:`TOLERANCE` the key has to wait. What has to
wait is not tried and not charged, so nobody is kept out for longer by the tries of
others.

A key is a text; see :func:`source_key` and its like. Browsers, tunnels, operators
and access keys have a table each, so that trouble in one leaves the others alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cfos_cloud.cloud_id import fold

#: Seconds that a failure adds to the debt of its keys.
PENALTY = 5.0
#: Seconds of debt up to which a key may go on: six failures in a row are free.
TOLERANCE = 30.0
#: Seconds of debt that no key exceeds.
CAP = 600.0
#: Keys in one table, about 15 MB.
MAX_KEYS = 50_000
#: An address that is none, a socket's path say, counts as a source up to here.
_MAX_SOURCE = 64


def source_key(address: str) -> str:
    """
    The key of where a request comes from: an IPv4 address, mapped into IPv6 or
    not, or the /64 of an IPv6 address, which is what one household has.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"source {address[:_MAX_SOURCE]}"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            network = ipaddress.IPv6Address(int(parsed) >> 64 << 64)
            return f"source {network}/64"
        parsed = parsed.ipv4_mapped
    return f"source {parsed}"


def system_key(cloud_id: str) -> str:
    """The key of what is guessed at, from wherever."""
    return f"system {fold(cloud_id)}"


def pair_key(address: str, cloud_id: str) -> str:
    """The key of one source that guesses at one system."""
    return f"{source_key(address)} {system_key(cloud_id)}"


def stranger_keys(address: str, cloud_id: str) -> tuple[str, str, str]:
    """All keys of an attempt by somebody who has not succeeded before."""
    return source_key(address), system_key(cloud_id), pair_key(address, cloud_id)


@dataclass(slots=True)
class _Debt:
    #: When the debt will have faded, by the table's clock.
    clear_at: float
    #: Attempts charged in advance that are still on their way.
    begun: int = 0


class Throttle:
    """
    A table of penalties. ``seconds`` is a clock.

    Ask :meth:`wait`; then either report the outcome by :meth:`failed` or
    :meth:`succeeded`, or, where attempts take time and may run side by side, call
    :meth:`begin` first, so that those on their way count already.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        penalty: float = PENALTY,
        tolerance: float = TOLERANCE,
        cap: float = CAP,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._seconds = seconds
        self._penalty = penalty
        self._tolerance = tolerance
        self._cap = cap
        self._max_keys = max_keys
        self._debts: dict[str, _Debt] = {}
        #: Attempts that have failed since this was made.
        self.failures = 0

    def __len__(self) -> int:
        """How many keys have a debt, or had one lately; ``max_keys`` at most."""
        return len(self._debts)

    def wait(self, keys: Iterable[str]) -> float:
        """The seconds to wait before an attempt under all ``keys``; 0: go on."""
        free_at = self._seconds() + self._tolerance
        longest = 0.0
        for key in keys:
            debt = self._debts.get(key)
            if debt is not None:
                longest = max(longest, debt.clear_at - free_at)
        # A clock that was set back must not make debts out of nothing.
        return min(longest, self._cap - self._tolerance)

    def begin(self, keys: Iterable[str]) -> None:
        """Charge an attempt in advance; settle it by one of the two below."""
        for key in keys:
            self._charge(key).begun += 1

    def failed(self, keys: Iterable[str]) -> None:
        """An attempt has failed: charge it, unless :meth:`begin` did."""
        self.failures += 1
        for key in keys:
            debt = self._debts.get(key)
            if debt is not None and debt.begun:
                debt.begun -= 1
            else:
                self._charge(key)

    def succeeded(self, keys: Iterable[str]) -> None:
        """
        An attempt has succeeded: take back what :meth:`begin` charged for it, and
        no more, or who has one log-in could guess at others for nothing.
        """
        for key in keys:
            debt = self._debts.get(key)
            if debt is not None and debt.begun:
                debt.begun -= 1
                debt.clear_at -= self._penalty

    def _charge(self, key: str) -> _Debt:
        now = self._seconds()
        debt = self._debts.get(key)
        if debt is None:
            if len(self._debts) >= self._max_keys:
                self._make_room(now)
            debt = self._debts[key] = _Debt(now)
        debt.clear_at = min(max(debt.clear_at, now) + self._penalty, now + self._cap)
        return debt

    def _make_room(self, now: float) -> None:
        """
        Forget what has faded; if nothing has, the eighth with the least debt.

        A debt of n failures goes only after everybody else's is as large: to
        flush it costs ``max_keys`` times n failures within its life.
        """
        faded = [key for key, debt in self._debts.items() if debt.clear_at <= now]
        if not faded:
            by_debt = sorted(self._debts, key=lambda key: self._debts[key].clear_at)
            faded = by_debt[: self._max_keys // 8 + 1]
        for key in faded:
            del self._debts[key]
