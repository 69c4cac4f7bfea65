"""The accepting end of HTTP/1.1: framing, pipelining, keep-alive, timers."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import BadMessage, RequestEvent, RequestHead
from cfos_cloud.http.parser import RequestParser
from cfos_cloud.relay.channel import (
    CLOSE_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    REQUESTS_AT_ONCE,
    RequestChannel,
)
from cfos_cloud.relay.intake import PIECE_BYTES

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


class Sink:
    def __init__(self) -> None:
        self.data = b""
        self.ended = False
        self.was_closed: list[bool] = []
        self.paused = False
        self.half_closes = 0

    def body(self, data: bytes) -> None:
        self.data += data

    def end(self) -> None:
        self.ended = True

    def closed(self, clean: bool) -> None:
        self.was_closed.append(clean)

    def half_closed(self) -> None:
        self.half_closes += 1

    def pause_response(self) -> None:
        self.paused = True

    def resume_response(self) -> None:
        self.paused = False


class Handler:
    """Leaves every request to the test, unless told what to answer."""

    def __init__(self) -> None:
        self.heads: list[RequestHead] = []
        self.sinks: list[Sink] = []
        self.bad: list[BadMessage] = []
        self.closed = 0
        self.answer: bytes | None = None

    def request(self, channel: RequestChannel, head: RequestHead) -> Sink | None:
        self.heads.append(head)
        if self.answer is not None:
            channel.respond(200, b"OK", b"", len(self.answer))
            channel.send(self.answer)
            channel.finish()
            return None
        self.sinks.append(Sink())
        return self.sinks[-1]

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        self.bad.append(why)
        channel.respond(why.status, b"Bad", b"", 0)
        channel.finish()

    def channel_closed(self, channel: RequestChannel) -> None:
        self.closed += 1


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def reading(self) -> bool:
        return self.producerState == "producing"


class ChannelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.handler = Handler()
        self.transport = Transport()
        self.channel = RequestChannel(self.handler, self.clock)
        self.channel.makeConnection(self.transport)

    def turn(self) -> None:
        """One of a reactor's: what is called for in it comes in the next."""
        due = [call for call in self.clock.calls if call.time <= self.clock.seconds()]
        for call in due:
            self.clock.calls.remove(call)
            call.called = 1
            call.func()

    def sent(self) -> bytes:
        value: bytes = self.transport.value()
        self.transport.clear()
        return value

    def respond(self, body: bytes | None = b"", length: int | None = 0) -> bytes:
        self.channel.respond(200, b"OK", b"A: b\r\n", length)
        if body:
            self.channel.send(body)
        self.channel.finish()
        return self.sent()


