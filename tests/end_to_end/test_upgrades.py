"""Connections that stop being HTTP, and answers that never end."""

from __future__ import annotations

import os
import socket
from queue import SimpleQueue
from typing import Any

from tests.end_to_end import websocket
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Wire
from tests.end_to_end.half_close import TLSSocket
from tests.end_to_end.processes import PATIENCE, wait_until
from tests.end_to_end.target import Request, Route

MIB = 1024 * 1024
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "x")]


class WebSocketTests(EndToEndTestCase):
    def open(self, *, tls: bool = True) -> tuple[Wire, websocket.Reader]:
        client = self.admin if tls else self.site.device.client(tls=False)
        key = websocket.new_key()
        fields = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Protocol", "ocpp1.6"),
            ("Origin", client.origin),
        ]
        wire = self.begin("/websocket", fields, client=client)
        status, answer = wire.read_head()
        self.assertEqual(status, 101)
        self.assertEqual(
            answer,
            [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Accept", websocket.accept_of(key)),
            ],
        )
        return wire, websocket.Reader(lambda: wire.read_some() or self.fail("ended"))

    def test_the_device_sees_a_handshake_from_its_own_origin(self) -> None:
        self.open()
        request = self.target.requests[-1]
        for name, value in (
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Origin", self.target.url),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", "ocpp1.6"),
            ("Cfos-Role", "admin"),
        ):
            self.assertEqual(request.field(name), value)

    def test_messages_of_all_sizes_come_back(self) -> None:
        for tls in (True, False):
            wire, reader = self.open(tls=tls)
            for size in (0, 1, 125, 126, 65_535, 65_536, MIB, 5):
                payload = os.urandom(size)
                wire.send(websocket.frame(websocket.BINARY, payload, masked=True))
                opcode, got = reader.read_frame()
                self.assertEqual(opcode, websocket.BINARY)
                self.assertTrue(got == payload, size)

    def test_many_small_messages_come_back_in_order(self) -> None:
        wire, reader = self.open()
        for number in range(500):
            wire.send(websocket.frame(websocket.TEXT, b"%d" % number, masked=True))
        for number in range(500):
            self.assertEqual(reader.read_frame(), (websocket.TEXT, b"%d" % number))

    def test_each_message_comes_back_before_the_next_is_sent(self) -> None:
        wire, reader = self.open()
        for number in range(50):
            wire.send(websocket.frame(websocket.TEXT, b"%d" % number, masked=True))
            self.assertEqual(reader.read_frame(), (websocket.TEXT, b"%d" % number))

    def test_the_devices_close_reaches_the_browser(self) -> None:
        wire, reader = self.open()
        wire.send(websocket.frame(websocket.CLOSE, b"\x03\xe8", masked=True))
        self.assertEqual(reader.read_frame(), (websocket.CLOSE, b"\x03\xe8"))
        self.assertEqual(wire.read_all(), b"")

    def test_a_browser_that_goes_is_gone_for_the_device(self) -> None:
        wire, _ = self.open()
        request = self.target.requests[-1]
        wire.close()
        # The route reads on, finds the end, and the target closes.
        self.wait_until_closed(request)

    def wait_until_closed(self, request: Request) -> None:

        wait_until(lambda: request.connection.fileno() < 0, "the connection is closed")


class OtherUpgradeTests(EndToEndTestCase):
    def upgrade(self, protocol: str, *more: tuple[str, str]) -> tuple[int, Wire]:
        fields = [("Connection", "Upgrade"), ("Upgrade", protocol), *more]
        wire = self.begin("/upgrade", fields)
        status, _ = wire.read_head()
        return status, wire

    def test_whatever_protocol_a_device_has_passes_as_it_is(self) -> None:
        status, wire = self.upgrade("my-protocol/7")
        self.assertEqual(status, 101)
        for part in (b"\x00\xff raw\r\n\r\n", os.urandom(MIB)):
            wire.send(part)
            self.assertTrue(wire.read(len(part)) == part)

    def test_what_is_sent_along_with_the_request_is_not_lost(self) -> None:
        fields = [("Connection", "Upgrade"), ("Upgrade", "eager")]
        wire = self.begin("/upgrade", fields, rest=b"too early")
        self.assertEqual(wire.read_head()[0], 101)
        self.assertEqual(wire.read(9), b"too early")

    def test_to_another_http_or_to_tls_is_not_even_asked_for(self) -> None:
        settings = ("HTTP2-Settings", "AAMAAABkAAQAAP__")
        for protocol in (
            *("h2c", "H2C", "HTTP/2.0", "TLS/1.2", "cfos-tunnel/1"),
            "websocket, h2c",
        ):
            status, _ = self.upgrade(protocol, settings)
            self.assertEqual(status, 200, protocol)
            request = self.target.requests[-1]
            self.assertEqual(request.all("Upgrade"), [], protocol)
            self.assertEqual(request.all("Connection"), [], protocol)
            self.assertEqual(request.all("HTTP2-Settings"), [], protocol)

    def test_a_device_may_say_no(self) -> None:
        for method, path in (("GET", "/file"), ("GET", "/status?is=204")):
            connection = self.admin.connection()
            self.addCleanup(connection.close)
            fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
            self.admin.send(connection, method, path, fields=fields)
            self.assertIn(self.admin.receive(connection).status, (200, 204))
            self.admin.send(connection, "GET", "/after-the-no")
            self.assertEqual(self.admin.receive(connection).status, 200)

    def test_the_devices_end_is_the_browsers(self) -> None:
        def farewell(request: Request) -> None:
            request.begin("101 OK", "Connection: Upgrade", "Upgrade: x")
            request.send(b"last words")
            request.keep_alive = False

        wire = self.begin(self.route(farewell), UPGRADE)
        self.assertEqual(wire.read_head()[0], 101)
        self.assertEqual(wire.read_all(), b"last words")


