"""Bodies of every framing, both ways, bit for bit."""

from __future__ import annotations

import json
from queue import SimpleQueue

from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.processes import PATIENCE
from tests.end_to_end.target import FILE, Request

#: Many windows of a stream, and no whole number of blocks.
SIZE = 3 * 1024 * 1024 + 12_345


class DownloadTests(EndToEndTestCase):
    def test_a_body_of_known_length_keeps_it(self) -> None:
        answer = self.admin.get(f"/sized?n={SIZE}")
        self.assertEqual(answer.field("Content-Length"), str(SIZE))
        self.assertEqual(answer.field("Transfer-Encoding"), None)
        self.assertEqual(digest([answer.body]), digest(blocks(SIZE)))

    def test_a_chunked_one_stays_chunked(self) -> None:
        answer = self.admin.get(f"/chunked?n={SIZE}")
        self.assertEqual(answer.field("Transfer-Encoding"), "chunked")
        self.assertEqual(answer.field("Content-Length"), None)
        self.assertEqual(digest([answer.body]), digest(blocks(SIZE)))

    def test_one_that_ends_with_the_connection_gets_an_end_of_its_own(self) -> None:
        answer = self.admin.get(f"/until-close?n={SIZE}")
        self.assertEqual(answer.field("Transfer-Encoding"), "chunked")
        self.assertEqual(digest([answer.body]), digest(blocks(SIZE)))

    def test_a_client_of_http_1_0_gets_no_chunks(self) -> None:
        for path in ("/chunked", "/until-close", "/sized"):
            wire = self.admin.wire()
            head = self.admin.head("GET", f"{path}?n=100000")
            wire.send(head.replace(b"HTTP/1.1", b"HTTP/1.0"))
            status, fields = wire.read_head()
            self.assertEqual(status, 200)
            self.assertNotIn("transfer-encoding", {n.lower() for n, _ in fields})
            self.assertEqual(digest([wire.read_all()]), digest(blocks(100_000)))
            wire.close()

    def test_a_range_is_the_devices_to_cut(self) -> None:
        answer = self.admin.get("/file", ("Range", "bytes=100-299"))
        self.assertEqual(answer.status, 206)
        self.assertEqual(answer.field("Content-Range"), f"bytes 100-299/{len(FILE)}")
        self.assertEqual(answer.body, FILE[100:300])

    def test_a_head_has_the_length_and_no_body_and_leaves_the_connection(self) -> None:
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for path, framing in (("/sized", "Content-Length"), ("/chunked", None)):
            self.admin.send(connection, "HEAD", f"{path}?n={SIZE}")
            answer = self.admin.receive(connection)
            self.assertEqual((answer.status, answer.body), (200, b""))
            if framing is not None:
                self.assertEqual(answer.field(framing), str(SIZE))
            self.admin.send(connection, "GET", "/file")
            self.assertEqual(self.admin.receive(connection).body, FILE)

    def test_nor_have_204_and_304_one(self) -> None:
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for status in (204, 304):
            fields = [("If-None-Match", '"1"')]
            self.admin.send(connection, "GET", f"/status?is={status}", fields=fields)
            answer = self.admin.receive(connection)
            self.assertEqual((answer.status, answer.body), (status, b""))
            self.assertEqual(answer.fields, [("ETag", '"1"')])
            request = self.target.requests[-1]
            self.assertEqual(request.field("If-None-Match"), '"1"')
            self.admin.send(connection, "GET", "/file")
            self.assertEqual(self.admin.receive(connection).body, FILE)

    def test_what_the_device_sends_arrives_before_it_sends_more(self) -> None:
        told: SimpleQueue[bytes] = SimpleQueue()

        def route(request: Request) -> None:
            request.begin("200 OK", "Transfer-Encoding: chunked")
            while data := told.get(timeout=PATIENCE):
                request.send_chunk(data)
            request.send_chunk(b"")

        wire = self.begin(self.route(route))
        for number in range(20):
            part = b"part %d;" % number
            told.put(part)
            self.assertTrue(wire.read_until(b";").endswith(part))
        told.put(b"")
        wire.read_until(b"\r\n0\r\n\r\n")