class Responses(ChannelCase):
    def test_head_and_body_leave_in_one_write(self) -> None:
        self.channel.dataReceived(GET)
        self.assertEqual(
            self.respond(b"hello", 5),
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello",
        )
        self.assertFalse(self.transport.disconnecting)

    def test_an_unknown_length_is_chunked(self) -> None:
        self.channel.dataReceived(GET)
        self.assertTrue(
            self.respond(b"hello", None).endswith(
                b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            )
        )

    def test_an_unknown_length_ends_with_the_connection_for_http_1_0(self) -> None:
        self.channel.dataReceived(
            b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
        )
        self.assertTrue(
            self.respond(b"hello", None).endswith(b"Connection: close\r\n\r\nhello")
        )
        self.assertTrue(self.transport.disconnecting)

    def test_http_1_0_is_told_of_keep_alive(self) -> None:
        self.channel.dataReceived(
            b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
        )
        self.assertIn(b"Connection: keep-alive\r\n", self.respond(b"x", 1))
        self.assertFalse(self.transport.disconnecting)

    def test_head_has_the_length_but_no_body(self) -> None:
        self.channel.dataReceived(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(self.respond(b"hello", 5).endswith(b"Length: 5\r\n\r\n"))

    def test_204_has_no_length(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.respond(204, b"No Content", b"", 0)
        self.channel.finish()
        self.assertEqual(self.sent(), b"HTTP/1.1 204 No Content\r\n\r\n")

    def test_close_is_honoured(self) -> None:
        self.channel.dataReceived(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        self.assertIn(b"Connection: close\r\n", self.respond())
        self.assertTrue(self.transport.disconnecting)

    def test_interim_responses_are_not_for_http_1_0(self) -> None:
        self.channel.dataReceived(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        self.channel.inform(100, b"Continue", b"")
        self.channel.flush()
        self.assertEqual(self.sent(), b"")


class Requests(ChannelCase):
    def test_a_body_streams(self) -> None:
        self.channel.dataReceived(POST + b"he")
        self.assertEqual(self.handler.sinks[0].data, b"he")
        self.assertFalse(self.handler.sinks[0].ended)
        self.channel.dataReceived(b"llo")
        self.assertEqual(self.handler.sinks[0].data, b"hello")
        self.assertTrue(self.handler.sinks[0].ended)

    def test_pipelined_requests_wait_and_reading_stops(self) -> None:
        self.channel.dataReceived(GET * 3)
        self.assertEqual(len(self.handler.heads), 1)
        self.assertFalse(self.transport.reading)
        self.respond()
        self.assertEqual(len(self.handler.heads), 2)
        self.respond()
        self.assertEqual(len(self.handler.heads), 3)
        self.assertTrue(self.transport.reading)

    def test_a_thousand_pipelined_requests_do_not_exhaust_the_stack(self) -> None:
        self.handler.answer = b"x"
        self.channel.dataReceived(GET * 1000)
        self.clock.pump([0.0] * 1000)
        self.assertEqual(self.sent().count(b"HTTP/1.1 200"), 1000)

    def test_a_read_full_of_requests_leaves_turns_to_others(self) -> None:
        self.handler.answer = b"x"
        self.channel.dataReceived(GET * 3 * REQUESTS_AT_ONCE)
        for turn in (1, 2, 3):
            self.assertEqual(len(self.handler.heads), turn * REQUESTS_AT_ONCE)
            self.assertEqual(self.transport.reading, turn == 3)
            self.turn()
        self.assertEqual(len(self.handler.heads), 3 * REQUESTS_AT_ONCE)

    def test_what_comes_meanwhile_waits_for_its_turn_too(self) -> None:
        self.handler.answer = b"x"
        self.channel.dataReceived(GET * (REQUESTS_AT_ONCE + 1))
        self.channel.dataReceived(GET * REQUESTS_AT_ONCE)
        self.assertEqual(len(self.handler.heads), REQUESTS_AT_ONCE)
        self.turn()
        self.assertEqual(len(self.handler.heads), 2 * REQUESTS_AT_ONCE)

    def test_a_connection_that_ends_meanwhile_has_no_more_turns(self) -> None:
        self.handler.answer = b"x"
        self.channel.dataReceived(GET * 3 * REQUESTS_AT_ONCE)
        self.channel.close_when_idle()
        self.clock.pump([0.0] * 3)
        self.assertEqual(len(self.handler.heads), REQUESTS_AT_ONCE)
        self.assertTrue(self.transport.disconnecting)

    def test_who_does_not_read_is_not_answered_on_and_on(self) -> None:
        self.handler.answer = b"x"
        answered = 0

        def fill(data: bytes) -> None:
            nonlocal answered
            answered += 1
            if answered == 3:
                self.channel.pauseProducing()

        self.patch(self.transport, "write", fill)
        self.channel.dataReceived(GET * 5)
        self.clock.pump([0.0] * 9)
        self.assertEqual(answered, 3)
        self.assertFalse(self.transport.reading)
        self.channel.dataReceived(GET)
        self.assertEqual(answered, 3)
        self.channel.resumeProducing()
        self.clock.pump([0.0] * 9)
        self.assertEqual(answered, 6)
        self.assertTrue(self.transport.reading)

    def test_what_waits_is_kept_as_it_came(self) -> None:
        # A parsed request takes many times the room of what it was sent as.
        count = 3 * PIECE_BYTES // len(GET)
        parsed = 0
        feed = RequestParser.feed

        def count_heads(
            parser: RequestParser, data: bytes, most: int | None = None
        ) -> list[RequestEvent]:
            nonlocal parsed
            events = feed(parser, data, most)
            parsed += sum(type(each) is RequestHead for each in events)
            return events

        self.patch(RequestParser, "feed", count_heads)
        self.channel.dataReceived(GET * count)
        for number in range(1, count):
            self.assertLessEqual(parsed, number + 1)
            self.assertFalse(self.transport.reading)
            self.respond()
        self.assertEqual(len(self.handler.heads), count)
        self.assertFalse(self.handler.sinks[-1].was_closed)
        self.assertTrue(self.transport.reading)

    def test_a_body_in_many_pieces_is_one_body(self) -> None:
        size = 4 * PIECE_BYTES
        body = bytes(range(256)) * (size // 256)
        post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        self.channel.dataReceived(post + body + GET)
        [sink] = self.handler.sinks
        self.assertEqual((sink.data == body, sink.ended), (True, True))
        self.respond()
        self.assertEqual(len(self.handler.heads), 2)

    def test_what_was_not_parsed_goes_with_an_upgrade(self) -> None:
        rest = bytes(range(256)) * (3 * PIECE_BYTES // 256)
        self.channel.dataReceived(Switched.UPGRADE + rest)
        self.assertFalse(self.transport.reading)
        sink = self.handler.sinks[0]
        self.channel.inform(101, b"Switching", b"")
        self.channel.switch(sink)
        self.channel.dataReceived(b"more")
        self.assertTrue(sink.data == rest + b"more")
        self.assertTrue(self.transport.reading)

    def test_nor_is_it_lost_without_one(self) -> None:
        count = 3 * PIECE_BYTES // len(GET)
        self.handler.answer = b"x"
        self.channel.dataReceived(GET + Switched.UPGRADE + GET * count)
        self.clock.pump([0.0] * count)
        self.assertEqual(len(self.handler.heads), count + 2)

    def test_a_paused_body_stops_reading_and_comes_later(self) -> None:
        self.channel.dataReceived(POST)
        self.channel.pause_request()
        self.assertFalse(self.transport.reading)
        self.channel.dataReceived(b"hello")
        self.assertEqual(self.handler.sinks[0].data, b"")
        self.channel.resume_request()
        self.assertEqual(self.handler.sinks[0].data, b"hello")
        self.assertTrue(self.transport.reading)

    def test_what_is_no_request_is_answered_and_the_connection_closed(self) -> None:
        self.channel.dataReceived(b"nonsense\r\n\r\n")
        self.assertEqual(len(self.handler.bad), 1)
        self.assertIn(b"Connection: close", self.sent())
        self.assertTrue(self.transport.disconnecting)

    def test_nonsense_behind_a_request_waits_for_its_response(self) -> None:
        self.channel.dataReceived(GET + b"nonsense\r\n\r\n")
        self.assertEqual(self.handler.bad, [])
        self.assertIn(b"200 OK", self.respond())
        self.assertEqual(len(self.handler.bad), 1)

    def test_a_broken_body_ends_the_connection(self) -> None:
        self.channel.dataReceived(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
        )
        self.assertTrue(self.transport.aborted)

    def test_a_lost_client_is_told_to_the_sink_once(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.handler.sinks[0].was_closed, [True])
        self.assertEqual(self.handler.closed, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_full_client_pauses_the_response(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.pauseProducing()
        self.assertTrue(self.handler.sinks[0].paused)
        self.channel.resumeProducing()
        self.assertFalse(self.handler.sinks[0].paused)

    def test_a_client_that_the_answer_s_beginning_fills_pauses_the_rest(self) -> None:
        request = self.handler.request

        def fill(channel: RequestChannel, head: RequestHead) -> Sink | None:
            channel.pauseProducing()
            return request(channel, head)

        self.patch(self.handler, "request", fill)
        self.channel.dataReceived(GET)
        self.assertTrue(self.handler.sinks[0].paused)


class EarlyResponses(ChannelCase):
    def test_the_rest_of_the_body_is_read_before_closing(self) -> None:
        self.channel.dataReceived(POST)
        self.assertIn(b"Connection: close", self.respond())
        self.assertFalse(self.transport.disconnecting)
        self.channel.dataReceived(b"hello")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.handler.sinks[0].data, b"")

    def test_but_not_for_ever(self) -> None:
        self.channel.dataReceived(POST)
        self.respond()
        self.clock.advance(LINGER_SECONDS + 1)
        self.assertTrue(self.transport.aborted)


class Switched(ChannelCase):
    UPGRADE = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    )

    def test_bytes_pass_raw_both_ways(self) -> None:
        self.channel.dataReceived(self.UPGRADE + b"early")
        sink = self.handler.sinks[0]
        self.channel.inform(101, b"Switching", b"")
        self.channel.switch(sink)
        self.channel.dataReceived(b" and later")
        self.assertEqual(sink.data, b"early and later")
        self.channel.send_raw(b"back")
        self.assertTrue(self.sent().endswith(b"\r\n\r\nback"))

    def test_no_timer_cuts_it(self) -> None:
        self.channel.dataReceived(self.UPGRADE)
        self.channel.inform(101, b"Switching", b"")
        self.channel.switch(self.handler.sinks[0])
        self.clock.pump([100.0] * 10)
        self.assertFalse(self.transport.aborted)

    def test_its_end_in_one_direction_is_told_once(self) -> None:
        self.channel.dataReceived(self.UPGRADE)
        sink = self.handler.sinks[0]
        self.channel.inform(101, b"Switching", b"")
        self.channel.switch(sink)
        self.channel.readConnectionLost()
        self.channel.readConnectionLost()
        self.assertEqual((sink.half_closes, sink.was_closed), (1, []))
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(sink.was_closed, [True])

    def test_not_switched_it_is_http_again(self) -> None:
        self.channel.dataReceived(self.UPGRADE + GET)
        self.respond()
        self.assertEqual(len(self.handler.heads), 2)


class Aborts(ChannelCase):
    def test_what_was_collected_does_not_leave_after_it(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.respond(200, b"OK", b"", 9)
        self.channel.send(b"half")
        self.channel.flush_soon()
        self.channel.abort()
        self.assertTrue(self.transport.aborted)
        self.clock.advance(0)
        self.channel.flush()
        self.assertEqual(self.sent(), b"")

    def test_what_is_said_after_it_does_not_leave(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.respond(200, b"OK", b"", 9)
        self.channel.abort()
        self.channel.send(b"half")
        self.channel.flush()
        self.channel.send_raw(b"raw")
        self.assertEqual(self.sent(), b"")

    def test_pipelined_requests_are_not_served_after_it(self) -> None:
        self.channel.dataReceived(GET * 3)
        self.channel.abort()
        self.channel.respond(200, b"OK", b"", 0)
        self.channel.finish()
        self.assertEqual(len(self.handler.heads), 1)
        self.assertEqual(self.sent(), b"")


class Timers(ChannelCase):
    def test_a_silent_client_is_cut(self) -> None:
        self.clock.advance(HEAD_SECONDS + 1)
        self.assertTrue(self.transport.aborted)

    def test_a_head_may_not_trickle(self) -> None:
        for octet in GET[:-1]:
            self.channel.dataReceived(bytes((octet,)))
            self.clock.advance(1)
        self.assertTrue(self.transport.aborted)

    def test_a_response_may_take_long(self) -> None:
        self.channel.dataReceived(GET)
        self.clock.pump([60.0] * 60)
        self.assertFalse(self.transport.aborted)
        self.respond()
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.transport.aborted)

    def test_an_idle_connection_is_cut(self) -> None:
        self.channel.dataReceived(GET)
        self.respond()
        self.clock.advance(IDLE_SECONDS - 1)
        self.channel.dataReceived(GET)
        self.respond()
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(2)
        self.assertTrue(self.transport.aborted)

    def test_closing_takes_its_time_at_most(self) -> None:
        self.channel.close()
        self.assertTrue(self.transport.disconnecting)
        self.clock.advance(CLOSE_SECONDS + 1)
        self.assertTrue(self.transport.aborted)

    def test_when_idle_it_closes_at_once_else_after_the_response(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.close_when_idle()
        self.assertFalse(self.transport.disconnecting)
        self.assertIn(b"Connection: close", self.respond())
        self.assertTrue(self.transport.disconnecting)
