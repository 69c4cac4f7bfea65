"""Addresses for tests and for the curious: a large download, a clock, an echo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime
from twisted.web.iweb import IRequest
from zope.interface import implementer

from cfos_cloud.demo.site import checks
from cfos_cloud.demo.site.access import DOOR
from cfos_cloud.demo.site.calls import Answer, Call
from cfos_cloud.demo.site.event_stream import EventStream, watch_seconds
from cfos_cloud.demo.site.routes import Needs, Result, route

MIB = 1024 * 1024
#: Largest blob that can be asked for, in MiB.
MAX_BLOB_MIB = 4096
CHUNK = 256 * 1024


class Probes:
    """``now`` gives seconds since the epoch."""

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now

    @route("/headers", needs=Needs.PERSON)
    async def headers(self, call: Call) -> Answer:
        """The request as it arrived here, but for what the device end is known by."""
        request = call.request
        return Answer(
            body={
                "method": request.method.decode("latin-1"),
                "target": request.uri.decode("latin-1"),
                "headers": [
                    [name.decode("latin-1"), value.decode("latin-1")]
                    for name, values in request.requestHeaders.getAllRawHeaders()
                    if name.lower() != DOOR
                    for value in values
                ],
            }
        )

    @route("/clock", needs=Needs.PERSON)
    async def clock(self, call: Call) -> Deferred[None]:
        """The site's time each second, as server-sent events."""

        def time() -> str:
            return datetime.fromtimestamp(self._now(), UTC).isoformat(" ", "seconds")

        stream = EventStream(call.request, self._clock, time)
        return stream.start(watch_seconds(self._clock))

    @route("/download/blob", needs=Needs.PERSON)
    async def blob(self, call: Call) -> Result:
        """``?mib=N`` MiB, made as fast as they are read."""
        size = 64 * MIB
        if "mib" in call.parameters:
            size = int(checks.number(call.parameters, "mib", 1, MAX_BLOB_MIB)) * MIB
        request = call.request
        headers = request.responseHeaders
        headers.removeHeader(b"server")
        headers.setRawHeaders(b"Content-Type", [b"application/octet-stream"])
        headers.setRawHeaders(
            b"Content-Disposition", [b'attachment; filename="blob.bin"']
        )
        headers.setRawHeaders(b"Content-Length", [b"%d" % size])
        if request.method == b"HEAD":
            request.write(b"")
            return succeed(None)
        return Blob(request, size, self._clock).start()


@implementer(IPushProducer)
class Blob:
    """Writes ``size`` bytes to ``request``, a piece each turn of the reactor."""

    _piece = bytes(range(256)) * (CHUNK // 256)

    def __init__(self, request: IRequest, size: int, clock: IReactorTime) -> None:
        self._request = request
        self._consumer = cast(IConsumer, request)
        self._left = size
        self._clock = clock
        self._paused = False
        self._scheduled = False
        self._done: Deferred[None] = Deferred(lambda _: self.stopProducing())

    def start(self) -> Deferred[None]:
        """Fires when all is written."""
        self._consumer.registerProducer(self, True)
        self._schedule()
        return self._done

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._schedule()

    def stopProducing(self) -> None:
        self._left = 0

    # within

    def _schedule(self) -> None:
        if not self._scheduled and self._left:
            self._scheduled = True
            self._clock.callLater(0, self._write)

    def _write(self) -> None:
        self._scheduled = False
        if self._paused or not self._left:
            return
        length = min(self._left, CHUNK)
        self._left -= length
        self._request.write(self._piece[:length])
        if self._left:
            self._schedule()
        else:
            self._consumer.unregisterProducer()
            self._done.callback(None)
