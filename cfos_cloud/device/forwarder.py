"""What the server opens: streams of requests, each of one grant, to the target."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.device.grants import GrantSource
from cfos_cloud.device.preamble import (
    MAX_PREAMBLE_BYTES,
    BadPreamble,
    parse_preamble,
)
from cfos_cloud.device.request_stream import RequestStream, TargetSide
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.tunnel.stream import TunnelStream

#: Seconds that the server may take for a stream's first line.
PREAMBLE_SECONDS = 10.0
#: Seconds that a stream may wait for the server's next request: the server, or the
#: browser behind it, ends it long before.
STREAM_IDLE_SECONDS = 600.0


class Forwarder:
    """The protocols for the streams of all tunnels of this device end."""

    def __init__(
        self,
        grants: GrantSource,
        side: TargetSide,
        clock: IReactorTime,
        unknown_grant: Callable[[str], None],
    ) -> None:
        self.grants = grants
        #: Called with a grant that we don't know: the server must be told.
        self.unknown_grant = unknown_grant
        self.side = side
        self.clock = clock

    def stream_opened(self, stream_id: int) -> IProtocol:
        """A protocol for a new stream."""
        return _Incoming(self)


class _Incoming(Protocol):
    """A stream before its first line is complete; then it gives way to a channel."""

    log = Logger()
    transport: TunnelStream

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._line = b""
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._timer = self._forwarder.clock.callLater(PREAMBLE_SECONDS, self._abort)

    def dataReceived(self, data: bytes) -> None:
        self._line += data
        line, newline, rest = self._line.partition(b"\n")
        if len(line) >= MAX_PREAMBLE_BYTES:
            self._abort()
        elif newline:
            self._cancel_timer()
            self._begin(line, rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel_timer()

    def _begin(self, line: bytes, rest: bytes) -> None:
        try:
            preamble = parse_preamble(line)
        except BadPreamble as error:
            self.log.warn("stream of the server refused: {why}", why=str(error))
            self._abort()
            return
        grant = self._forwarder.grants.find(preamble.grant)
        if grant is None:
            self._forwarder.unknown_grant(preamble.grant)
            self._abort()
            return
        handler = RequestStream(
            self._forwarder.side, grant, preamble, self._forwarder.clock
        )
        channel = RequestChannel(
            handler,
            self._forwarder.clock,
            head_seconds=STREAM_IDLE_SECONDS,
            idle_seconds=STREAM_IDLE_SECONDS,
        )
        grant.streams.add(channel)
        # The stream is the channel's from here on.
        self.transport.connect(channel)
        if rest:
            channel.dataReceived(rest)

    def _abort(self) -> None:
        self.transport.abortConnection()

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
