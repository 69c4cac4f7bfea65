"""The accepting end of an HTTP/1.1 connection, whatever its transport."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from cfos_cloud.http.fields import response_framing
from cfos_cloud.http.message import (
    END,
    BadMessage,
    RequestEvent,
    RequestHead,
)
from cfos_cloud.relay.deadline import NEVER, Deadline
from cfos_cloud.relay.intake import Intake
from cfos_cloud.relay.prompt import Counting, counting_of, half_close, prompt
from cfos_cloud.relay.sinks import RequestHandler, RequestSink, SwitchedSink

__all__ = ["RequestChannel", "RequestHandler", "RequestSink"]

#: Seconds a client may take for a head, from its first byte or the connection's.
HEAD_SECONDS = 20.0
#: Seconds a connection may rest between two requests.
IDLE_SECONDS = 75.0
#: Seconds we go on reading a body whose response is out, so that the client, which
#: still writes, gets to read it (RFC 9112 §9.6).
LINGER_SECONDS = 5.0
#: Seconds a closing connection may take to get rid of what was written.
CLOSE_SECONDS = 60.0

#: Requests that begin in one turn of the reactor, of what a client has pipelined: all
#: of a read would be thousands, and seconds in which nobody else is served.
REQUESTS_AT_ONCE = 1

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
        self._intake = Intake()
        self._out: list[bytes] = []
        self._head = _NO_HEAD
        self._sink: RequestSink | None = None
        #: Set after a 101; the same as the sink.
        self._switched: SwitchedSink | None = None
        self._request_done = True
        self._response_done = True
        self._keep_alive = True
        self._chunked = False
        self._bodiless = False
        self._running = False
        #: The next request waits for the reactor's next turn.
        self._waits_for_turn = False
        self._flushing = False
        self._sink_paused = False
        self._reading = True
        self._read_ended = False
        self._client_full = False
        #: The connection is over.
        self.lost = False
        self._writable = True
        self._closing = False
        self._closed = False
        self._in_head = False
        #: Bytes of a head that has not come whole.
        self._head_bytes = 0
        #: Who counts what is kept here.
        self.counting: Counting | None = None
        self._deadline = Deadline(clock, self.abort)
        self._handed: Protocol | None = None

    @property
    def stays(self) -> bool:
        """Whether another request may follow the present one, as far as we know."""
        return self._keep_alive and not self._closing and not self.lost

    @property
    def resting(self) -> bool:
        """Whether no request is under way, as far as one has come whole."""
        return (
            self._response_done
            and self._request_done
            and self._switched is None
            and self._handed is None
        )

    # the response

    def respond(
        self, status: int, reason: bytes, fields: bytes, length: int | None
    ) -> None:
        """
        Begin the response to the present request.

        :param fields: serialised field lines, without any that frame or persist.
        :param length: bytes of the body; ``None``: not known, or none by nature.
        """
        if self._response_done:
            raise RuntimeError("there is no request to respond to")
        stays = self._request_done and self._head.keep_alive and not self._closing
        framing, self._chunked, self._bodiless, self._keep_alive = response_framing(
            self._head, status, length, stays
        )
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
        if self._out and self._writable:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out = []
            self.transport.write(data)  # type: ignore[union-attr]

    def switch(self, sink: SwitchedSink) -> None:
        """
        The connection is no HTTP any more (101 was sent): whatever comes goes to
        ``sink.body``, whatever goes is :meth:`send_raw`.
        """
        self.flush()
        self._deadline.clear()
        self._sink = self._switched = sink
        # Until now the end of one direction was the end of both.
        alsoProvides(self, IHalfCloseableProtocol)
        self.dataReceived = sink.body  # type: ignore[method-assign]
        rest = self._intake.take_rest()
        if rest:
            sink.body(rest)
        if not self._sink_paused:
            self._resume_reading()

    def send_raw(self, data: bytes) -> None:
        """Bytes of a switched connection."""
        if self._writable:
            self.transport.write(data)  # type: ignore[union-attr]

    def close_writing(self) -> None:
        """
        Nothing more goes on a switched connection, what comes is still taken; where
        the transport can't do that, :meth:`close`.
        """
        if self._writable and not half_close(self.transport):
            self.close()

    def hand_over(self, protocol: Protocol) -> None:
        """
        The connection belongs to ``protocol`` from now on: this channel is only a
        pipe to it.
        """
        self.flush()
        self._deadline.clear()
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        rest = self._intake.take_rest()
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
        self._intake.forget()
        self._deadline.set(CLOSE_SECONDS)
        # TLS closes when the peer says so, too: that must be read.
        self._resume_reading()
        # … and not as long as somebody may still produce.
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Close at once: the client must not take a part for the whole."""
        self._closing = self._closed = True
        self._writable = False
        self._out = []
        self._intake.forget()
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def close_when_idle(self) -> None:
        """Close after the present response, at once if there is none."""
        self._closing = True
        self._keep_alive = False
        if self._response_done and self._handed is None:
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
        self.counting = counting_of(self.transport)
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self._deadline.set(self._head_seconds)

    def dataReceived(self, data: bytes) -> None:
        if self._closed:
            return
        if self._intake.feed(data):
            if not self._running:
                self._run()
        elif self._intake.awaits_upgrade:
            # More before the upgrade is decided: one read of it is enough.
            if self._intake.has_rest:
                self._pause_reading()
        elif self._response_done and self._request_done:
            self._head_bytes += len(data)
            self._count(self._head_bytes)
            if not self._in_head:
                # A part of a head: the rest may not trickle in for ever.
                self._in_head = True
                self._deadline.set(self._head_seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self._writable = False
        self._deadline.stop()
        self._intake.close()
        handed, self._handed = self._handed, None
        if handed is not None or self._switched is not None:
            # It refers to us.
            del self.dataReceived
        if handed is not None:
            handed.connectionLost(reason)
        sink, self._sink, self._switched = self._sink, None, None
        if sink is not None:
            sink.closed(reason.check(ConnectionDone) is not None)
        self.handler.channel_closed(self)

    # IHalfCloseableProtocol, of a switched connection

    def readConnectionLost(self) -> None:
        """FIN, or over TLS close_notify."""
        if self._switched is not None and not self._read_ended:
            # Reading on would find the same end, again and again.
            self._read_ended = True
            self._switched.half_closed()

    def writeConnectionLost(self) -> None:
        """Our own doing."""

    # IPushProducer: the client's connection as seen by the response

    def pauseProducing(self) -> None:
        self._client_full = True
        if self._sink is not None:
            self._sink.pause_response()

    def resumeProducing(self) -> None:
        self._client_full = False
        if self._sink is not None:
            self._sink.resume_response()
        elif not self._running:
            self._run()

    def stopProducing(self) -> None:
        """The connection is lost; :meth:`connectionLost` says the rest."""

    # within

    def _run(self) -> None:
        """Work off what was read, as far as the present request lets us."""
        self._running = True
        intake = self._intake
        events = intake.events
        begun = 0
        try:
            while not self._sink_paused and not self.lost:
                if not events and not (intake.unread and intake.more()):
                    break
                event = events[0]
                if type(event) is RequestHead or type(event) is BadMessage:
                    if not self._request_done and type(event) is BadMessage:
                        # A body that breaks off: no response could be trusted.
                        self.abort()
                        break
                    if not self._response_done or not self._request_done:
                        break
                    if self._client_full:
                        # It would not read the next response either.
                        break
                    if begun == REQUESTS_AT_ONCE or self._waits_for_turn:
                        self._go_on_soon()
                        break
                    begun += 1
                events.popleft()
                self._event(event)
        finally:
            self._running = False
        if self._sink_paused or events or intake.unread:
            self._pause_reading()
        elif not self._reading:
            self._resume_reading()

    def _go_on_soon(self) -> None:
        """Others first, then the next request."""
        if not self._waits_for_turn:
            self._waits_for_turn = True
            self.clock.callLater(0, self._turn_came)

    def _turn_came(self) -> None:
        self._waits_for_turn = False
        if not (self.lost or self._closed or self._running):
            self._run()

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
        if self._in_head:
            self._in_head = False
            self._head_bytes = 0
            self._count(0)
        self._deadline.moment = NEVER
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
        self._intake.go_on()
        self._deadline.set(self._idle_seconds)
        if not self._running:
            self._run()

    def _linger(self) -> None:
        self._keep_alive = False
        self._deadline.set(LINGER_SECONDS)
        self._sink_paused = False
        if not self._running:
            self._run()

    def _pause_reading(self) -> None:
        if (
            self._reading
            and not self.lost
            and not self._read_ended
            and self._handed is None
        ):
            self._reading = False
            if self._intake.unread:
                self._count(len(self._intake.unread))
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def _resume_reading(self) -> None:
        if not self._reading and not self.lost and not self._read_ended:
            self._reading = True
            self._count(0)
            self.transport.resumeProducing()  # type: ignore[union-attr]

    def _count(self, unread: int) -> None:
        if self.counting is not None:
            self.counting.unread(unread)