class UploadTests(EndToEndTestCase):
    def test_a_body_of_known_length_keeps_it(self) -> None:
        fields = [("Content-Length", str(SIZE))]
        answer = self.admin.request("POST", "/hash", blocks(SIZE), fields)
        self.assertEqual(
            json.loads(answer.body), {"length": SIZE, "sha256": digest(blocks(SIZE))}
        )
        request = self.target.requests[-1]
        self.assertEqual(request.field("Content-Length"), str(SIZE))
        self.assertEqual(request.field("Transfer-Encoding"), None)

    def test_a_chunked_one_stays_chunked(self) -> None:
        answer = self.admin.request("PUT", "/hash", blocks(SIZE))
        self.assertEqual(
            json.loads(answer.body), {"length": SIZE, "sha256": digest(blocks(SIZE))}
        )
        request = self.target.requests[-1]
        self.assertEqual(request.field("Transfer-Encoding"), "chunked")
        self.assertEqual(request.field("Content-Length"), None)

    def test_bodies_follow_each_other_on_one_connection(self) -> None:
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for size in (0, 1, 70_000, 0, 300_000):
            self.admin.send(connection, "POST", "/hash", blocks(size))
            answer = json.loads(self.admin.receive(connection).body)
            self.assertEqual(answer["sha256"], digest(blocks(size)))

    def test_what_a_client_sends_arrives_before_it_sends_more(self) -> None:
        seen: SimpleQueue[bytes] = SimpleQueue()

        def route(request: Request) -> None:
            for data in request.body():
                seen.put(data)
            request.respond("200 OK")

        fields = [("Content-Length", "100")]
        wire = self.begin(self.route(route), fields, method="POST")
        for number in range(10):
            wire.send(b"part %d ..." % number)
            self.assertEqual(seen.get(timeout=PATIENCE), b"part %d ..." % number)
        self.assertEqual(wire.read_head()[0], 200)

    def test_the_device_decides_whether_a_body_is_to_come(self) -> None:
        def welcome(request: Request) -> None:
            request.begin("100 Continue")
            length = sum(len(data) for data in request.body())
            request.respond("200 OK", body=b"%d" % length)

        fields = [("Content-Length", "5"), ("Expect", "100-continue")]
        path = self.route(welcome)
        wire = self.begin(path, fields, method="POST")
        self.assertEqual(wire.read_head(), (100, []))
        self.assertEqual(self.target.wait_for(path).field("Expect"), "100-continue")
        wire.send(b"hello")
        self.assertEqual(wire.read_head()[0], 200)
        self.assertEqual(wire.read(1), b"5")

        def refuse(request: Request) -> None:
            request.respond("413 Too Much", "Connection: close", body=b"no")
            request.keep_alive = False

        wire = self.begin(self.route(refuse), fields, method="POST")
        self.assertEqual(wire.read_head()[0], 413)
        self.assertEqual(wire.read(2), b"no")

    def test_an_answer_before_the_end_of_the_upload_gets_through(self) -> None:
        def route(request: Request) -> None:
            body = request.body()
            next(body)
            request.respond("413 Too Much", body=b"that is enough")
            request.keep_alive = False

        fields = [("Content-Length", str(1 << 40))]
        path = self.route(route)
        wire = self.begin(path, fields, method="POST", rest=b"begin")
        status, answer = wire.read_head()
        self.assertEqual(status, 413)
        self.assertIn(("Connection", "close"), answer)
        self.assertEqual(wire.read(14), b"that is enough")

    def test_so_it_does_while_the_client_still_sends(self) -> None:
        def route(request: Request) -> None:
            next(request.body())
            request.respond("413 Too Much", body=b"that is enough")
            request.keep_alive = False

        fields = [("Content-Length", str(1 << 40))]
        wire = self.begin(self.route(route), fields, method="POST")
        for block in blocks(8 * 1024 * 1024):
            wire.send(block)
        self.assertEqual(wire.read_head()[0], 413)
        self.assertEqual(wire.read(14), b"that is enough")