class HalfCloseTests(EndToEndTestCase):
    def upgraded(self, route: Route, *, tls: bool) -> Wire:
        """A connection that can end one of its directions alone."""
        client = self.admin if tls else self.site.device.client(tls=False)
        plain = socket.create_connection((client.host, client.port), PATIENCE)
        connection: Any = TLSSocket(plain) if tls else plain
        self.addCleanup(connection.close)
        wire = Wire(connection)
        wire.send(client.head("GET", self.route(route), UPGRADE))
        self.assertEqual(wire.read_head()[0], 101)
        return wire

    def test_who_has_said_all_still_hears_the_answer(self) -> None:
        def sum_up(request: Request) -> None:
            request.begin("101 OK", "Connection: Upgrade", "Upgrade: x")
            request.keep_alive = False
            data = request.take_rest()
            try:
                while True:
                    data += request.receive()
            except EOFError:
                request.send(b"%d bytes" % len(data))

        for tls in (True, False):
            wire = self.upgraded(sum_up, tls=tls)
            wire.send(bytes(MIB))
            wire.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(wire.read_all(), b"1048576 bytes", tls)

    def test_a_device_that_has_said_all_still_listens(self) -> None:
        heard: SimpleQueue[bytes] = SimpleQueue()

        def listen(request: Request) -> None:
            request.begin("101 OK", "Connection: Upgrade", "Upgrade: x")
            request.keep_alive = False
            request.send(b"a question")
            request.connection.shutdown(socket.SHUT_WR)
            data = request.take_rest()
            try:
                while True:
                    data += request.receive()
            except EOFError:
                heard.put(data)

        for tls in (True, False):
            wire = self.upgraded(listen, tls=tls)
            self.assertEqual(wire.read(10), b"a question")
            self.assertEqual(wire.read_some(), b"", tls)
            wire.send(b"an ")
            wire.send(b"answer")
            wire.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(heard.get(timeout=PATIENCE), b"an answer")


class EventStreamTests(EndToEndTestCase):
    def test_events_arrive_one_by_one(self) -> None:
        events: SimpleQueue[bytes] = SimpleQueue()

        def route(request: Request) -> None:
            request.begin("200 OK", "Content-Type: text/event-stream")
            while event := events.get(timeout=PATIENCE):
                request.send(b"data: %b\n\n" % event)
            request.keep_alive = False

        wire = self.begin(self.route(route), [("Accept", "text/event-stream")])
        for number in range(20):
            events.put(b"%d" % number)
            got = wire.read_until(b"\n\n")
            self.assertTrue(got.endswith(b"data: %d\n\n" % number))
        events.put(b"")
        wire.read_until(b"\r\n0\r\n\r\n")

    def test_many_that_stay_open_leave_room_for_ordinary_requests(self) -> None:
        client = self.make_site().device.client()
        wires = []
        for _ in range(8):
            wires.append(self.open_stream(client))
            wires.append(self.begin("/upgrade", UPGRADE, client=client))
            self.assertEqual(wires[-1].read_head()[0], 101)
        self.assertEqual(client.get("/file").status, 200)
        # There is a bound, though, for either kind; then one may try again.
        for path, fields in (("/endless", []), ("/upgrade", UPGRADE)):
            answer = client.get(path, *fields, ("Accept", "application/json"))
            self.assertEqual(answer.status, 503)
            self.assertIn(b"urn:problem:cfos-cloud:busy", answer.body)
            self.assertIsNotNone(answer.field("Retry-After"))
        for wire in wires:
            wire.close()

        def has_room() -> bool:
            return self.begin("/endless", client=client).read_head()[0] == 200

        wait_until(has_room, "a closed stream makes room for another")
