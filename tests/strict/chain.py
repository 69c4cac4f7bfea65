"""
The whole way in one process: client, server, tunnel, device end, target. Everything is
real but the sockets.
"""

from __future__ import annotations

from typing import Any

from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.device.targets import Targets
from tests.gateway.support import Browser, GatewayCase
from tests.http.vectors.vector import TOKEN
from tests.strict.reader import Response, read_responses
from tests.strict.target import RecordingTarget
from tests.tunnel.support import MOST_TURNS, make_tunnel

#: Bytes that arrive at a time, at most.
READ_BYTES = 32 * 1024


class ChainCase(GatewayCase):
    """A site whose device end is real, and somebody who is logged in to it."""

    def setUp(self) -> None:
        super().setUp()
        self.target = RecordingTarget()
        self.grants = Grants(self.clock.seconds, lambda size: bytes(size))
        self.unknown: list[str] = []
        self.forwarder = Forwarder(
            self.grants,
            Targets(
                TargetSide(TargetPool(self.target, self.clock), b"http://192.168.1.20")
            ),
            self.clock,
            self.unknown.append,
        )
        self.tunnel = make_tunnel(self.clock, self.exchange)
        make_stream: Any = lambda: self.forwarder.stream_opened(0)  # noqa: E731
        self.tunnel.device.make_stream = make_stream
        grant = self.grants.issue("admin", "admin", 1e9)
        self.session = self.log_in(grant=grant.token)
        assert len(self.session.token) == len(TOKEN)

    def client(self) -> Browser:
        """A connection on plain HTTP: whoever knows the cookie may say it."""
        return self.browser(secure=False)

    def ours(self, data: bytes) -> bytes:
        """A vector's bytes with the session's cookie."""
        return data.replace(TOKEN, self.session.token)

    def send(self, client: Browser, data: bytes, at_a_time: int = READ_BYTES) -> None:
        """What a client sends, as far as it is read, and what comes of it."""
        for begin in range(0, len(data), at_a_time):
            if client.wire.ended:
                break
            client.send(data[begin : begin + at_a_time])
            if at_a_time > 1:
                self.settle()
        self.settle()

    def leave(self, client: Browser) -> None:
        """The connection is over, by whoever's will."""
        client.leave(clean=not client.wire.aborted)
        self.settle()

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(MOST_TURNS):
            self.tunnel.pump()
            if not self.target.serve():
                return
        raise AssertionError("it never ends")

    def answers(self, client: Browser, methods: list[bytes]) -> list[Response]:
        """What the client has got, as a stranger reads it."""
        in_order = client.wire.disconnecting and not client.wire.aborted
        return read_responses(client.wire.take(), methods, in_order)

    def check_canary(self, client: Browser | None = None) -> None:
        """Somebody's next request has the answer that is its own."""
        client = client or self.client()
        head = self.ours(
            b"GET /canary HTTP/1.1\r\nHost: h\r\nCookie: cfos=%b\r\n\r\n" % TOKEN
        )
        before = len(self.target.requests)
        self.send(client, head)
        [request] = self.target.requests[before:]
        self.assertEqual(request[:2], (b"GET", b"/canary"))
        self.assertEqual(client.one().body, b"GET /canary")
        self.leave(client)
