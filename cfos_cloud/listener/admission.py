"""
Device ends wait for their turn, before TLS costs anything; everybody else goes ahead.

When a server comes back, all its device ends do: thousands of handshakes, a few ms of
CPU each, in front of every person who wants to log in. So a ClientHello that announces
a tunnel (:data:`cfos_cloud.alpn.TUNNEL`) is kept as it came until it is its turn. A
waiting connection costs its socket and these few bytes. To send it away politely would
cost the TLS handshake, which is most of what there is to save; so whoever finds the
line full, or has stood in it for :data:`MOST_SECONDS`, is cut without a byte, and comes
back by its own jitter, which doubles.

Who does not announce it is not delayed here; the door behind TLS counts it.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from cfos_cloud.listener.arrival import Arrival
from cfos_cloud.listener.line import Line
from cfos_cloud.metrics import HandshakeMetrics
from cfos_cloud.pace import Pace
from cfos_cloud.seldom import Seldom

#: Tunnels that may begin in a second: of a core some two thirds (docs/performance.md).
PER_SECOND = 250.0
#: … and in one turn of the reactor, which so lasts no longer for others: who is slow
#: admits fewer.
AT_ONCE = 8
#: Seconds between two looks at the line.
TICK = 0.01
#: Seconds to wait at most: device ends give up after 60, the handshake included.
MOST_SECONDS = 45.0
#: Who may wait, of all and of one source: more would wait in vain.
MOST_WAITING = int(PER_SECOND * MOST_SECONDS)
MOST_OF_SOURCE = 1000
#: Those that are cut between two turns for others.
CUT_AT_ONCE = 50


class AdmissionFactory(ServerFactory):
    """
    In front of ``inner``, the factory of TLS connections.

    :param counts: is told how many wait, and what became of the others.
    """

    log = Logger()
    noisy = False

    def __init__(
        self,
        inner: IProtocolFactory,
        clock: IReactorTime,
        counts: HandshakeMetrics,
        *,
        per_second: float = PER_SECOND,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.inner = inner
        self._counts = counts
        self.clock = clock
        self._pace = Pace(clock.seconds, per_second, AT_ONCE)
        self._line: Line[Arrival] = Line(most_waiting, MOST_OF_SOURCE)
        self._timer: IDelayedCall | None = None
        self._seldom = Seldom(clock.seconds)

    def buildProtocol(self, addr: IAddress | None) -> Arrival:
        return Arrival(self)

    def startFactory(self) -> None:
        self.inner.doStart()

    def stopFactory(self) -> None:
        """No more connections come; those that wait wait on."""
        self.inner.doStop()

    def arrived(self, arrival: Arrival) -> None:
        """A device end is there: now, later, or not."""
        if not self._line and self._pace.take():
            self._admit(arrival)
            return
        arrival.since = self.clock.seconds()
        if not self._line.join(arrival.source, arrival):
            self._cut(arrival, "too many of them wait already")
            return
        self._counts.waiting += 1
        if self._timer is None:
            self._timer = self.clock.callLater(TICK, self._look)

    def left(self, arrival: Arrival) -> None:
        """It waits no longer, if it did."""
        if self._line.leave(arrival.source, arrival):
            self._counts.waiting -= 1

    def _look(self) -> None:
        self._timer = None
        longest = self.clock.seconds() - MOST_SECONDS
        cut = 0
        while self._line and cut < CUT_AT_ONCE and self._pace.is_free:
            arrival = self._line.next()
            self._counts.waiting -= 1
            if arrival.since < longest:
                cut += 1
                self._cut(arrival, "it would take too long")
            elif self._pace.take():
                self._admit(arrival)
        if self._line:
            self._timer = self.clock.callLater(TICK, self._look)

    def _admit(self, arrival: Arrival) -> None:
        self._counts.admitted += 1
        arrival.admit()

    def _cut(self, arrival: Arrival, why: str) -> None:
        self._counts.cut += 1
        if self._seldom.due("cut") is not None:
            self.log.warn(
                "device ends come faster than they can be let in, {waiting} wait; one "
                "from {client} is to try again later: {why}",
                waiting=len(self._line),
                client=arrival.client,
                why=why,
            )
        arrival.cut()
