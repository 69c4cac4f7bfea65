"""Handshakes that wait for their second request, found by ``sid``."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol as Interface

from scramp.core import ScramServer

from cfos_cloud.tunnel.scram_verifier import Verifier

#: Seconds for which a handshake waits that any connection may go on with.
PENDING_SECONDS = 20.0
#: Those that wait at the same time, of all and of one source; beyond it the oldest
#: one is forgotten. One keeps up to some 10 KiB.
MAX_PENDING = 2048
MAX_PENDING_OF_SOURCE = 256


@dataclass(frozen=True)
class PendingHandshake:
    """
    A server-first that is out; ``cloud_id`` is ``None`` if the name is none, and
    ``verifier`` the one that the proof will be checked against.
    """

    mechanism: str
    sid: str
    cloud_id: str | None
    binding: bytes | None
    verifier: Verifier
    server: ScramServer


class PendingStore(Interface):
    """Where a handshake waits."""

    def put(self, pending: PendingHandshake, source: str) -> None:
        """Keep it, if need be in the place of another."""

    def take(self, sid: str) -> PendingHandshake | None:
        """The one of this ``sid``, once."""


class OwnPending:
    """One at a time, of one connection: for as long as that lasts."""

    def __init__(self) -> None:
        self._pending: PendingHandshake | None = None

    def put(self, pending: PendingHandshake, source: str) -> None:
        self._pending = pending

    def take(self, sid: str) -> PendingHandshake | None:
        """Whatever ``sid`` is, the one that waited waits no longer."""
        pending, self._pending = self._pending, None
        return pending if pending is not None and pending.sid == sid else None


class PendingHandshakes:
    """
    Of all connections of a proxy, which may send a client's requests by any of them.

    ``seconds`` is a clock. A source that floods the table pushes out its own.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._waiting: OrderedDict[str, tuple[float, str, PendingHandshake]]
        self._waiting = OrderedDict()
        self._of_source: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, pending: PendingHandshake, source: str) -> None:
        self._forget_old()
        if self._of_source[source] >= MAX_PENDING_OF_SOURCE:
            self._forget(
                next(s for s, (_, o, _) in self._waiting.items() if o == source)
            )
        elif len(self._waiting) >= MAX_PENDING:
            self._forget(next(iter(self._waiting)))
        ends = self._seconds() + PENDING_SECONDS
        self._waiting[pending.sid] = (ends, source, pending)
        self._of_source[source] += 1

    def take(self, sid: str) -> PendingHandshake | None:
        self._forget_old()
        return self._forget(sid) if sid in self._waiting else None

    def _forget_old(self) -> None:
        now = self._seconds()
        while self._waiting:
            sid, (ends, _, _) = next(iter(self._waiting.items()))
            if ends > now:
                return
            self._forget(sid)

    def _forget(self, sid: str) -> PendingHandshake:
        _, source, pending = self._waiting.pop(sid)
        self._of_source[source] -= 1
        if not self._of_source[source]:
            del self._of_source[source]
        return pending
