"""Server-sent events: always the newest document, never a queue of them."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from zope.interface import implementer

#: Seconds after which a comment shows that the connection lives.
QUIET_SECONDS = 15.0

_log = Logger()

Watch = Callable[[Callable[[], object]], Callable[[], None]]


@implementer(IPushProducer)
class EventStream:
    """
    One answer that goes on until its browser is gone. A browser that is slow gets
    the newest document once it can take it, and none of those between.

    :param document: the text of the document now; one line.
    """

    def __init__(
        self, request: IRequest, clock: IReactorTime, document: Callable[[], str]
    ) -> None:
        self._request = request
        self._document = document
        self._sent: str | None = None
        self._paused = False
        self._due = False
        self._ended = False
        self._unwatch: Callable[[], None] = lambda: None
        self._quiet = LoopingCall(self._show_life)
        self._quiet.clock = clock

    def start(self, watch: Watch) -> Deferred[None]:
        """
        Send the document now, and again when ``watch`` calls; fires, cancelled, when
        the browser is gone.
        """
        headers = self._request.responseHeaders
        headers.removeHeader(b"server")
        headers.setRawHeaders(b"Content-Type", [b"text/event-stream; charset=utf-8"])
        headers.setRawHeaders(b"Cache-Control", [b"no-store"])
        headers.setRawHeaders(b"X-Content-Type-Options", [b"nosniff"])
        if self._request.method == b"HEAD":
            self._request.write(b"")
            return succeed(None)
        done: Deferred[None] = Deferred(lambda _: self._end())
        typing.cast(IConsumer, self._request).registerProducer(self, True)
        self._unwatch = watch(self._changed)
        self._changed()
        self._quiet.start(QUIET_SECONDS, now=False).addErrback(
            lambda failure: _log.failure("an event stream has failed", failure)
        )
        return done

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._due:
            self._changed()

    def stopProducing(self) -> None:
        self._end()

    # within

    def _changed(self) -> None:
        self._due = True
        if self._paused or self._ended:
            return
        self._due = False
        text = self._document()
        if text != self._sent:
            self._sent = text
            self._request.write(f"data: {text}\n\n".encode())

    def _show_life(self) -> None:
        if not self._paused and not self._ended:
            self._request.write(b": \n\n")

    def _end(self) -> None:
        self._ended = True
        self._unwatch()
        if self._quiet.running:
            self._quiet.stop()


def each_second(
    clock: IReactorTime, listener: Callable[[], object]
) -> Callable[[], None]:
    """Have ``listener`` called each second; returns what ends that."""
    loop = LoopingCall(listener)
    loop.clock = clock
    loop.start(1.0, now=False).addErrback(
        lambda failure: _log.failure("a clock has stopped", failure)
    )

    def end() -> None:
        if loop.running:
            loop.stop()

    return end


def watch_seconds(clock: IReactorTime) -> Watch:
    """A :data:`Watch` that calls each second."""
    return functools.partial(each_second, clock)
