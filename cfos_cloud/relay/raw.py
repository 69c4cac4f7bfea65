"""The two ends of a pair of connections of which nobody reads what passes."""

from __future__ import annotations

from abc import abstractmethod

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.relay.channel import CLOSE_SECONDS
from cfos_cloud.relay.deadline import Deadline
from cfos_cloud.relay.prompt import half_close, prompt
from cfos_cloud.relay.sinks import SwitchedSink
from cfos_cloud.relay.switched import SwitchedPair


@implementer(IPushProducer, IHalfCloseableProtocol)
class RawConnection(Protocol):
    """
    What both have: writes, ends, and reading that can pause. What was written before
    the end has 60 s to leave.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.lost = False
        self._closed = False
        self._read_ended = False
        self._deadline = Deadline(clock, self.abort)

    def write(self, data: bytes) -> None:
        if not self._closed:
            self.transport.write(data)  # type: ignore[union-attr]

    def close_writing(self) -> None:
        """FIN; where the transport has none, :meth:`close`."""
        if not self._closed and not half_close(self.transport):
            self.close()

    def close(self) -> None:
        """Close after what was written."""
        if self._closed:
            return
        self._closed = True
        self._deadline.set(CLOSE_SECONDS)
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Close at once: nobody must take a part for the whole."""
        self._closed = True
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def pause_reading(self) -> None:
        if not self.lost and not self._read_ended:
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def resume_reading(self) -> None:
        # After its end, reading would find the same end, again and again.
        if not self.lost and not self._read_ended:
            self.transport.resumeProducing()  # type: ignore[union-attr]

    @abstractmethod
    def half_closed(self) -> None:
        """Nothing more comes."""

    @abstractmethod
    def ended(self, *, clean: bool) -> None:
        """It is over."""

    # Protocol

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(prompt(transport))

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def readConnectionLost(self) -> None:
        if not self._read_ended:
            self._read_ended = True
            self.half_closed()

    def writeConnectionLost(self) -> None:
        """Our own doing."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = self._closed = True
        self._deadline.stop()
        self.ended(clean=reason.check(ConnectionDone) is not None)

    # IPushProducer: the connection as seen by who fills it

    @abstractmethod
    def pauseProducing(self) -> None:
        """It is full."""

    @abstractmethod
    def resumeProducing(self) -> None:
        """It takes more."""

    def stopProducing(self) -> None:
        """The connection is lost; :meth:`connectionLost` says the rest."""


class RawClient(RawConnection):
    """
    The connection that came: a :class:`~cfos_cloud.relay.switched.ClientSide`.

    :ivar sink: who takes what happens here, a pair say; to be set before anything can.
    """

    sink: SwitchedSink

    send_raw = RawConnection.write
    pause_request = RawConnection.pause_reading
    resume_request = RawConnection.resume_reading

    def dataReceived(self, data: bytes) -> None:
        self.sink.body(data)

    def half_closed(self) -> None:
        self.sink.half_closed()

    def ended(self, *, clean: bool) -> None:
        self.sink.closed(clean)

    def pauseProducing(self) -> None:
        self.sink.pause_response()

    def resumeProducing(self) -> None:
        self.sink.resume_response()


class RawUpstream(RawConnection):
    """
    The one made for it: an :class:`~cfos_cloud.relay.switched.UpstreamSide`.

    :ivar pair: likewise.
    """

    pair: SwitchedPair

    pause_response = RawConnection.pause_reading
    resume_response = RawConnection.resume_reading

    def dataReceived(self, data: bytes) -> None:
        self.pair.response_events([data])

    def half_closed(self) -> None:
        self.pair.upstream_half_closed()

    def ended(self, *, clean: bool) -> None:
        self.pair.upstream_lost(clean)

    def pauseProducing(self) -> None:
        self.pair.pause_request()

    def resumeProducing(self) -> None:
        self.pair.resume_request()
