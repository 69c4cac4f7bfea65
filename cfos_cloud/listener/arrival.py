"""A connection that begins TLS: a device end's waits for its turn, others go ahead."""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from cfos_cloud import alpn
from cfos_cloud.listener.client_hello import is_whole
from cfos_cloud.listener.first_bytes import MAX_FIRST_BYTES
from cfos_cloud.throttle import source_key

#: Seconds for the rest of a ClientHello that has begun; what then has come is for TLS.
PATIENCE = 10.0
#: As it stands in a ``ProtocolNameList`` (RFC 7301 §3.1), behind its length.
_ANNOUNCED = bytes((len(alpn.TUNNEL),)) + alpn.TUNNEL
#: Set on the transport of whoever has had a turn.
_MARK = "cfos_tunnel_admitted"


def was_admitted(transport: object) -> bool:
    """Whether this connection, or the one below its TLS, has had its turn."""
    return getattr(transport, _MARK, False) is True


def mark_admitted(transport: object) -> None:
    """This connection has had its turn."""
    setattr(transport, _MARK, True)


class Admission(Interface):
    """Who says when."""

    inner: IProtocolFactory
    clock: IReactorTime

    def arrived(self, arrival: Arrival) -> None:
        """A device end is there: :meth:`Arrival.admit` or :meth:`Arrival.cut` it."""

    def left(self, arrival: Arrival) -> None:
        """It is gone, whether it still waited or not."""


class Arrival(Protocol):
    """
    Waits for the whole ClientHello, :data:`PATIENCE` seconds at most, and gives way to
    the protocol of ``admission.inner``: when it is its turn, if it announces a tunnel,
    else at once. What only looks as if it did waits for nothing worse than its turn.

    :ivar since: when it began to wait, by the clock of who lets it in.
    :ivar source: what its line is kept by; ``client`` its address.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._seen = b""
        self._inner: IProtocol | None = None
        self._waits = False
        self._patience: IDelayedCall | None = None
        self.since = 0.0
        self.client = ""
        self.source = ""

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._seen += data
        if self._waits:
            if len(self._seen) > MAX_FIRST_BYTES:
                # Nobody has anything to say before the server's first answer.
                self.cut()
        elif is_whole(self._seen):
            self._stop_waiting()
            self._decide()
        elif self._patience is None:
            self._patience = self._admission.clock.callLater(PATIENCE, self._give_way)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        self._seen = b""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif self._waits:
            self._admission.left(self)

    def admit(self) -> None:
        """It is its turn."""
        mark_admitted(self.transport)
        self._give_way()

    def cut(self) -> None:
        """It may not wait any longer."""
        self._seen = b""
        transport: Any = self.transport
        transport.abortConnection()

    def _decide(self) -> None:
        if _ANNOUNCED not in self._seen:
            self._give_way()
            return
        self._waits = True
        transport: Any = self.transport
        self.client = str(getattr(transport.getPeer(), "host", ""))
        self.source = source_key(self.client)
        self._admission.arrived(self)

    def _give_way(self) -> None:
        self._patience = None
        seen, self._seen = self._seen, b""
        transport: Any = self.transport
        inner = self._admission.inner.buildProtocol(transport.getPeer())
        if inner is None:
            transport.abortConnection()
            return
        self._inner = inner
        if getattr(transport, "protocol", None) is self:
            # As the sniffer does: from here on this object is out of the way.
            transport.protocol = inner
        inner.makeConnection(transport)
        inner.dataReceived(seen)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
