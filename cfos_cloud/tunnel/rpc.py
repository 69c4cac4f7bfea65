"""The protocol on the control stream, the same at both ends."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.tunnel.control import (
    INTERNAL_ERROR,
    Call,
    ControlViolation,
    JSONObject,
    LineSplitter,
    Message,
    Notification,
    Refusal,
    Result,
    RpcError,
    UnknownMethod,
    parse,
    serialise,
)
from cfos_cloud.tunnel.reasons import ProtocolBroken, TunnelBroken

__all__ = ["ControlChannel", "ControlHandler", "RpcError", "UnknownMethod"]

#: Requests of the peer that we work on at the same time; more are a violation.
MAX_CALLS = 64
#: Requests of ours that wait for an answer; more are refused here.
MAX_ASKED = 64
TOO_MANY = -32003
#: Bytes of messages for a peer that takes none, beyond what its stream queues.
MAX_UNREAD_BYTES = 1024 * 1024
#: Time-outs of ours whose late answers we still await.
MAX_LATE = 256


class ControlHandler(Interface):
    """What the peer asks of this end."""

    def control_request(
        self, method: str, params: JSONObject
    ) -> JSONObject | Deferred[JSONObject]:
        """Answer, or raise :class:`RpcError` (:class:`UnknownMethod`)."""

    def control_notification(self, method: str, params: JSONObject) -> None:
        """Take note; unknown ones are ignored."""

    def control_lost(self, why: TunnelBroken) -> None:
        """
        The control stream has ended, once; ``why`` is to be believed only if the
        connection has not ended before.
        """


@implementer(IPushProducer)
class ControlChannel(Protocol):
    """JSON-RPC 2.0 on a stream: both ends may ask."""

    log = Logger()

    def __init__(self, handler: ControlHandler, clock: IReactorTime) -> None:
        self._handler = handler
        self._clock = clock
        self._lines = LineSplitter()
        self._numbers = count(1)
        self._asked: dict[int | str, Deferred[JSONObject]] = {}
        self._late: dict[int | str, Callable[[JSONObject], None]] = {}
        self._answering = 0
        #: Bytes that were sent since the peer takes none; ``None``: it does.
        self._unread: int | None = None
        self._lost = False
        #: A notification was ignored, and the log says so.
        self._has_warned = False
        self._why = TunnelBroken("the control stream was ended")

    def request(
        self,
        method: str,
        params: JSONObject,
        timeout: float,
        too_late: Callable[[JSONObject], None] | None = None,
    ) -> Deferred[JSONObject]:
        """
        Ask the peer. Errbacks with :class:`RpcError` (-32003, too, if 64 questions
        wait for their answers), ``TimeoutError`` after ``timeout`` seconds, or
        ``ConnectionLost``.

        :param too_late: called with a result that comes after the time-out; without
            it, or where the answer is an error, a late answer is ignored.
        """
        answer: Deferred[JSONObject] = Deferred()
        if self._lost:
            answer.errback(ConnectionLost())
            return answer
        if len(self._asked) >= MAX_ASKED:
            answer.errback(RpcError(TOO_MANY, "too many requests at once"))
            return answer
        number = next(self._numbers)
        line = serialise(Call(number, method, params))
        self._asked[number] = answer
        answer.addTimeout(timeout, self._clock)

        def missed(failure: Failure) -> Failure:
            if self._asked.pop(number, None) is not None and too_late is not None:
                self._late[number] = too_late
                while len(self._late) > MAX_LATE:
                    del self._late[next(iter(self._late))]
            return failure

        self._write(line)
        return answer.addErrback(missed)

    def notify(self, method: str, params: JSONObject) -> None:
        """Tell the peer; nothing comes back, not even whether it arrived."""
        if not self._lost:
            self._send(Notification(method, params))

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        try:
            for line in self._lines.feed(data):
                if line.strip():
                    self._receive(parse(line))
        except ControlViolation as error:
            self._why = ProtocolBroken(str(error))
            self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._lost:
            return
        self._lost = True
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(ConnectionLost())
        self._handler.control_lost(self._why)

    def readConnectionLost(self) -> None:
        """A control stream has no use for a half close: it ends."""
        self._abort()

    def writeConnectionLost(self) -> None:
        """Nothing more can be sent; the read side tells the rest."""

    # IPushProducer

    def pauseProducing(self) -> None:
        """The peer takes nothing: what we have to say is said all the same, so far."""
        self._unread = 0

    def resumeProducing(self) -> None:
        self._unread = None

    def stopProducing(self) -> None:
        """The stream is over; :meth:`connectionLost` says the rest."""

    def _abort(self) -> None:
        transport = self.transport
        if transport is not None:
            transport.abortConnection()  # type: ignore[attr-defined]

    def _receive(self, message: Message) -> None:
        match message:
            case Call():
                self._answer(message)
            case Notification(method, params):
                try:
                    self._handler.control_notification(method, params)
                except RpcError as error:
                    self._ignored(method, error)
            case Result(number, result):
                answer = self._asked.pop(number, None)
                if answer is not None:
                    answer.callback(result)
                elif number in self._late:
                    self._late.pop(number)(result)
            case Refusal(number, error):
                answer = None if number is None else self._asked.pop(number, None)
                if answer is not None:
                    answer.errback(error)

    def _ignored(self, method: str, error: RpcError) -> None:
        # Once: a peer can send thousands of them in a second.
        if not self._has_warned:
            self._has_warned = True
            self.log.warn(
                "notification {method} ignored: {why}",
                method=method,
                why=error.message,
            )

    def _answer(self, call: Call) -> None:
        if self._answering >= MAX_CALLS:
            raise ControlViolation(f"more than {MAX_CALLS} requests at once")
        self._answering += 1

        def done(result: JSONObject) -> None:
            self._answering -= 1
            self._send(Result(call.id, result))

        def failed(failure: Failure) -> None:
            self._answering -= 1
            if failure.check(RpcError):
                self._send(Refusal(call.id, failure.value))  # type: ignore[arg-type]
            else:
                self.log.failure(
                    "request {method} failed", failure=failure, method=call.method
                )
                self._send(Refusal(call.id, RpcError(INTERNAL_ERROR, "internal error")))

        answer: Deferred[JSONObject] = maybeDeferred(self._ask, call)
        answer.addCallbacks(done, failed)
        answer.addErrback(lambda f: self.log.failure("answer not sent", failure=f))

    def _ask(self, call: Call) -> Deferred[JSONObject]:
        answer = self._handler.control_request(call.method, call.params)
        return answer if isinstance(answer, Deferred) else succeed(answer)

    def _send(self, message: Message) -> None:
        if not self._lost:
            self._write(serialise(message))

    def _write(self, line: bytes) -> None:
        if self.transport is None:
            return
        self.transport.write(line)
        if self._unread is not None:
            self._unread += len(line)
            if self._unread > MAX_UNREAD_BYTES:
                self._why = TunnelBroken("the control stream is not read")
                self._abort()
