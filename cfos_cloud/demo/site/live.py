"""
The live values by WebSocket (RFC 6455), on wsproto's sans-I/O protocol.

Not on ``twisted.web.websocket``: what a client sends it keeps without a bound, it
does not tell of a slow client (its producers never get registered on a server's
transport), and a broken frame ends in a traceback.
"""

from __future__ import annotations

import typing
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError
from zope.interface import implementer

from cfos_cloud.http.message import RequestHead

#: Seconds between pings; a client that has answered none by the next one is gone.
PING_SECONDS = 20.0
#: Seconds for which a client may not take what it was sent.
SLOW_SECONDS = 10.0
#: Seconds for a client to answer our close.
CLOSE_SECONDS = 5.0

Watch = Callable[[Callable[[], object]], Callable[[], None]]


class LiveEnd(Exception):
    """No more values for this client; the reason as RFC 6455 §7.4.1 has it."""

    def __init__(self, reason: CloseReason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class BadHandshake(Exception):
    """A request that is no handshake of a WebSocket."""


def accept(head: RequestHead) -> tuple[bytes, Connection]:
    """
    The answer to a handshake, and the connection that follows.

    :raises BadHandshake: it is none.
    """
    handshake = H11Handshake(ConnectionType.SERVER)
    fields = [(name, value) for _, name, value in head.fields]
    try:
        handshake.initiate_upgrade_connection(fields, head.target)
    except (RemoteProtocolError, UnicodeError) as error:
        raise BadHandshake(str(error)) from error
    answer = handshake.send(AcceptConnection())
    assert handshake.connection is not None  # noqa: S101 - it was accepted
    return answer, handshake.connection


@implementer(IPushProducer)
class LiveSocket(Protocol):
    """
    Sends the newest text whenever ``watch`` calls. A slow client misses some, a very
    slow one is dropped. What a client sends is not kept.

    :param hello: the answer to its handshake.
    :param text: the text of now, or :class:`LiveEnd`.
    :param over: called once, at the end.
    """

    def __init__(
        self,
        hello: bytes,
        connection: Connection,
        clock: IReactorTime,
        text: Callable[[], str],
        watch: Watch,
        over: Callable[[], object] = lambda: None,
    ) -> None:
        self._hello = hello
        self._connection = connection
        self._clock = clock
        self._text = text
        self._watch = watch
        self._over = over
        self._unwatch: Callable[[], None] = lambda: None
        self._full_since: float | None = None
        self._unanswered = False
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport = typing.cast(typing.Any, self.transport)
        transport.write(self._hello)
        transport.registerProducer(self, True)
        self._unwatch = self._watch(self._show)
        self._timer = self._clock.callLater(PING_SECONDS, self._ping)
        self._show()

    def dataReceived(self, data: bytes) -> None:
        if self._connection.state is ConnectionState.CLOSED:
            return
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._event(event)
        except RemoteProtocolError as error:
            hint = error.event_hint
            code = hint.code if isinstance(hint, CloseConnection) else None
            self._close(code or CloseReason.PROTOCOL_ERROR)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._unwatch()
        self._stop_timer()
        over, self._over = self._over, lambda: None
        over()

    # IPushProducer

    def pauseProducing(self) -> None:
        self._full_since = self._clock.seconds()

    def resumeProducing(self) -> None:
        self._full_since = None

    def stopProducing(self) -> None:
        """The connection is lost; :meth:`connectionLost` says the rest."""

    # within

    @property
    def _is_open(self) -> bool:
        return self._connection.state is ConnectionState.OPEN

    def _show(self) -> None:
        if not self._is_open:
            return
        try:
            text = self._text()
        except LiveEnd as end:
            self._close(end.reason)
            return
        if self._full_since is None:
            self._send(TextMessage(text))
        elif self._clock.seconds() - self._full_since >= SLOW_SECONDS:
            self._abort()

    def _event(self, event: Event) -> None:
        if isinstance(event, Ping):
            if self._is_open and self._full_since is None:
                self._send(event.response())
        elif isinstance(event, Pong):
            self._unanswered = False
        elif isinstance(event, CloseConnection) and self._is_open:
            # wsproto's word for what broke the protocol
            self._close(event.code)
        elif isinstance(event, CloseConnection):
            if self._connection.state is ConnectionState.REMOTE_CLOSING:
                self._send(event.response())
            self._lose()

    def _ping(self) -> None:
        if self._unanswered or not self._is_open:
            self._abort()
            return
        self._unanswered = True
        self._timer = self._clock.callLater(PING_SECONDS, self._ping)
        if self._full_since is None:
            self._send(Ping())

    def _close(self, code: int) -> None:
        if self._is_open:
            self._send(CloseConnection(code))
        self._unwatch()
        self._stop_timer()
        self._timer = self._clock.callLater(CLOSE_SECONDS, self._abort)

    def _send(self, event: Event) -> None:
        typing.cast(typing.Any, self.transport).write(self._connection.send(event))

    def _lose(self) -> None:
        self._unwatch()
        transport = typing.cast(typing.Any, self.transport)
        transport.unregisterProducer()
        transport.loseConnection()

    def _abort(self) -> None:
        self._timer = None
        typing.cast(typing.Any, self.transport).abortConnection()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
