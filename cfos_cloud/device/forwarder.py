"""What the server opens: streams of requests, each of one grant, to the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.device.grants import Grant, Grants
from cfos_cloud.device.preamble import (
    MAX_PREAMBLE_BYTES,
    BadPreamble,
    HTTPPreamble,
    parse_preamble,
)
from cfos_cloud.device.rewriting import Mapping, request_to_target, response_fields
from cfos_cloud.device.target_pool import Claim, TargetError, TargetPool
from cfos_cloud.device.target_relay import TargetRelay
from cfos_cloud.http.message import BadMessage, RequestHead, ResponseHead, value_of
from cfos_cloud.relay.channel import RequestChannel, RequestSink
from cfos_cloud.relay.relay import Relay
from cfos_cloud.relay.upstream import UpstreamConnection
from cfos_cloud.tunnel.stream import TunnelStream

#: Seconds that the target may take for a response's head.
RESPONSE_SECONDS = 120.0
#: Seconds that the server may take for a stream's first line.
PREAMBLE_SECONDS = 10.0
#: Seconds that a stream may wait for the server's next request: the server, or the
#: browser behind it, ends it long before.
STREAM_IDLE_SECONDS = 600.0

_STATUS = {
    TargetError.REFUSED: (502, b"Bad Gateway"),
    TargetError.TIMEOUT: (504, b"Gateway Timeout"),
    TargetError.BUSY: (503, b"Service Unavailable"),
}


class Forwarder:
    """The protocols for the streams of all tunnels of this device end."""

    def __init__(
        self,
        grants: Grants,
        pool: TargetPool,
        target: bytes,
        clock: IReactorTime,
        unknown_grant: Callable[[str], None],
    ) -> None:
        self.grants = grants
        #: Called with a grant that we don't know: the server must be told.
        self.unknown_grant = unknown_grant
        self.pool = pool
        #: The target's origin, ``http://192.168.1.20`` say.
        self.target = target
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
        handler = RequestStream(self._forwarder, grant, preamble)
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


class RequestStream:
    """The request handler of one stream: each request takes a target connection."""

    log = Logger()

    def __init__(
        self, forwarder: Forwarder, grant: Grant, preamble: HTTPPreamble
    ) -> None:
        self._pool = forwarder.pool
        self._clock = forwarder.clock
        self._grant = grant
        self._mapping = Mapping(preamble.origin, forwarder.target)
        self._claim: Claim | None = None
        #: The request that has a connection of the ordinary ones.
        self._holding: TargetRelay | None = None
        #: The request whose response we wait for, and since when.
        self._awaited: TargetRelay | None = None
        self._timer: IDelayedCall | None = None

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        request = request_to_target(
            head, self._mapping, self._grant.user, self._grant.role
        )
        relay = TargetRelay(self, channel, head, self._grant, self._clock)
        relay.request = (b"", request)
        self._reach(relay)
        return relay

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        # The server has checked it: what comes out as doubtful here is its fault.
        self.log.warn("request of the server refused: {why}", why=why.reason)
        channel.abort()

    def channel_closed(self, channel: RequestChannel) -> None:
        self._grant.streams.discard(channel)
        if self._claim is not None:
            self._claim.cancel()
            self._claim = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Holder

    @property
    def stands_since(self) -> float | None:
        relay = self._holding
        return None if relay is None else relay.stands_since

    def make_room(self) -> None:
        relay = self._holding
        if relay is None:
            return
        self.log.info("a request that stands still makes room for another")
        unanswered, self._awaited = self._awaited, None
        if unanswered is relay:
            self._answer(relay, TargetError.BUSY)
        else:
            relay.give_up()
            relay.channel.abort()

    # RelayOwner

    def response_fields(self, relay: Relay[Grant], head: ResponseHead) -> bytes | None:
        self._awaited = None
        kind = value_of(head.fields, b"content-type") or b""
        if kind[:17].lower() == b"text/event-stream" and relay.upstream is not None:
            self._hold(None)
            if not self._pool.promote(relay.upstream):
                return None
        return response_fields(head, self._mapping)

    def response_refused(self, relay: Relay[Grant], head: ResponseHead) -> None:
        self._answer(relay, TargetError.BUSY)

    def relay_retry(self, relay: Relay[Grant]) -> bool:
        # All of ours are: request() makes them.
        self._reach(cast(TargetRelay, relay))
        return True

    def relay_failed(self, relay: Relay[Grant], why: str) -> None:
        self._awaited = None
        self.log.info("no response of the target: {why}", why=why)
        self._answer(relay, TargetError.REFUSED)

    def relay_done(self, relay: Relay[Grant], reusable: bool) -> None:
        self._awaited = None
        self._hold(None)
        if reusable and relay.upstream is not None:
            self._pool.release(relay.upstream)

    # within

    def _hold(self, relay: TargetRelay | None) -> None:
        self._holding = relay
        if relay is None:
            self._pool.held_by.discard(self)
        else:
            self._pool.held_by.add(self)

    def _reach(self, relay: TargetRelay) -> None:
        """Find a connection for ``relay``; its body waits until there is one."""
        long_lived = relay.head.upgrade is not None
        idle = None if long_lived else self._pool.take_idle()
        if idle is not None:
            self._send(relay, idle)
            return

        def got(upstream: UpstreamConnection) -> None:
            self._claim = None
            self._send(relay, upstream)
            relay.channel.resume_request()

        def failed(error: TargetError) -> None:
            self._claim = None
            relay.channel.resume_request()
            self._answer(relay, error)

        self._hold(None)
        relay.channel.pause_request()
        self._claim = Claim(got, failed, long_lived=long_lived)
        self._pool.claim(self._claim)

    def _send(self, relay: TargetRelay, upstream: UpstreamConnection) -> None:
        # One timer, moved lazily: most responses come in milliseconds.
        self._awaited = relay
        relay.waits_since = self._clock.seconds()
        if relay.head.upgrade is None:
            self._hold(relay)
        if self._timer is None:
            self._timer = self._clock.callLater(RESPONSE_SECONDS, self._check)
        relay.start(upstream, relay.request[1])

    def _check(self) -> None:
        self._timer = None
        relay = self._awaited
        if relay is None:
            return
        left = RESPONSE_SECONDS
        if relay.waits_for_target:
            left += relay.waits_since - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._check)
            return
        self._awaited = None
        relay.give_up()
        self._answer(relay, TargetError.TIMEOUT)

    def _answer(self, relay: Relay[Grant], error: TargetError) -> None:
        relay.give_up()
        status, reason = _STATUS[error]
        channel = relay.channel
        if channel.lost:
            return
        channel.respond(status, reason, b"Cfos-Error: %b\r\n" % error.value, 0)
        channel.finish()
