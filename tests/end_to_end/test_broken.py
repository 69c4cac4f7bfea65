"""Transfers that break, on either side, and readers that don't read."""

from __future__ import annotations

import http.client
import socket
import struct
import time
from queue import SimpleQueue

from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.processes import PATIENCE
from tests.end_to_end.target import Request

MIB = 1024 * 1024


def reset(request: Request) -> None:
    """Break the connection off."""
    request.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    request.keep_alive = False


class ClientGoesTests(EndToEndTestCase):
    def test_in_a_download_the_devices_connection_ends(self) -> None:
        ended: SimpleQueue[str] = SimpleQueue()

        def route(request: Request) -> None:
            request.begin("200 OK", "Content-Length: 1000000")
            request.send(b"begin")
            request.wait_for_close()
            ended.put("yes")

        for leave in ("close", "abort"):
            wire = self.begin(self.route(route))
            wire.read_until(b"begin")
            getattr(wire, leave)()
            self.assertEqual(ended.get(timeout=PATIENCE), "yes", leave)

    def test_so_it_does_when_nothing_was_sent_yet(self) -> None:
        ended: SimpleQueue[str] = SimpleQueue()

        def route(request: Request) -> None:
            request.wait_for_close()
            ended.put("yes")

        path = self.route(route)
        wire = self.begin(path)
        self.target.wait_for(path)
        wire.close()
        self.assertEqual(ended.get(timeout=PATIENCE), "yes")

    def test_in_an_upload_the_device_sees_no_end(self) -> None:
        ends: SimpleQueue[object] = SimpleQueue()

        def route(request: Request) -> None:
            try:
                ends.put(b"".join(request.body()))
            except (EOFError, ConnectionError) as error:
                ends.put(type(error).__name__)
                raise

        path = self.route(route)
        sized = [("Content-Length", "100")]
        chunked = [("Transfer-Encoding", "chunked")]
        for number, (fields, part) in enumerate(
            ((sized, b"a part"), (chunked, b"6\r\na part\r\n")), 1
        ):
            wire = self.begin(path, fields, method="POST", rest=part)
            self.target.wait_for(path, number)
            wire.close()
            self.assertIn(
                ends.get(timeout=PATIENCE), ("EOFError", "ConnectionResetError")
            )

    def test_a_chunk_that_is_none_ends_the_upload(self) -> None:
        ends: SimpleQueue[object] = SimpleQueue()

        def route(request: Request) -> None:
            try:
                ends.put(b"".join(request.body()))
            except (EOFError, ConnectionError):
                ends.put("broken off")
                raise

        path = self.route(route)
        fields = [("Transfer-Encoding", "chunked")]
        wire = self.begin(path, fields, method="POST", rest=b"3\r\nabc\r\n")
        self.target.wait_for(path)
        wire.send(b"zz\r\n")
        self.assertEqual(ends.get(timeout=PATIENCE), "broken off")
        self.assertNotIn(b"200 OK", wire.read_all())


