"""A stream of the server before its first line is complete."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from cfos_cloud.device.preamble import MAX_PREAMBLE_BYTES
from cfos_cloud.tunnel.stream import TunnelStream

#: Seconds that the server may take for a stream's first line.
PREAMBLE_SECONDS = 10.0


class FirstLine(Protocol):
    """Aborts a stream whose first line is too long, or does not come in 10 s."""

    transport: TunnelStream

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._line = b""
        self._timer: IDelayedCall | None = None

    def begin(self, line: bytes, rest: bytes) -> None:
        """The line is there, without its newline; ``rest`` came with it."""
        raise NotImplementedError

    def abort(self) -> None:
        """Reset the stream."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        self._timer = self._clock.callLater(PREAMBLE_SECONDS, self.abort)

    def dataReceived(self, data: bytes) -> None:
        self._line += data
        line, newline, rest = self._line.partition(b"\n")
        if len(line) >= MAX_PREAMBLE_BYTES:
            self.abort()
        elif newline:
            self._cancel_timer()
            self.begin(line, rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
