"""
Our own pages on a connection that also serves devices.

Each request gets a small object with the interface of ``twisted.web._http2.H2Stream``
under twisted.web's ``Request``: an ``HTTPChannel`` could not be alternated with ours.
A body is read whole before the page sees it, and only a small one.
"""

from __future__ import annotations

import io
from typing import cast

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

from cfos_cloud.hosts import DeviceHost
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.safe_fields import complete

#: Bytes of a body that our own pages accept.
MAX_BODY_BYTES = 64 * 1024
#: Seconds that a client may take for such a body.
BODY_SECONDS = 20.0
#: Framing is the channel's, and nobody need know what twisted.web says of itself.
_LEFT_OUT = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"server"}
)


class CloudRequest(Request):
    """A request to one of our own pages."""

    #: JSON is not text/html: every page says what it is.
    defaultContentType = None
    client_address: str = ""
    secure: bool = False
    #: The system that the client is logged in to.
    cloud_id: str | None = None
    #: Whose host it came to; ``None``: the cloud's own, or there is one for all.
    device: DeviceHost | None = None
    #: What it is allowed by, once a page has found out.
    caller: object = None

    def isSecure(self) -> bool:
        return self.secure

    def getClientAddress(self) -> IAddress:
        return cast(IAddress, self.client)


class PageExchange:
    """
    One request to our own pages: a sink for its body, a channel for ``Request``.

    :param responses: counts of responses by the first digit of their status.
    :param strict: whether browsers are told to use TLS alone; ``None``: the pages
        carry what they say themselves, and nothing else.
    """

    transport = None

    def __init__(
        self,
        site: Site,
        channel: RequestChannel,
        head: RequestHead,
        client_address: str,
        secure: bool,
        cloud_id: str | None = None,
        responses: list[int] | None = None,
        device: DeviceHost | None = None,
        strict: bool | None = None,
    ) -> None:
        self.site = site
        #: No access log of twisted.web's.
        self.factory = None
        self._channel = channel
        self._head = head
        self._body = bytearray()
        self._over = False
        self._producer: IPushProducer | None = None
        self._full = False
        self._flushing = False
        self._timer: IDelayedCall | None = None
        self._secure = secure
        self._responses = responses
        self._strict = strict
        request = self._request = CloudRequest(self, False)
        request.site = site
        request.client_address = client_address
        request.secure = secure
        request.cloud_id = cloud_id
        request.device = device
        for _, name, value in head.fields:
            request.requestHeaders.addRawHeader(name, value)
        request.parseCookies()
        if head.length is not None and head.length > MAX_BODY_BYTES:
            # Before the client sends it; who waits to be told to never does.
            self._refuse(413, b"Content Too Large")
        elif head.length != 0:
            self._timer = channel.clock.callLater(BODY_SECONDS, self._overdue)
            if any(
                lower == b"expect" and value.lower() == b"100-continue"
                for lower, _, value in head.fields
            ):
                channel.inform(100, b"Continue", b"")
                channel.flush()

    # RequestSink

    def body(self, data: bytes) -> None:
        if self._over:
            return
        if len(self._body) + len(data) > MAX_BODY_BYTES:
            self._refuse(413, b"Content Too Large")
            return
        self._body += data
        self._count(len(self._body))

    def end(self) -> None:
        if self._over:
            return
        self._cancel_timer()
        request = self._request
        request.content = io.BytesIO()
        request.handleContentChunk(bytes(self._body))
        self._body.clear()
        self._count(0)
        # Framing is the channel's: as HTTP/2 there is none of twisted.web's.
        request.requestReceived(self._head.method, self._head.target, b"HTTP/2")

    def closed(self, clean: bool) -> None:
        self._cancel_timer()
        if not self._over:
            self._over = True
            why = ConnectionDone() if clean else ConnectionLost()
            self._request.connectionLost(Failure(why))

    def pause_response(self) -> None:
        self._full = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def resume_response(self) -> None:
        self._full = False
        if self._producer is not None:
            self._producer.resumeProducing()

    # the channel of ``Request``

    def writeHeaders(
        self,
        version: bytes,
        code: bytes | int,
        reason: bytes,
        headers: Headers | list[tuple[bytes, bytes]],
    ) -> None:
        pairs = (
            [(k, v) for k, values in headers.getAllRawHeaders() for v in values]
            if isinstance(headers, Headers)
            else headers
        )
        length: int | None = None
        out: list[bytes] = []
        for name, value in pairs:
            lower = name.lower()
            if lower == b"content-length":
                length = int(value)
            if lower not in _LEFT_OUT:
                out += (name, b": ", value, b"\r\n")
        if self._responses is not None:
            self._responses[int(code) // 100] += 1
        self._respond(int(code), reason, b"".join(out), length)

    def write(self, data: bytes) -> None:
        if not self._over:
            self._channel.send(data)
            if not self._flushing:
                # A small page leaves whole at its end, an event without one soon.
                self._flushing = True
                self._channel.clock.callLater(0, self._flush)

    def writeSequence(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def requestDone(self, request: Request) -> None:
        if not self._over:
            self._over = True
            self._channel.finish()

    def loseConnection(self) -> None:
        self.abortConnection()

    def abortConnection(self) -> None:
        if not self._over:
            self._over = True
            self._channel.abort()
            self._request.connectionLost(Failure(ConnectionAborted()))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        if not streaming:
            raise ValueError("our pages stream from push producers only")
        self._channel.flush()
        self._producer = cast(IPushProducer, producer)
        if self._full:
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        self._producer = None

    def getPeer(self) -> IAddress:
        return self._channel.transport.getPeer()  # type: ignore[union-attr]

    def getHost(self) -> IAddress:
        return self._channel.transport.getHost()  # type: ignore[union-attr]

    def isSecure(self) -> bool:
        return self._secure

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(400, b"Bad Request")

    # within

    def _flush(self) -> None:
        self._flushing = False
        if not self._over:
            self._channel.flush()

    def _count(self, unread: int) -> None:
        if self._channel.counting is not None:
            self._channel.counting.unread(unread)

    def _refuse(self, status: int, reason: bytes) -> None:
        self._cancel_timer()
        self._over = True
        self._body.clear()
        self._count(0)
        self._respond(status, reason, b"Cache-Control: no-store\r\n", 0)
        self._channel.finish()

    def _respond(
        self, status: int, reason: bytes, fields: bytes, length: int | None
    ) -> None:
        if self._strict is not None:
            fields = complete(fields, strict=self._strict)
        self._channel.respond(status, reason, fields, length)

    def _overdue(self) -> None:
        self._timer = None
        self._refuse(408, b"Request Timeout")

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
