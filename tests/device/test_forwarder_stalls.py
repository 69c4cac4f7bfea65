"""Who holds a connection to the target and stands still makes room for others."""

from __future__ import annotations

from cfos_cloud.device.target_pool import MAX_CONNECTIONS, STALL_SECONDS, WAIT_SECONDS
from tests.device.forwarder_support import (
    EVENTS,
    GET,
    ForwarderCase,
    ServerStream,
    post,
)
from tests.device.target_support import TargetConnection

LARGE = 600_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE


class StallTests(ForwarderCase):
    def unread(self) -> tuple[ServerStream, TargetConnection]:
        """A download that nobody takes any more."""
        stream = self.open(GET)
        stream.stream.pauseProducing()
        connection = self.accept()
        connection.send(HEAD + b"x" * (LARGE - 1))
        self.pump()
        return stream, connection

    def unsent(self) -> tuple[ServerStream, TargetConnection]:
        """An upload that does not go on."""
        stream = self.open(post(1000) + b"x" * 10)
        return stream, self.accept()

    def slow(self) -> tuple[ServerStream, TargetConnection]:
        """A request for which the target takes its time."""
        stream = self.open(GET)
        return stream, self.accept()

    def next_one(self) -> ServerStream:
        """One more request; what it pushed out is gone."""
        stream = self.open(GET)
        for connection in list(self.target.connections):
            if connection.wire.aborted and not connection.upstream.lost:
                connection.end(clean=False)
        self.pump()
        return stream

    def test_a_download_that_nobody_takes_makes_room(self) -> None:
        stream, connection = self.unread()
        for _ in range(MAX_CONNECTIONS - 1):
            self.slow()
        self.pass_time(STALL_SECONDS)
        served = self.next_one()
        self.assertTrue(connection.wire.aborted)
        self.assert_reset(stream)
        self.answer(self.accept(), b"at last")
        self.assertEqual(served.one().body, b"at last")

    def test_an_upload_that_does_not_go_on_makes_room(self) -> None:
        stream, connection = self.unsent()
        for _ in range(MAX_CONNECTIONS - 1):
            self.slow()
        self.pass_time(STALL_SECONDS)
        served = self.next_one()
        self.assertTrue(connection.wire.aborted)
        self.assert_trouble(stream, 503, b"busy")
        self.answer(self.accept(), b"at last")
        self.assertEqual(served.one().body, b"at last")

    def test_the_one_that_stands_longest_goes_and_only_that(self) -> None:
        first, _ = self.unread()
        self.pass_time(1)
        others = [self.unread()[0], *(self.unsent()[0] for _ in range(2))]
        self.pass_time(STALL_SECONDS)
        self.next_one()
        self.assert_reset(first)
        self.assertEqual([stream.lost for stream in others], [[]] * 3)
        self.assertEqual([stream.data for stream in others[1:]], [b""] * 2)

    def test_nobody_goes_who_moves_or_waits_for_the_target(self) -> None:
        unread, _ = self.unread()
        upload, _ = self.unsent()
        slow = [self.slow() for _ in range(2)]
        for _ in range(3):
            self.pass_time(STALL_SECONDS / 2)
            self.send(upload, b"x")
            unread.stream.resumeProducing()
            self.pump()
            unread.stream.pauseProducing()
        last = self.next_one()
        for stream in (unread, upload, *(stream for stream, _ in slow)):
            self.assertEqual(stream.lost, [])
        self.pass_time(WAIT_SECONDS)
        self.assert_trouble(last, 503, b"busy")

    def test_nobody_goes_while_nobody_waits(self) -> None:
        stream, connection = self.unread()
        self.pass_time(STALL_SECONDS * 3)
        self.answer(self.slow()[1])
        self.assertEqual(stream.lost, [])
        self.assertFalse(connection.wire.ended)

    def test_an_event_stream_does_not_count(self) -> None:
        stream = self.open(GET)
        stream.stream.pauseProducing()
        connection = self.accept()
        connection.send(EVENTS + b"x" * LARGE)
        for _ in range(MAX_CONNECTIONS):
            self.slow()
        self.pass_time(STALL_SECONDS)
        self.next_one()
        self.assertEqual(stream.lost, [])
        self.assertFalse(connection.wire.ended)

    def test_what_is_over_is_forgotten(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            stream, connection = self.unread()
            stream.reset()
            self.pump()
            connection.end(clean=False)
        self.assertEqual(self.pool.held_by, set())
        kept, connection = self.slow()
        self.assertEqual(len(self.pool.held_by), 1)
        self.answer(connection)
        self.assertEqual(self.pool.held_by, set())
        self.send(kept, GET)
        connection.end()
        self.pump()
        self.assertEqual(self.pool.held_by, set())
        self.answer(self.accept())
        self.assertEqual(len(kept.responses()), 2)
