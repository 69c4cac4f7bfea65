"""A target in memory: connections are made, refused and ended by the test."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from cfos_cloud.relay.upstream import UpstreamConnection
from tests.memory import MemoryTransport, Message, parse_messages


class TargetTransport(MemoryTransport):
    """Also says whether small writes leave at once."""

    no_delay = False
    #: Our direction has ended, the target's may go on.
    write_ended = False

    def __init__(self) -> None:
        super().__init__()
        alsoProvides(self, ITCPTransport)

    def loseWriteConnection(self) -> None:
        self.write_ended = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class TargetConnection:
    """One connection to the target, as the target sees it."""

    def __init__(self, upstream: UpstreamConnection) -> None:
        self.upstream = upstream
        self.wire = TargetTransport()
        self.seen = b""
        upstream.makeConnection(self.wire)

    def requests(self) -> list[Message]:
        """Everything that was asked on it so far."""
        self.seen += self.wire.take()
        return parse_messages(self.seen)

    def send(self, data: bytes) -> None:
        self.upstream.dataReceived(data)

    def answer(self, body: bytes = b"", status: int = 200, fields: bytes = b"") -> None:
        """A whole response, the connection kept."""
        self.send(
            b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(body), fields, body)
        )

    def half_close(self) -> None:
        """The target sends nothing more, and still reads."""
        self.upstream.readConnectionLost()

    def end(self, *, clean: bool = True) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.upstream.connectionLost(Failure(why))


@implementer(IStreamClientEndpoint)
class Target:
    """The endpoint. Attempts wait for :meth:`accept` or :meth:`refuse`."""

    def __init__(self) -> None:
        self.attempts: list[tuple[IProtocolFactory, Deferred[IProtocol]]] = []
        self.connections: list[TargetConnection] = []

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        answer: Deferred[IProtocol] = Deferred()
        self.attempts.append((factory, answer))
        return answer

    @property
    def last(self) -> TargetConnection:
        return self.connections[-1]

    def accept(self) -> TargetConnection:
        """The oldest attempt succeeds."""
        factory, answer = self.attempts.pop(0)
        upstream = factory.buildProtocol(None)  # type: ignore[arg-type]
        assert isinstance(upstream, UpstreamConnection)
        self.connections.append(TargetConnection(upstream))
        answer.callback(upstream)
        return self.last

    def refuse(self, error: Exception) -> None:
        """The oldest attempt fails."""
        self.attempts.pop(0)[1].errback(error)
