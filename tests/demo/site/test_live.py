"""Live values by WebSocket."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from cfos_cloud.demo.site import front
from cfos_cloud.demo.site.live import CLOSE_SECONDS, PING_SECONDS, SLOW_SECONDS
from cfos_cloud.relay.channel import RequestChannel
from tests.demo.site.support import (
    ADMIN,
    GUEST,
    Fields,
    SiteTestCase,
    cloud,
    request,
)
from tests.end_to_end.websocket import CLOSE, TEXT, Reader, accept_of, frame, new_key
from tests.memory import MemoryTransport

PATH = "/api/site/live"
PING, PONG = 9, 10


class LiveTests(SiteTestCase):
    def open(
        self, who: Fields = ADMIN, *more: tuple[str, str]
    ) -> tuple[RequestChannel, MemoryTransport, bytes]:
        """A connection, and the head of the answer to its handshake."""
        through_cloud = any(name.startswith("Cfos-") for name, _ in who)
        channel, transport = self.memory.connect(through_cloud=through_cloud)
        self.key = new_key()
        fields = (
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", self.key),
        )
        host = "127.0.0.1:4711" if through_cloud else "site"
        channel.dataReceived(request("GET", PATH, (*who, *fields, *more), host=host))
        self.memory.settle()
        head, _, self.rest = transport.take().partition(b"\r\n\r\n")
        return channel, transport, head

    def frames(self, data: bytes) -> list[tuple[int, bytes]]:
        reader = Reader(self._end, data)
        found = []
        while True:
            try:
                found.append(reader.read_frame())
            except EOFError:
                return found

    def _end(self) -> bytes:
        raise EOFError

    def texts(self, data: bytes) -> list[Any]:
        return [json.loads(text) for code, text in self.frames(data) if code == TEXT]

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.site.tick(self.clock.seconds())

    def test_the_state_comes_at_once_and_with_each_second(self) -> None:
        _, transport, head = self.open()
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        self.assertIn(accept_of(self.key).encode(), head)
        (first,) = self.texts(self.rest)
        self.assertEqual(first, self.get_json("/api/site/state"))
        self.tick(3)
        times = [state["time"] for state in self.texts(transport.take())]
        self.assertEqual(len(set(times)), 3)

    def test_each_sees_what_is_theirs(self) -> None:
        for who in (GUEST, cloud("user", "guest")):
            self.open(who)
            (state,) = self.texts(self.rest)
            self.assertEqual([box["id"] for box in state["wallboxes"]], ["E1"])
            self.assertIsNone(state["meter"])

    def test_who_may_not_see_it_gets_no_connection(self) -> None:
        for who, status in (((), 401), (cloud("api", "billing"), 403)):
            _, _, head = self.open(who)
            self.assertIn(b" %d " % status, head.partition(b"\r\n")[0])

    def test_another_sites_page_gets_no_connection(self) -> None:
        _, _, head = self.open(ADMIN, ("Origin", "https://evil.example"))
        self.assertTrue(head.startswith(b"HTTP/1.1 403 "), head)
        _, _, head = self.open(ADMIN, ("Origin", "http://site"))
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)

    def test_without_an_upgrade_it_is_said_what_is_missing(self) -> None:
        answer = self.get(PATH)
        self.assertEqual((answer.status, answer.get(b"upgrade")), (426, b"websocket"))

    def test_a_handshake_that_is_none_is_refused(self) -> None:
        for fields in (
            (("Connection", "Upgrade"), ("Upgrade", "websocket")),
            (
                ("Connection", "Upgrade"),
                ("Upgrade", "chat"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", new_key()),
            ),
        ):
            self.assertEqual(self.get(PATH, (*ADMIN, *fields)).status, 400)

    def test_a_ping_is_answered(self) -> None:
        channel, transport, _ = self.open()
        channel.dataReceived(frame(PING, b"hello", masked=True))
        self.assertEqual(self.frames(transport.take()), [(PONG, b"hello")])

    def test_whoever_answers_no_ping_is_dropped(self) -> None:
        channel, transport, _ = self.open()
        self.clock.advance(PING_SECONDS)
        self.assertEqual(self.frames(transport.take()), [(PING, b"")])
        channel.dataReceived(frame(PONG, b"", masked=True))
        self.clock.advance(PING_SECONDS)
        self.assertFalse(transport.aborted)
        self.clock.advance(PING_SECONDS)
        self.assertTrue(transport.aborted)

    def test_a_slow_client_misses_some_and_a_very_slow_one_is_dropped(self) -> None:
        _, transport, _ = self.open()
        socket: Any = transport.producer
        socket.pauseProducing()
        self.tick(int(SLOW_SECONDS) - 1)
        self.assertEqual(transport.take(), b"")
        socket.resumeProducing()
        self.tick()
        self.assertEqual(len(self.texts(transport.take())), 1)
        socket.pauseProducing()
        self.tick(int(SLOW_SECONDS))
        self.assertTrue(transport.aborted)

    def test_a_close_is_answered_and_closes(self) -> None:
        channel, transport, _ = self.open()
        channel.dataReceived(frame(CLOSE, b"\x03\xe8", masked=True))
        self.assertEqual(self.frames(transport.take()), [(CLOSE, b"\x03\xe8")])
        self.assertTrue(transport.disconnecting)
        self.tick()
        self.assertEqual(transport.take(), b"")

    def test_what_comes_after_the_end_does_no_harm(self) -> None:
        channel, transport, _ = self.open()
        self.site.firmware.restart()
        self.tick()
        channel.dataReceived(frame(PING, b"still here", masked=True))
        channel.dataReceived(frame(CLOSE, b"\x03\xf4", masked=True))
        channel.dataReceived(frame(PING, b"still here", masked=True))
        self.assertEqual(self.frames(transport.take()), [(CLOSE, b"\x03\xf4")])
        self.assertTrue(transport.disconnecting)
        self.tick(int(2 * PING_SECONDS))
        self.assertTrue(transport.aborted)

    def test_what_breaks_the_protocol_closes_with_the_reason(self) -> None:
        for broken, code in (
            (frame(TEXT, b"not masked"), b"\x03\xea"),
            (frame(TEXT, b"\xff\xfe", masked=True), b"\x03\xef"),
            (b"\xf1\x80\0\0\0\0", b"\x03\xea"),
        ):
            channel, transport, _ = self.open()
            channel.dataReceived(broken)
            self.assertEqual(self.frames(transport.take())[0], (CLOSE, code), broken)
            self.tick(int(CLOSE_SECONDS))
            self.assertTrue(transport.ended)

    def test_what_a_client_sends_is_not_kept(self) -> None:
        channel, transport, _ = self.open()
        # the beginning of a message of 2^40 bytes
        head = b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0"
        channel.dataReceived(head)
        for _ in range(64):
            channel.dataReceived(b"x" * 65536)
        self.tick()
        self.assertEqual(len(self.texts(transport.take())), 1)

    def test_a_restart_ends_it_and_keeps_others_away_for_a_moment(self) -> None:
        _, transport, _ = self.open()
        self.send_json("/api/site/restart", {}, status=202)
        self.assertEqual(self.frames(transport.take())[-1], (CLOSE, b"\x03\xf4"))
        _, _, head = self.open()
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        self.clock.advance(5)
        _, _, head = self.open()
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)

    def test_a_user_who_is_removed_sees_no_more(self) -> None:
        _, transport, _ = self.open(GUEST)
        self.send_json("/api/site/users/guest", {}, method="DELETE", status=204)
        self.assertEqual(self.frames(transport.take()), [(CLOSE, b"\x03\xf0")])

    def test_so_does_the_admin_of_an_old_password(self) -> None:
        _, transport, _ = self.open()
        change = {"old": "adminsecret", "new": "anothersecret"}
        self.send_json("/api/site/admin-password", change)
        self.assertEqual(self.frames(transport.take()), [(CLOSE, b"\x03\xf0")])

    def test_nothing_is_left_of_one_that_is_lost(self) -> None:
        channel, _, _ = self.open()
        self.assertEqual(len(self.memory.sockets.local.live), 1)
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.memory.sockets.local.live), 0)
        self.assertEqual(len(self.memory.sockets.local.channels), 0)
        self.assertEqual(self.site._listeners, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_there_is_an_end_to_how_many_watch(self) -> None:
        self.patch(front, "MAX_LIVE", 2)
        heads = [self.open()[2].partition(b"\r\n")[0] for _ in range(3)]
        self.assertEqual([b"101" in head for head in heads], [True, True, False])
