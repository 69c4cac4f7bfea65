"""Uploads stream: nothing is read before somebody may send it, nothing is kept."""

from __future__ import annotations

import hashlib
import json
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from cfos_cloud.demo.site.visitors import Role, Visitor
from tests.demo.site.support import (
    ADMIN,
    GUEST,
    SCRIPT,
    Fields,
    SiteTestCase,
    basic,
    cloud,
    request,
)
from tests.memory import parse_messages

PATH = "/api/site/firmware"


class UploadTests(SiteTestCase):
    def test_it_is_answered_by_size_and_sum(self) -> None:
        for data in (b"x", bytes(range(256)) * 1024):
            answer = self.memory.ask("POST", PATH, (*ADMIN, *SCRIPT), data)
            got = json.loads(answer.body)
            self.assertEqual((answer.status, got["size"]), (200, len(data)))
            self.assertEqual(got["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual(self.site.firmware.next_version, got["version"])

    def test_a_file_without_a_byte_is_none(self) -> None:
        answer = self.memory.ask("POST", PATH, (*ADMIN, *SCRIPT))
        self.assertEqual(answer.status, 422)
        self.assertEqual(json.loads(answer.body), {"errors": {"file": "required"}})

    def test_a_body_of_unknown_length_comes_in_chunks(self) -> None:
        channel, transport = self.memory.connect()
        head = request("PUT", "/upload", ADMIN).replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        )
        channel.dataReceived(head)
        self.memory.settle()
        for _ in range(3):
            channel.dataReceived(b"5\r\nhello\r\n")
        channel.dataReceived(b"0\r\n\r\n")
        self.memory.settle()
        (answer,) = parse_messages(transport.take())
        self.assertEqual(json.loads(answer.body)["size"], 15)

    def test_who_may_not_is_told_so_before_the_body_is_read(self) -> None:
        for who, more, status in (
            ((), SCRIPT, 401),
            (basic("admin", "wrong"), SCRIPT, 401),
            (GUEST, SCRIPT, 403),
            (ADMIN, (), 403),
        ):
            channel, transport = self.memory.connect()
            fields: Fields = (*who, *more, ("Expect", "100-continue"))
            head = request("POST", PATH, fields)
            head = head.replace(b"Content-Length: 0", b"Content-Length: 1000000")
            channel.dataReceived(head)
            self.memory.settle()
            (answer,) = parse_messages(transport.take())
            self.assertEqual(answer.status, status)

    def test_nothing_is_read_while_it_is_not_known_who_sends_it(self) -> None:
        waiting: Deferred[Visitor] = Deferred()
        factory = self.memory.sockets.local
        with patch.object(factory.access, "visitor", lambda *_: waiting):
            channel, transport = self.memory.connect()
            head = request("POST", "/upload", ADMIN)
            channel.dataReceived(
                head.replace(b"Content-Length: 0", b"Content-Length: 9") + b"one "
            )
        self.assertFalse(transport.reading)
        waiting.callback(Visitor(Role.USER, "guest"))
        self.assertTrue(transport.reading)
        channel.dataReceived(b"two 3")
        (answer,) = parse_messages(transport.take())
        self.assertEqual(json.loads(answer.body)["size"], 9)

    def test_whoever_waits_for_it_is_told_to_go_on(self) -> None:
        channel, transport = self.memory.connect()
        fields: Fields = (*ADMIN, *SCRIPT, ("Expect", "100-continue"))
        head = request("POST", PATH, fields)
        channel.dataReceived(head.replace(b"Content-Length: 0", b"Content-Length: 4"))
        self.memory.settle()
        self.assertEqual(transport.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        channel.dataReceived(b"data")
        self.memory.settle()
        (answer,) = parse_messages(transport.take())
        self.assertEqual(json.loads(answer.body)["size"], 4)

    def test_an_upload_that_breaks_off_is_none(self) -> None:
        channel, _ = self.memory.connect()
        head = request("POST", PATH, (*ADMIN, *SCRIPT))
        channel.dataReceived(head.replace(b"Content-Length: 0", b"Content-Length: 9"))
        self.memory.settle()
        before = self.site.firmware.next_version
        channel.dataReceived(b"data")
        channel.connectionLost(Failure(ConnectionLost()))
        self.memory.settle()
        self.assertEqual(self.site.firmware.next_version, before)

    def test_during_a_restart_nothing_is_taken(self) -> None:
        self.send_json("/api/site/restart", {}, status=202)
        answer = self.memory.ask("POST", PATH, (*ADMIN, *SCRIPT), b"x")
        self.assertEqual((answer.status, answer.get(b"retry-after")), (503, b"5"))

    def test_a_user_may_upload_to_where_nothing_happens(self) -> None:
        answer = self.memory.ask("POST", "/upload", GUEST, b"hello")
        self.assertEqual(json.loads(answer.body)["size"], 5)
        for who, status in (((), 401), (cloud("api", "billing"), 403)):
            answer = self.memory.ask("POST", "/upload", who, b"x")
            self.assertEqual(answer.status, status)


class DownloadTests(SiteTestCase):
    def test_a_blob_has_the_size_that_was_asked_for(self) -> None:
        channel, transport = self.memory.connect()
        channel.dataReceived(request("GET", "/download/blob?mib=2", ADMIN))
        self.memory.settle()
        (answer,) = parse_messages(transport.take())
        self.assertEqual(len(answer.body), 2 * 1024 * 1024)

    def test_it_waits_for_whoever_reads_it(self) -> None:
        channel, transport = self.memory.connect()
        channel.dataReceived(request("GET", "/download/blob?mib=3", ADMIN))
        channel.pauseProducing()
        self.memory.settle()
        self.assertLess(len(transport.take()), 1024 * 1024)
        channel.resumeProducing()
        self.memory.settle()
        self.assertGreater(len(transport.take()), 2 * 1024 * 1024)

    def test_nothing_is_left_of_one_that_breaks_off(self) -> None:
        channel, _ = self.memory.connect()
        channel.dataReceived(request("GET", "/download/blob?mib=64", ADMIN))
        channel.pauseProducing()
        self.memory.settle()
        channel.connectionLost(Failure(ConnectionLost()))
        self.memory.settle()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_silly_size_is_refused(self) -> None:
        for size in ("0", "-1", "x", "99999999"):
            self.assertEqual(self.get(f"/download/blob?mib={size}").status, 422)
        answer = self.memory.ask("HEAD", "/download/blob?mib=3", ADMIN)
        self.assertEqual(answer.get(b"content-length"), str(3 * 1024 * 1024).encode())

    def test_the_clock_ticks_until_the_browser_is_gone(self) -> None:
        channel, transport = self.memory.connect()
        channel.dataReceived(request("GET", "/clock", ADMIN))
        self.memory.settle()
        self.clock.pump([1, 0, 1, 0])
        told = transport.take()
        self.assertEqual(told.count(b"data: "), 3)
        self.assertIn(b"data: 2026-11-22 03:19:17+00:00\n\n", told)
        channel.connectionLost(Failure(ConnectionLost()))
        self.memory.settle()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_head_of_what_never_ends_ends(self) -> None:
        for path in ("/clock", "/api/site/cloud/events"):
            answer = self.memory.ask("HEAD", path, ADMIN)
            self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.site.cloud._listeners, set())

    def test_the_headers_come_back_as_they_arrived(self) -> None:
        got = self.get_json("/headers?a=b", (*ADMIN, ("X-Own", "1")))
        self.assertEqual((got["method"], got["target"]), ("GET", "/headers?a=b"))
        self.assertIn(["X-Own", "1"], got["headers"])
