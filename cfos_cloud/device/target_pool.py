"""
Connections to the target: few, since an ESP32 takes few, kept, and shared fairly.

Ordinary requests queue for at most ``max_connections`` of them. What stays open
(upgrades, event streams) has a cap of its own, or two open pages would block a site.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Protocol as Interface

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.device.long_lived import LongLived
from cfos_cloud.relay.upstream import UpstreamConnection

#: Connections for ordinary requests, unless configured.
MAX_CONNECTIONS = 4
#: Connections that upgraded or became event streams.
MAX_LONG_LIVED = 16
#: Requests that may wait for a connection.
MAX_WAITING = 256
#: Seconds that a request waits for one.
WAIT_SECONDS = 10.0
#: Seconds that an idle connection is kept.
IDLE_SECONDS = 10.0
#: Seconds after which whoever neither takes its response nor sends its request makes
#: room for those who wait.
STALL_SECONDS = 60.0


class TargetError(Enum):
    """Why there is no connection; the value is that of ``Cfos-Error``."""

    REFUSED = b"refused"
    TIMEOUT = b"timeout"
    BUSY = b"busy"


class Claim:
    """A request's wish for a connection, until it has one or gives up."""

    def __init__(
        self,
        got: Callable[[UpstreamConnection], None],
        failed: Callable[[TargetError], None],
        *,
        long_lived: bool,
        owner: object | None = None,
        who: Hashable = None,
    ) -> None:
        """
        :param owner: by which log-in; see :meth:`TargetPool.release`.
        :param who: whose request it is; see :class:`LongLived`.
        """
        self.got = got
        self.failed = failed
        self.long_lived = long_lived
        self.owner = owner
        self.who = who
        self.cancelled = False
        self.timer: IDelayedCall | None = None

    def cancel(self) -> None:
        """The request has gone away."""
        self.cancelled = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()


class Holder(Interface):
    """A request that has a connection; hashable."""

    @property
    def stands_since(self) -> float | None:
        """When its client began to hold it up, by the pool's clock."""

    def make_room(self) -> None:
        """Give the connection up."""


