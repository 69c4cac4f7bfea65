"""A relay between a client and an upstream connection, both in memory."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import BadMessage, RequestHead, ResponseHead
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.relay.relay import Relay
from cfos_cloud.relay.upstream import UpstreamConnection
from tests.memory import MemoryTransport, Message, parse_messages

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
HEAD = b"<head>"


class End:
    """The handler of the client's requests, the relay's owner, the upstream's too."""

    def __init__(self) -> None:
        self.upstreams: list[UpstreamConnection] = []
        self.transports: list[MemoryTransport] = []
        self.relays: list[Relay[str]] = []
        self.done: list[bool] = []
        self.failed: list[str] = []
        self.retries = 0
        self.refused: list[int] = []
        #: Statuses that the client must not get.
        self.unwanted: set[int] = set()
        #: Whether another connection can be had after one was lost.
        self.has_more = True
        self.idle: UpstreamConnection | None = None

    @property
    def relay(self) -> Relay[str]:
        return self.relays[-1]

    @property
    def upstream(self) -> UpstreamConnection:
        return self.upstreams[-1]

    @property
    def transport(self) -> MemoryTransport:
        return self.transports[-1]

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> Relay[str]:
        relay = Relay(self, channel, head, "somebody")
        self.relays.append(relay)
        self.reach(relay)
        return relay

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        raise AssertionError(why)

    def channel_closed(self, channel: RequestChannel) -> None: ...

    # RelayOwner

    def response_fields(self, relay: Relay[str], head: ResponseHead) -> bytes | None:
        if head.status in self.unwanted:
            return None
        return b"".join(
            b"%b: %b\r\n" % (name, value)
            for lower, name, value in head.fields
            if lower
            not in (b"content-length", b"transfer-encoding", b"connection", b"upgrade")
        )

    def response_refused(self, relay: Relay[str], head: ResponseHead) -> None:
        self.refused.append(head.status)
        self.answer(relay, 503)

    def relay_retry(self, relay: Relay[str]) -> bool:
        self.retries += 1
        if self.has_more:
            self.reach(relay)
        return self.has_more

    def relay_failed(self, relay: Relay[str], why: str) -> None:
        self.failed.append(why)
        self.answer(relay, 502)

    def relay_done(self, relay: Relay[str], reusable: bool) -> None:
        self.done.append(reusable)
        if reusable:
            self.idle = relay.upstream

    # UpstreamOwner

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        if self.idle is upstream:
            self.idle = None

    # within

    def reach(self, relay: Relay[str]) -> None:
        upstream, self.idle = self.idle, None
        if upstream is None:
            upstream = UpstreamConnection(self)
            self.upstreams.append(upstream)
            self.transports.append(MemoryTransport())
            upstream.makeConnection(self.transport)
        relay.start(upstream, HEAD)

    def answer(self, relay: Relay[str], status: int) -> None:
        relay.channel.respond(status, b"Sorry", b"", 0)
        relay.channel.finish()


class RelayCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.end = End()
        self.client = MemoryTransport()
        self.channel = RequestChannel(self.end, self.clock)
        self.channel.makeConnection(self.client)

    def ask(self, data: bytes = GET) -> None:
        self.channel.dataReceived(data)

    def reply(self, data: bytes = OK) -> None:
        self.end.upstream.dataReceived(data)

    def got(self, *, bodiless: bool = False) -> list[Message]:
        """What the client has received since the last call."""
        return parse_messages(self.client.take(), bodiless=bodiless)

    def lose_client(self, *, clean: bool = True) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.channel.connectionLost(Failure(why))

    def lose_upstream(self, *, clean: bool = True) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.end.upstream.connectionLost(Failure(why))

    def kept(self) -> None:
        """One exchange, so that the next one is on a connection that has served."""
        self.ask()
        self.reply()
        self.got()
        self.end.transport.take()
        self.assertIsNotNone(self.end.idle)
        self.end.done.clear()