class ConnectionTests(EndToEndTestCase):
    def test_many_requests_share_one_connection_to_the_device_too(self) -> None:
        before = self.target.accepted
        connection = self.admin.connection()
        self.addCleanup(connection.close)
        for number in range(100):
            self.admin.send(connection, "GET", f"/keep-alive/{number}")
            answer = self.admin.receive(connection)
            line = b"GET /keep-alive/%d HTTP/1.1\r\n" % number
            self.assertTrue(answer.body.startswith(line))
            self.assertEqual(answer.all("Connection"), [])
        self.assertLessEqual(self.target.accepted - before, 4)

    def test_the_devices_connection_is_as_good_after_a_large_answer(self) -> None:
        before = self.target.accepted
        for number in range(30):
            # A browser each, so that only the device end's connection is the same.
            answer = self.admin.get(f"/sized?n={SIZE // 3}")
            self.assertEqual(len(answer.body), SIZE // 3, number)
        self.assertLessEqual(self.target.accepted - before, 4)

    def test_what_is_pipelined_is_answered_in_order(self) -> None:
        wire = self.admin.wire()
        self.addCleanup(wire.close)
        requests = [
            self.admin.head("GET", "/pipelined/0"),
            self.admin.head("POST", "/hash", [("Content-Length", "3")]) + b"abc",
            self.admin.head("GET", "/cloud/health"),
            self.admin.head("HEAD", "/sized?n=1000"),
            self.admin.head("GET", "/ui/en/cloud-login.htm"),
            self.admin.head("GET", "/pipelined/1"),
        ]
        wire.send(b"".join(requests))
        bodies = []
        for request in requests:
            status, fields = wire.read_head()
            self.assertEqual(status, 200)
            (length,) = [int(v) for n, v in fields if n.lower() == "content-length"]
            is_head = request.startswith(b"HEAD")
            bodies.append(b"" if is_head else wire.read(length))
        starts = [b"GET /pipelined/0 ", b'{"length": 3', b'{"status": "ok"', b""]
        starts += [b"<!doctype html>", b"GET /pipelined/1 "]
        for body, start in zip(bodies, starts, strict=True):
            self.assertTrue(body.startswith(start), body[:100])

    def test_a_request_in_small_pieces_is_a_request(self) -> None:
        wire = self.admin.wire()
        self.addCleanup(wire.close)
        data = self.admin.head("POST", "/hash", [("Content-Length", "3")]) + b"abc"
        for start in range(0, len(data), 7):
            wire.send(data[start : start + 7])
        self.assertEqual(wire.read_head()[0], 200)
        self.assertIn(digest([b"abc"]).encode(), wire.read_until(b"}"))

    def test_close_is_obeyed(self) -> None:
        wire = self.begin("/file", [("Connection", "close")])
        _, fields = wire.read_head()
        self.assertIn(("Connection", "close"), fields)
        self.assertEqual(wire.read_all(), FILE)

    def test_no_more_than_four_requests_reach_the_device_at_once(self) -> None:
        go: SimpleQueue[None] = SimpleQueue()
        running: list[Request] = []
        most: list[int] = []

        def route(request: Request) -> None:
            running.append(request)
            most.append(len(running))
            go.get(timeout=PATIENCE)
            running.remove(request)
            request.respond("200 OK")

        path = self.route(route)
        threads = self.threads(12)
        answers = [threads.submit(self.admin.get, path) for _ in range(12)]
        self.target.wait_for(path, 4)
        for _ in answers:
            go.put(None)
        self.assertEqual([a.result().status for a in answers], [200] * 12)
        self.assertEqual(max(most), 4)