class TargetPool:
    """
    All connections to one target.

    :ivar held_by: the ordinary requests that have a connection now.
    """

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        *,
        max_connections: int = MAX_CONNECTIONS,
        max_long_lived: int = MAX_LONG_LIVED,
        target_state: Callable[[TargetError | None], None] = lambda error: None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._max_connections = max_connections
        self._target_state = target_state
        self.held_by: set[Holder] = set()
        self._waiting: deque[Claim] = deque()
        #: Idle connections and since when, the longest first.
        self._idle: dict[UpstreamConnection, float] = {}
        #: Connections that one owner's requests alone may use.
        self._owners: dict[UpstreamConnection, object] = {}
        self._sweep: IDelayedCall | None = None
        self._ordinary = 0
        self._long_lived = LongLived(max_long_lived)

    @property
    def is_used(self) -> bool:
        """Whether it has a connection, or tries to get one."""
        return bool(self._ordinary or self._long_lived)

    def take_idle(self, owner: object | None = None) -> UpstreamConnection | None:
        """An idle connection for an ordinary request of this owner, the last used."""
        for upstream in reversed(list(self._idle)):
            if not upstream.sound:
                del self._idle[upstream]
            elif self._may_use(upstream, owner):
                del self._idle[upstream]
                return upstream
        return None

    def _may_use(self, upstream: UpstreamConnection, owner: object | None) -> bool:
        known = self._owners.get(upstream)
        return known is None or known is owner

    def claim(self, claim: Claim) -> None:
        """Give ``claim`` a connection, now or when there is one."""
        if claim.long_lived:
            if self._long_lived.reserve(claim.who):
                self._connect(claim)
            else:
                claim.failed(TargetError.BUSY)
        elif (idle := self.take_idle(claim.owner)) is not None:
            claim.got(idle)
        elif self._ordinary < self._max_connections:
            self._ordinary += 1
            self._connect(claim)
        elif self._is_full():
            claim.failed(TargetError.BUSY)
        else:
            claim.timer = self._clock.callLater(WAIT_SECONDS, self._overdue, claim)
            self._waiting.append(claim)
            if self._idle:
                self._close(next(iter(self._idle)))
            else:
                self._push_out()

    def _is_full(self) -> bool:
        if len(self._waiting) < MAX_WAITING:
            return False
        self._waiting = deque(each for each in self._waiting if not each.cancelled)
        return len(self._waiting) >= MAX_WAITING

    def _push_out(self) -> None:
        """Let the one go that stands still for longest, if that is long."""
        standing = [
            (since, holder)
            for holder in self.held_by
            if (since := holder.stands_since) is not None
        ]
        since, holder = min(standing, key=_since, default=(None, None))
        if (
            since is not None
            and holder is not None
            and since + STALL_SECONDS <= self._clock.seconds()
        ):
            holder.make_room()

    def promote(self, upstream: UpstreamConnection, who: Hashable = None) -> bool:
        """
        ``upstream`` stays open (an event stream): count it with its like.

        :param who: see :class:`Claim`.
        :returns: ``False``: there are too many, it must be closed.
        """
        if upstream in self._long_lived:
            return True
        if not self._long_lived.add(upstream, who):
            return False
        self._ordinary -= 1
        self._serve_waiting()
        return True

    def release(
        self, upstream: UpstreamConnection, owner: object | None = None
    ) -> None:
        """
        ``upstream`` can serve another request.

        :param owner: whose requests alone may follow. A target that does not read a
            body takes it for the next request, and whoever asks next would get the
            answer to that.
        """
        if upstream in self._long_lived:
            upstream.close()
            return
        if owner is not None:
            self._owners[upstream] = owner
        while self._waiting:
            claim = self._waiting[0]
            if claim.cancelled:
                self._waiting.popleft()
            elif self._may_use(upstream, claim.owner):
                self._waiting.popleft()
                claim.cancel()
                claim.cancelled = False
                claim.got(upstream)
                return
            else:
                # Its end makes room for a new one.
                upstream.close()
                return
        self._idle[upstream] = self._clock.seconds()
        if self._sweep is None:
            self._sweep = self._clock.callLater(IDLE_SECONDS, self._close_idle)

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        """A connection is over (called by itself)."""
        self._idle.pop(upstream, None)
        self._owners.pop(upstream, None)
        if not self._long_lived.discard(upstream):
            self._ordinary -= 1
            self._serve_waiting()

    def close(self) -> None:
        """Close what is idle; the rest ends with its request."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for upstream in list(self._idle):
            upstream.close()

    def _close_idle(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        for upstream, since in list(self._idle.items()):
            left = since + IDLE_SECONDS - now
            if left > 0:
                self._sweep = self._clock.callLater(left, self._close_idle)
                break
            self._close(upstream)

    def _close(self, upstream: UpstreamConnection) -> None:
        # Not to be taken while it closes.
        del self._idle[upstream]
        upstream.close()

    def _serve_waiting(self) -> None:
        while self._waiting and self._ordinary < self._max_connections:
            claim = self._waiting.popleft()
            if not claim.cancelled:
                claim.cancel()
                claim.cancelled = False
                self._ordinary += 1
                self._connect(claim)

    def _overdue(self, claim: Claim) -> None:
        claim.cancelled = True
        self._waiting.remove(claim)
        claim.failed(TargetError.BUSY)

    def _connect(self, claim: Claim) -> None:
        connecting = self._endpoint.connect(_factory(self))

        def connected(upstream: UpstreamConnection) -> None:
            self._target_state(None)
            transport = upstream.transport
            if ITCPTransport.providedBy(transport):
                transport.setTcpNoDelay(True)
            if claim.long_lived:
                self._long_lived.give_back(claim.who)
                self._long_lived.add(upstream, claim.who)
            if not claim.cancelled:
                claim.got(upstream)
            elif not claim.long_lived:
                self.release(upstream)
            else:
                upstream.close()

        def failed(failure: Failure) -> None:
            error = (
                TargetError.TIMEOUT
                if failure.check(ConnectTimeoutError)
                else TargetError.REFUSED
            )
            self._target_state(error)
            if claim.long_lived:
                self._long_lived.give_back(claim.who)
            else:
                self._ordinary -= 1
            if not claim.cancelled:
                claim.failed(error)
            if failure.check(ConnectionRefusedError, ConnectTimeoutError) is None:
                self.log.info(
                    "no connection to the target: {why}", why=str(failure.value)
                )
            self._serve_waiting()

        connecting.addCallbacks(connected, failed)
        connecting.addErrback(
            lambda failure: self.log.failure("a request failed", failure=failure)
        )


def _since(standing: tuple[float, Holder]) -> float:
    return standing[0]


class _UpstreamFactory(Factory):
    noisy = False

    def __init__(self, pool: TargetPool) -> None:
        self._pool = pool

    def buildProtocol(self, addr: object) -> UpstreamConnection:
        return UpstreamConnection(self._pool)


def _factory(pool: TargetPool) -> IProtocolFactory:
    return _UpstreamFactory(pool)
