"""The way to the 101, without a network."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.handshake import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    ProofWanted,
    Rejected,
    Upgraded,
    UpgradeHandshake,
)
from cfos_cloud.device.retry_after import retry_after_seconds
from cfos_cloud.device.ways import Way
from cfos_cloud.tunnel.auth_params import parse_message
from cfos_cloud.tunnel.scram import (
    Challenge,
    ClientHandshake,
    HandshakeError,
    Proven,
    ServerHandshake,
    ServerNotProven,
    make_verifier,
)
from cfos_cloud.tunnel.websocket_frames import accept_of

PASSWORD = "correct horse battery"
VERIFIER = make_verifier(PASSWORD, 4096)
BINDING = b"b" * 32
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    b"Upgrade: cfos-tunnel/1\r\nAuthentication-Info: %b\r\n\r\n"
)
Event = ProofWanted | Upgraded | Rejected | None


def field(request: bytes, name: bytes) -> bytes:
    for line in request.split(b"\r\n"):
        if line.startswith(name + b": "):
            return line.partition(b": ")[2]
    raise AssertionError(request)


def unauthorized(*challenges: bytes, body: bytes = b"", more: bytes = b"") -> bytes:
    fields = b"".join(b"WWW-Authenticate: %b\r\n" % text for text in challenges)
    return b"HTTP/1.1 401 Unauthorized\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        fields,
        more,
        len(body),
        body,
    )


class Exchange:
    """A handshake with a server's half beside it."""

    def __init__(self, feed: Callable[[bytes], Iterator[bytes]] | None = None) -> None:
        self.server = ServerHandshake(lambda cloud_id: VERIFIER, BINDING)
        self.client = UpgradeHandshake(
            "h:4443", "cfos-device/1", ClientHandshake("abc", PASSWORD, BINDING)
        )
        self.feed = feed or (lambda data: iter([data]))
        self.request = self.client.begin()

    def receive(self, data: bytes) -> Event:
        """Feed ``data`` in pieces; the one event that comes of it."""
        events = []
        pieces = list(self.feed(data))
        while pieces:
            event = self.client.receive(pieces.pop(0))
            if isinstance(event, Upgraded):
                return Upgraded(event.rest + b"".join(pieces))
            if event is not None:
                events.append(event)
        assert len(events) <= 1, events
        return events[0] if events else None

    def challenge(self) -> bytes:
        answer = self.server.respond(field(self.request, b"Authorization"))
        assert isinstance(answer, Challenge)
        return answer.www_authenticate[0]

    def prove(self, event: Event) -> Proven:
        assert isinstance(event, ProofWanted), event
        self.request = self.client.prove(self.client.proof(event.challenge))
        answer = self.server.respond(field(self.request, b"Authorization"))
        assert isinstance(answer, Proven)
        return answer


