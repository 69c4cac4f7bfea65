"""The accepting end of an HTTP/1.1 connection, whatever its transport."""

from __future__ import annotations

from collections import deque
from typing import Protocol as Interface

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.http.message import (
    END,
    BadMessage,
    RequestEvent,
    RequestHead,
)
from cfos_cloud.http.parser import RequestParser
from cfos_cloud.relay.prompt import prompt

#: Seconds a client may take for a head, from its first byte or the connection's.
HEAD_SECONDS = 20.0
#: Seconds a connection may rest between two requests.
IDLE_SECONDS = 75.0
#: Seconds we go on reading a body whose response is out, so that the client, which
#: still writes, gets to read it (RFC 9112 §9.6).
LINGER_SECONDS = 5.0
#: Seconds a closing connection may take to get rid of what was written.
CLOSE_SECONDS = 60.0


class RequestSink(Interface):
    """Who takes the rest of one request, and its client's state."""

    def body(self, data: bytes) -> None:
        """The next bytes of the body."""

    def end(self) -> None:
        """The request is complete."""

    def closed(self, clean: bool) -> None:
        """The client went away before its response was complete."""

    def pause_response(self) -> None:
        """The client's connection is full."""

    def resume_response(self) -> None:
        """The client's connection takes more."""


class RequestHandler(Interface):
    """Who answers the requests of a channel."""

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        """
        Answer ``head`` now (then ``None``), or name who does. The answer may come
        before the request is complete.
        """

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        """Answer what is no request; the channel closes after it."""

    def channel_closed(self, channel: RequestChannel) -> None:
        """The connection is over."""


#: Before the first request, and for what was none.
_NO_HEAD = RequestHead(b"GET", b"/", True, [], b"", 0, False, None, frozenset())


