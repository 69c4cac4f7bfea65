"""One listener to what happens: server-sent events to a client at its own pace."""

from __future__ import annotations

from collections import deque
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from cfos_cloud.web.download import Response

#: Messages, and bytes of them, that wait for a client which does not read.
MAX_MESSAGES = 500
MAX_BYTES = 256 * 1024
#: Tells the client that it has missed something, and is to ask for all anew.
RESYNC = b"event: resync\ndata: {}\n\n"
#: A comment: nothing happened, and the connection lives.
HEARTBEAT = b":\n\n"


class Seconds(Interface):
    """A clock."""

    def seconds(self) -> float: ...


@implementer(IPushProducer)
class LiveStream:
    """
    ``done`` fires when it is over, and is cancelled when the client has gone.

    What can't be sent at once waits, in bounds; beyond them all that waits is
    thrown away, and the client is told so when it reads again.
    """

    def __init__(self, response: Response, clock: Seconds) -> None:
        self.done: Deferred[None] = Deferred()
        #: When the client ceased to read; ``None``: it reads.
        self.stuck_since: float | None = None
        self._response = response
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._missed = False

    def begin(self) -> None:
        """Send the head, and hear of the client's pace from now on."""
        self._response.write(b"")
        self._response.registerProducer(self, True)

    def send(self, message: bytes) -> None:
        """Send a message, or keep it, or lose it with all that waits."""
        if self.done.called:
            return
        if self.stuck_since is None:
            self._response.write(message)
            return
        if self._missed:
            return
        self._waiting.append(message)
        self._bytes += len(message)
        if len(self._waiting) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._missed = True
            self._clear()

    def abort(self) -> None:
        """End it; a client that does not read is cut off."""
        if self.done.called:
            return
        self._clear()
        self._response.unregisterProducer()
        if self.stuck_since is not None:
            self._response.loseConnection()
        if not self.done.called:
            self.done.callback(None)

    # IPushProducer

    def pauseProducing(self) -> None:
        if self.stuck_since is None:
            self.stuck_since = self._clock.seconds()

    def resumeProducing(self) -> None:
        self.stuck_since = None
        if self._missed:
            self._missed = False
            self._response.write(RESYNC)
        while self._waiting and self.stuck_since is None:
            message = self._waiting.popleft()
            self._bytes -= len(message)
            self._response.write(message)

    def stopProducing(self) -> None:
        """The request's own end says the rest."""

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0