class HandshakeTests(SynchronousTestCase):
    def test_both_requests_go_the_same_way(self) -> None:
        exchange = Exchange()
        first = exchange.request
        proven = exchange.prove(exchange.receive(unauthorized(exchange.challenge())))
        for request in (first, exchange.request):
            self.assertTrue(request.startswith(b"GET /cloud/tunnel HTTP/1.1\r\n"))
            self.assertTrue(request.endswith(b"\r\n\r\n"))
            self.assertEqual(field(request, b"Host"), b"h:4443")
            self.assertEqual(field(request, b"User-Agent"), b"cfos-device/1")
            self.assertEqual(field(request, b"Connection"), b"Upgrade")
            self.assertEqual(field(request, b"Upgrade"), b"cfos-tunnel/1")
        message = parse_message(field(first, b"Authorization"))
        self.assertTrue(
            b64decode(message.params["data"]).startswith(
                b"p=tls-server-end-point,,n=abc"
            )
        )
        event = exchange.receive(SWITCH % proven.authentication_info)
        self.assertEqual(event, Upgraded(b""))

    @given(st.data())
    def test_the_bytes_may_come_in_any_pieces(self, data: st.DataObject) -> None:
        def feed(whole: bytes) -> Iterator[bytes]:
            cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=6))
            edges = sorted({0, len(whole), *cuts})
            for start, end in pairwise(edges):
                yield whole[start:end]

        exchange = Exchange(feed)
        body = b"please prove it"
        event = exchange.receive(unauthorized(exchange.challenge(), body=body))
        proven = exchange.prove(event)
        event = exchange.receive(SWITCH % proven.authentication_info + b"\0\1yamux")
        self.assertEqual(event, Upgraded(b"\0\1yamux"))

    def test_what_follows_the_switch_belongs_to_the_tunnel(self) -> None:
        exchange = Exchange()
        proven = exchange.prove(exchange.receive(unauthorized(exchange.challenge())))
        rest = b"GET / HTTP/1.1\r\n\r\n"
        event = exchange.receive(SWITCH % proven.authentication_info + rest)
        self.assertEqual(event, Upgraded(rest))

    def test_interim_responses_are_passed_over(self) -> None:
        exchange = Exchange()
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        event = exchange.receive(hints + unauthorized(exchange.challenge()))
        self.assertIsInstance(event, ProofWanted)

    def test_foreign_challenges_beside_ours_do_no_harm(self) -> None:
        exchange = Exchange()
        challenge = exchange.challenge()
        event = exchange.receive(
            unauthorized(b"Negotiate YWJj=", b"Basic realm=x", challenge)
        )
        self.assertIsInstance(event, ProofWanted)

    def test_a_chunked_answer_is_read_too(self) -> None:
        exchange = Exchange()
        answer = (
            b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n"
            b"WWW-Authenticate: %b\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % exchange.challenge()
        )
        self.assertIsInstance(exchange.receive(answer), ProofWanted)

    def assert_fails(self, exchange: Exchange, data: bytes, words: str) -> None:
        error = self.assertRaises(HandshakeError, exchange.receive, data)
        self.assertIn(words, str(error))

    def test_a_connection_that_is_not_kept_ends_it(self) -> None:
        exchange = Exchange()
        answer = unauthorized(exchange.challenge(), more=b"Connection: close\r\n")
        self.assert_fails(exchange, answer, "keep the connection")

    def test_more_than_was_asked_for_ends_it(self) -> None:
        exchange = Exchange()
        answer = unauthorized(exchange.challenge())
        self.assert_fails(exchange, answer + answer, "keep the connection")

    def test_bytes_while_the_proof_is_computed_end_it(self) -> None:
        exchange = Exchange()
        exchange.receive(unauthorized(exchange.challenge()))
        self.assert_fails(exchange, b"HTTP/1.1 ", "out of turn")

    def test_heads_and_bodies_are_bounded(self) -> None:
        exchange = Exchange()
        head = b"HTTP/1.1 401 Unauthorized\r\nX: " + b"x" * MAX_HEAD_BYTES
        self.assert_fails(exchange, head, "too long")
        exchange = Exchange()
        endless = b"HTTP/1.1 103 x\r\n\r\n" * (MAX_HEAD_BYTES // 18 + 1)
        self.assert_fails(exchange, endless, "too long")
        exchange = Exchange()
        big = unauthorized(exchange.challenge(), body=b"x" * (MAX_BODY_BYTES + 1))
        self.assert_fails(exchange, big, "too long")

    def test_another_protocol_or_none_is_no_switch(self) -> None:
        for spoil in (
            lambda data: data.replace(b"cfos-tunnel/1", b"websocket"),
            lambda data: data.replace(b"Upgrade: cfos-tunnel/1\r\n", b""),
            lambda data: data.replace(b"Connection: Upgrade\r\n", b""),
        ):
            exchange = Exchange()
            challenge = unauthorized(exchange.challenge())
            proven = exchange.prove(exchange.receive(challenge))
            switch = spoil(SWITCH % proven.authentication_info)
            self.assertRaises(HandshakeError, exchange.receive, switch)

    def test_a_switch_without_the_servers_proof_is_refused(self) -> None:
        for info in (b"", b'sid="x", data="dj14"'):
            exchange = Exchange()
            exchange.prove(exchange.receive(unauthorized(exchange.challenge())))
            self.assertRaises(ServerNotProven, exchange.receive, SWITCH % info)

    def test_rejections_are_told_with_their_time(self) -> None:
        exchange = Exchange()
        event = exchange.receive(
            b"HTTP/1.1 503 Busy\r\nRetry-After: 12\r\nConnection: close\r\n\r\n"
        )
        self.assertEqual(event, Rejected(503, "the server is too busy", 12.0))

    @given(st.binary(max_size=400))
    def test_any_bytes_are_an_event_or_an_error(self, data: bytes) -> None:
        exchange = Exchange()
        try:
            event = exchange.receive(data)
        except HandshakeError:
            return
        self.assertTrue(event is None or isinstance(event, Rejected))


class WebSocketTests(SynchronousTestCase):
    """The same proof, and a WebSocket's handshake around it."""

    def setUp(self) -> None:
        self.exchange = Exchange()
        self.exchange.client = UpgradeHandshake(
            "h:4443",
            "cfos-device/1",
            ClientHandshake("abc", PASSWORD, BINDING),
            Way.WEBSOCKET,
        )
        self.exchange.request = self.exchange.client.begin()

    def prove(self) -> bytes:
        """``Authentication-Info`` for the second request."""
        challenge = unauthorized(self.exchange.challenge())
        proven = self.exchange.prove(self.exchange.receive(challenge))
        return proven.authentication_info

    def switch(self, info: bytes, **changed: bytes | None) -> bytes:
        key = field(self.exchange.request, b"Sec-WebSocket-Key")
        fields: dict[str, bytes | None] = {
            "Upgrade": b"websocket",
            "Sec-WebSocket-Accept": accept_of(key),
            "Sec-WebSocket-Protocol": b"cfos-tunnel.1",
            "Authentication-Info": info,
        }
        fields |= {name.replace("_", "-"): value for name, value in changed.items()}
        lines = [
            b"%b: %b\r\n" % (name.encode(), value)
            for name, value in fields.items()
            if value is not None
        ]
        return b"HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\n%b\r\n" % b"".join(lines)

    def test_both_requests_are_a_websocket_s(self) -> None:
        first = self.exchange.request
        self.prove()
        for request in (first, self.exchange.request):
            self.assertEqual(field(request, b"Connection"), b"Upgrade")
            self.assertEqual(field(request, b"Upgrade"), b"websocket")
            self.assertEqual(field(request, b"Sec-WebSocket-Version"), b"13")
            self.assertEqual(
                field(request, b"Sec-WebSocket-Protocol"), b"cfos-tunnel.1"
            )
            self.assertEqual(len(b64decode(field(request, b"Sec-WebSocket-Key"))), 16)
            self.assertNotIn(b"Origin", request)
            self.assertNotIn(b"Extensions", request)
        keys = {field(r, b"Sec-WebSocket-Key") for r in (first, self.exchange.request)}
        self.assertEqual(len(keys), 2)

    def test_the_right_answer_opens_it(self) -> None:
        info = self.prove()
        event = self.exchange.receive(self.switch(info) + b"\x82\x01x")
        self.assertEqual(event, Upgraded(b"\x82\x01x"))

    def test_any_other_does_not(self) -> None:
        for changed in (
            {"Upgrade": b"cfos-tunnel/1"},
            {"Sec-WebSocket-Accept": None},
            {"Sec-WebSocket-Accept": accept_of(b"another")},
            {"Sec-WebSocket-Protocol": None},
            {"Sec-WebSocket-Protocol": b"chat"},
            {"Sec-WebSocket-Extensions": b"permessage-deflate"},
        ):
            self.setUp()
            info = self.prove()
            with self.assertRaises(HandshakeError):
                self.exchange.receive(self.switch(info, **changed))

    def test_the_server_s_signature_is_checked_all_the_same(self) -> None:
        info = self.prove().replace(b'data="', b'data="AAAA')
        with self.assertRaises(ServerNotProven):
            self.exchange.receive(self.switch(info))


class RetryAfterTests(SynchronousTestCase):
    def test_seconds(self) -> None:
        self.assertEqual(retry_after_seconds([b" 120 "], []), 120.0)

    def test_a_date_counts_from_the_servers_own(self) -> None:
        until = b"Wed, 21 Oct 2015 07:28:00 GMT"
        now = b"Wed, 21 Oct 2015 07:26:30 GMT"
        self.assertEqual(retry_after_seconds([until], [now]), 90.0)
        self.assertEqual(retry_after_seconds([now], [until]), 0.0)
        self.assertIsNone(retry_after_seconds([until], []))

    def test_what_makes_no_sense_is_left_out(self) -> None:
        for values in ([], [b"1", b"2"], [b"-1"], [b"1.5"], [b"\xb2"], [b"9" * 10]):
            self.assertIsNone(retry_after_seconds(values, [b"x"]), values)