class DeviceGoesTests(EndToEndTestCase):
    def test_a_short_body_is_no_success(self) -> None:
        def sized(request: Request) -> None:
            request.begin("200 OK", "Content-Length: 1000")
            request.send(b"a part")
            arrived.get(timeout=PATIENCE)
            request.keep_alive = False

        def chunked(request: Request) -> None:
            request.begin("200 OK", "Transfer-Encoding: chunked")
            request.send_chunk(b"a part")
            arrived.get(timeout=PATIENCE)
            request.keep_alive = False

        def bad_chunk(request: Request) -> None:
            request.begin("200 OK", "Transfer-Encoding: chunked")
            request.send_chunk(b"a part")
            arrived.get(timeout=PATIENCE)
            request.send(b"zz\r\n")
            request.wait_for_close()

        def until_close(request: Request) -> None:
            request.begin("200 OK", "Connection: close")
            request.send(b"a part")
            arrived.get(timeout=PATIENCE)
            reset(request)

        arrived: SimpleQueue[None] = SimpleQueue()
        for route in (sized, chunked, bad_chunk, until_close):
            connection = self.admin.connection()
            self.admin.send(connection, "GET", self.route(route))
            response = connection.getresponse()
            self.assertEqual(response.read(6), b"a part")
            arrived.put(None)
            with self.assertRaises((http.client.IncompleteRead, OSError)):
                response.read()
            connection.close()

    def test_an_answer_that_is_no_http_is_a_502(self) -> None:
        for garbage in (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"\x00\xff\xfe\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
            b"\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"",
        ):

            def route(request: Request, garbage: bytes = garbage) -> None:
                request.send(garbage)
                request.keep_alive = False

            answer = self.admin.get(self.route(route))
            self.assertEqual(answer.status, 502, garbage)
            self.assertNotIn(b"SSH", answer.body)

    def test_so_is_a_head_without_end(self) -> None:
        def route(request: Request) -> None:
            request.send(b"HTTP/1.1 200 OK\r\n")
            for number in range(20_000):
                request.send(b"X-Header-%d: %s\r\n" % (number, b"x" * 100))

        self.assertEqual(self.admin.get(self.route(route)).status, 502)

    def test_bytes_beyond_an_answer_are_never_the_next_one(self) -> None:
        def route(request: Request) -> None:
            request.respond("200 OK", body=b"mine")
            request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

        path = self.route(route)
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for _ in range(5):
            self.admin.send(connection, "GET", path)
            self.assertEqual(self.admin.receive(connection).body, b"mine")
            self.admin.send(connection, "GET", "/file?after-poison")
            self.assertNotIn(b"poison", self.admin.receive(connection).body)

    def test_a_connection_that_the_device_closed_while_idle_is_replaced(self) -> None:
        def route(request: Request) -> None:
            request.respond("200 OK", body=b"fine")
            request.keep_alive = False  # without a word

        path = self.route(route)
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for _ in range(20):
            self.admin.send(connection, "GET", path)
            self.assertEqual(self.admin.receive(connection).body, b"fine")


class SlowReaderTests(EndToEndTestCase):
    def test_one_costs_no_memory_and_holds_up_nobody(self) -> None:
        size = 64 * MIB
        sent: list[int] = []

        def route(request: Request) -> None:
            request.begin("200 OK", f"Content-Length: {size}")
            for block in blocks(size):
                request.send(block)
                sent.append(len(block))

        processes = (self.server.process, self.site.device.process)
        before = [process.memory("VmRSS") for process in processes]
        readers = []
        for number in range(3):
            wire = self.begin(self.route(route))
            wire.read_head()
            readers.append(wire)
            self.assertEqual(self.admin.get(f"/beside/{number}").status, 200)
        # Until nothing moves any more: all the windows and buffers are full.
        length = -1
        while length != len(sent):
            length = len(sent)
            time.sleep(0.5)
        self.assertLess(sum(sent), 3 * size // 2)
        for process, bytes_before in zip(processes, before, strict=True):
            self.assertLess(process.memory("VmRSS") - bytes_before, 20 * MIB)
        for number in range(20):
            self.assertEqual(self.admin.get(f"/beside/{number}").status, 200)
        self.assertEqual(len(sent), length)
        # What waited is all there.
        data = (readers[0].read(MIB) for _ in range(size // MIB))
        self.assertEqual(digest(data), digest(blocks(size)))

    def test_the_devices_connection_is_as_good_after_one(self) -> None:
        size = 24 * MIB
        site = self.make_site("--max-connections=1")
        client = site.device.client()
        for number in range(5):
            wire = self.begin(f"/sized?n={size}", client=client)
            wire.read_head()
            time.sleep(0.2)
            self.assertEqual(len(wire.read(size)), size)
            # By the only connection that there is.
            self.assertEqual(client.get("/file").status, 200, number)
        self.assertEqual(site.target.accepted, 1)

    def test_a_device_that_does_not_read_stops_the_uploader(self) -> None:
        go: SimpleQueue[None] = SimpleQueue()

        def route(request: Request) -> None:
            go.get(timeout=PATIENCE)
            request.respond("200 OK", body=digest(request.body()).encode())

        size = 64 * MIB
        sent = 0
        fields = [("Content-Length", str(size))]
        path = self.route(route)
        wire = self.begin(path, fields, method="POST")
        self.target.wait_for(path)
        wire.socket.settimeout(0.5)
        parts = list(blocks(size))
        pending = b"".join(parts)
        try:
            while sent < size:
                sent += wire.socket.send(pending[sent : sent + 65536])
        except TimeoutError:
            pass
        self.assertLess(sent, size // 2)
        self.assertEqual(self.admin.get("/beside").status, 200)
        go.put(None)
        wire.socket.settimeout(PATIENCE)
        wire.send(pending[sent:])
        self.assertEqual(wire.read_head()[0], 200)
        self.assertEqual(wire.read(64).decode(), digest(blocks(size)))