@implementer(IPushProducer)
class RequestChannel(Protocol):
    """
    Requests one at a time: what a client pipelines is held, at most one read of it,
    and reading stops. Writes of one turn are collected until :meth:`flush`.
    """

    log = Logger()

    def __init__(
        self,
        handler: RequestHandler,
        clock: IReactorTime,
        *,
        head_seconds: float = HEAD_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.handler = handler
        self.clock = clock
        self._head_seconds = head_seconds
        self._idle_seconds = idle_seconds
        self._parser = RequestParser()
        self._queue: deque[RequestEvent] = deque()
        self._out: list[bytes] = []
        self._head = _NO_HEAD
        self._sink: RequestSink | None = None
        self._raw: RequestSink | None = None
        self._request_done = True
        self._response_done = True
        self._keep_alive = True
        self._chunked = False
        self._bodiless = False
        self._running = False
        self._flushing = False
        self._sink_paused = False
        self._reading = True
        self._client_full = False
        #: The connection is over.
        self.lost = False
        self._closing = False
        self._closed = False
        self._in_head = False
        self._deadline = 0.0
        self._timer: IDelayedCall | None = None
        self._handed: Protocol | None = None

    # the response

    def respond(
        self, status: int, reason: bytes, fields: bytes, length: int | None
    ) -> None:
        """
        Begin the response to the present request.

        :param fields: serialised field lines, without any that frame or persist.
        :param length: bytes of the body; ``None``: not known, or none by nature.
        """
        head = self._head
        if self._response_done:
            raise RuntimeError("there is no request to respond to")
        self._bodiless = (
            head.method == b"HEAD" or status == 204 or status == 304 or status < 200
        )
        if not (self._request_done and head.keep_alive) or self._closing:
            self._keep_alive = False
        self._chunked = False
        if length is not None:
            framing = b"" if status == 204 else b"Content-Length: %d\r\n" % length
        elif self._bodiless:
            framing = b""
        elif head.is_11:
            self._chunked = True
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            self._keep_alive = False
            framing = b""
        if not self._keep_alive:
            framing += b"Connection: close\r\n"
        elif not head.is_11:
            framing += b"Connection: keep-alive\r\n"
        self._out += (
            b"HTTP/1.1 %d " % status,
            reason,
            b"\r\n",
            fields,
            framing,
            b"\r\n",
        )

    def inform(self, status: int, reason: bytes, fields: bytes) -> None:
        """An interim response (RFC 9110 §15.2); a client of HTTP/1.0 gets none."""
        if self._head.is_11:
            self._out += (b"HTTP/1.1 %d " % status, reason, b"\r\n", fields, b"\r\n")

    def send(self, data: bytes) -> None:
        """The next bytes of the response's body."""
        if self._bodiless:
            return
        if self._chunked:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self._out.append(data)

    def finish(self) -> None:
        """The response is complete; the next request may come."""
        if self._chunked and not self._bodiless:
            self._out.append(b"0\r\n\r\n")
        # What is done must not hear of a connection that this write fills.
        self._sink = None
        self.flush()
        self._response_done = True
        # Whoever had the body paused has no more say.
        self._sink_paused = False
        if not self._request_done:
            self._linger()
        elif not self._keep_alive:
            self.close()
        else:
            self._next()

    def flush_soon(self) -> None:
        """
        Write what was collected at the end of this reactor turn, along with what
        else comes in it: of a large body that is several TLS records at once.
        """
        if not self._flushing:
            self._flushing = True
            self.clock.callLater(0, self._turn_ended)

    def _turn_ended(self) -> None:
        self._flushing = False
        self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._out and not self.lost:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out = []
            self.transport.write(data)  # type: ignore[union-attr]

    def switch(self, sink: RequestSink) -> None:
        """
        The connection is no HTTP any more (101 was sent): whatever comes goes to
        ``sink.body``, whatever goes is :meth:`send_raw`.
        """
        self.flush()
        self._raw = sink
        self._sink = sink
        self._set_deadline(None)
        rest, self._parser.rest = self._parser.rest, b""
        if rest:
            sink.body(rest)
        if not self._sink_paused:
            self._resume_reading()

    def send_raw(self, data: bytes) -> None:
        """Bytes of a switched connection."""
        if not self.lost:
            self.transport.write(data)  # type: ignore[union-attr]

    def hand_over(self, protocol: Protocol) -> None:
        """
        The connection belongs to ``protocol`` from now on: this channel is only a
        pipe to it.
        """
        self.flush()
        self._set_deadline(None)
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        rest, self._parser.rest = self._parser.rest, b""
        self._sink = None
        self._handed = protocol
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        protocol.makeConnection(self.transport)
        self._resume_reading()
        if rest:
            protocol.dataReceived(rest)

    def close(self) -> None:
        """Close after what was written."""
        if self.lost or self._closed:
            return
        self.flush()
        self._closing = self._closed = True
        self._queue.clear()
        self._set_deadline(CLOSE_SECONDS)
        # TLS closes when the peer says so, too: that must be read.
        self._resume_reading()
        # … and not as long as somebody may still produce.
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Close at once: the client must not take a part for the whole."""
        self._closing = self._closed = True
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def close_when_idle(self) -> None:
        """Close after the present response, at once if there is none."""
        self._closing = True
        self._keep_alive = False
        if self._response_done and self._raw is None and self._handed is None:
            self.close()

    # the request's back pressure

    def pause_request(self) -> None:
        """Don't read more of the body."""
        self._sink_paused = True
        self._pause_reading()

    def resume_request(self) -> None:
        """Read on."""
        self._sink_paused = False
        if not self._running:
            self._run()

    # Protocol

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(prompt(transport))

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self._set_deadline(self._head_seconds)

    def dataReceived(self, data: bytes) -> None:
        if self._raw is not None:
            self._raw.body(data)
            return
        if self._closed:
            return
        self._queue += self._parser.feed(data)
        if self._queue:
            if not self._running:
                self._run()
        elif self._parser.standing:
            # More before the upgrade is decided: one read of it is enough.
            if self._parser.rest:
                self._pause_reading()
        elif self._response_done and self._request_done and not self._in_head:
            # A part of a head: the rest may not trickle in for ever.
            self._in_head = True
            self._set_deadline(self._head_seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._parser.close()
        self._queue.clear()
        handed, self._handed = self._handed, None
        if handed is not None:
            del self.dataReceived
            handed.connectionLost(reason)
        sink, self._sink, self._raw = self._sink, None, None
        if sink is not None:
            sink.closed(reason.check(ConnectionDone) is not None)
        self.handler.channel_closed(self)

    # IPushProducer: the client's connection as seen by the response

    def pauseProducing(self) -> None:
        self._client_full = True
        if self._sink is not None:
            self._sink.pause_response()

    def resumeProducing(self) -> None:
        self._client_full = False
        if self._sink is not None:
            self._sink.resume_response()

    def stopProducing(self) -> None:
        """The connection is lost; :meth:`connectionLost` says the rest."""

    # within

    def _run(self) -> None:
        """Work off what was read, as far as the present request lets us."""
        self._running = True
        try:
            while self._queue and not self.lost and not self._sink_paused:
                event = self._queue[0]
                if type(event) is RequestHead or type(event) is BadMessage:
                    if not self._request_done and type(event) is BadMessage:
                        # A body that breaks off: no response could be trusted.
                        self.abort()
                        break
                    if not self._response_done or not self._request_done:
                        break
                    if self._closed:
                        self._queue.clear()
                        break
                self._queue.popleft()
                self._event(event)
        finally:
            self._running = False
        if self._queue or self._sink_paused:
            self._pause_reading()
        else:
            self._resume_reading()

    def _event(self, event: RequestEvent) -> None:
        if type(event) is bytes:
            if self._sink is not None:
                self._sink.body(event)
        elif event is END:
            if self._request_done:
                return
            self._request_done = True
            if self._sink is not None:
                self._sink.end()
            elif self._response_done:
                # A body that nobody wanted has been read to its end.
                self.close()
        elif type(event) is RequestHead:
            self._begin(event)
        elif type(event) is BadMessage:
            self._refuse(event)

    def _begin(self, head: RequestHead) -> None:
        self._head = head
        self._request_done = head.length == 0
        self._response_done = False
        self._keep_alive = True
        self._in_head = False
        self._deadline = 0.0
        sink = self.handler.request(self, head)
        if sink is None or self._response_done:
            return
        self._sink = sink
        if self._client_full:
            sink.pause_response()
        if self._request_done:
            sink.end()

    def _refuse(self, why: BadMessage) -> None:
        if not self._response_done:
            self.abort()
            return
        self._head = _NO_HEAD
        self._request_done = True
        self._response_done = False
        self._keep_alive = False
        self.handler.bad_request(self, why)

    def _next(self) -> None:
        """A response is complete and so is its request."""
        if self._closing:
            self.close()
            return
        if self._parser.standing:
            self._queue += self._parser.go_on()
        self._set_deadline(self._idle_seconds)
        if not self._running:
            self._run()

    def _linger(self) -> None:
        self._keep_alive = False
        self._set_deadline(LINGER_SECONDS)
        self._sink_paused = False
        if not self._running:
            self._run()

    def _pause_reading(self) -> None:
        if self._reading and not self.lost and self._handed is None:
            self._reading = False
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def _resume_reading(self) -> None:
        if not self._reading and not self.lost:
            self._reading = True
            self.transport.resumeProducing()  # type: ignore[union-attr]

    # One timer a connection, moved lazily: a request costs it one assignment.

    def _set_deadline(self, seconds: float | None) -> None:
        if seconds is None:
            self._deadline = 0.0
            return
        self._deadline = self.clock.seconds() + seconds
        if self._timer is None:
            self._timer = self.clock.callLater(seconds, self._check_deadline)
        elif self._timer.getTime() > self._deadline:
            self._timer.reset(seconds)

    def _check_deadline(self) -> None:
        self._timer = None
        if self.lost or self._deadline == 0.0:
            return
        left = self._deadline - self.clock.seconds()
        if left > 0:
            self._timer = self.clock.callLater(left, self._check_deadline)
        else:
            self.abort()
