"""What may go wrong with a target, and what stays open."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionRefusedError, TimeoutError

from cfos_cloud.device.forwarder import STREAM_IDLE_SECONDS
from cfos_cloud.device.request_stream import RESPONSE_SECONDS
from cfos_cloud.device.target_pool import MAX_CONNECTIONS, MAX_LONG_LIVED, WAIT_SECONDS
from tests.device.forwarder_support import (
    EVENTS,
    GET,
    SWITCHING,
    UPGRADE,
    ForwarderCase,
    ServerStream,
    post,
)
from tests.device.target_support import TargetConnection


class TroubleTests(ForwarderCase):
    def test_no_connection_is_refused_or_timed_out(self) -> None:
        for error, status, word in (
            (ConnectionRefusedError(), 502, b"refused"),
            (TimeoutError(), 504, b"timeout"),
        ):
            stream = self.open(GET)
            self.target.refuse(error)
            self.pump()
            self.assert_trouble(stream, status, word)
            self.send(stream, GET)
            self.answer(self.accept(), b"back")
            self.assertEqual(stream.one().body, b"back")
            self.target.last.end()

    def test_a_refused_upload_is_answered_while_it_is_sent(self) -> None:
        stream = self.open(post(9_000_000) + b"x" * 1_000_000)
        self.target.refuse(ConnectionRefusedError())
        self.pump()
        message = stream.one()
        self.assertEqual(message.get(b"cfos-error"), b"refused")
        self.assertEqual(message.get(b"connection"), b"close")

    def test_who_waits_too_long_for_a_connection_is_told_busy(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            self.open(GET)
            self.accept()
        stream = self.open(GET)
        self.pass_time(WAIT_SECONDS - 1)
        self.assertEqual(stream.data, b"")
        self.pass_time(1)
        self.assert_trouble(stream, 503, b"busy")
        self.assertEqual(stream.lost, [])

    def test_who_goes_away_while_waiting_takes_no_connection(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            self.open(GET)
            self.accept()
        gone, stays = self.open(GET), self.open(post(2) + b"hi")
        gone.reset()
        self.pump()
        self.answer(self.target.last)
        self.assertEqual(self.target.last.requests()[-1].body, b"hi")
        self.assertEqual(stays.lost, [])

    def test_a_target_that_does_not_answer_in_time_is_a_timeout(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        self.pass_time(RESPONSE_SECONDS - 1)
        self.assertEqual(stream.data, b"")
        self.pass_time(1)
        self.assert_trouble(stream, 504, b"timeout")
        self.assertTrue(connection.wire.aborted)
        self.assertEqual(stream.lost, [])

    def test_each_request_has_its_own_time(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        self.pass_time(RESPONSE_SECONDS - 5)
        self.answer(connection)
        self.send(stream, GET)
        stream.responses()
        self.pass_time(RESPONSE_SECONDS - 1)
        self.assertEqual(stream.data, b"")
        self.pass_time(1)
        self.assert_trouble(stream, 504, b"timeout")

    def test_a_slow_upload_is_no_fault_of_the_target(self) -> None:
        stream = self.open(post(3))
        connection = self.accept()
        for _ in range(2):
            self.send(stream, b"x")
            self.pass_time(RESPONSE_SECONDS - 1)
        self.send(stream, b"x")
        self.pass_time(RESPONSE_SECONDS / 2)
        self.answer(connection)
        self.assertEqual(stream.one().body, b"ok")

    def test_the_target_has_its_time_from_the_end_of_the_upload_on(self) -> None:
        stream = self.open(post(2) + b"x")
        connection = self.accept()
        self.pass_time(RESPONSE_SECONDS - 1)
        self.send(stream, b"x")
        for _ in range(2):
            self.pass_time(RESPONSE_SECONDS / 2 - 1)
        self.answer(connection)
        self.assertEqual(stream.one().body, b"ok")

    def test_a_target_that_does_not_take_an_upload_is_a_timeout(self) -> None:
        stream = self.open(post(9_000_000) + b"x" * 100_000)
        connection = self.accept()
        self.pass_time(30)
        producer: Any = connection.wire.producer
        producer.pauseProducing()
        self.pass_time(RESPONSE_SECONDS - 31)
        self.pass_time(30)
        self.assertEqual(stream.data, b"")
        self.pass_time(1)
        self.assert_trouble(stream, 504, b"timeout")
        self.assertTrue(connection.wire.aborted)

    def test_one_that_takes_it_now_and_then_is_none(self) -> None:
        stream = self.open(post(9_000_000) + b"x" * 100_000)
        connection = self.accept()
        producer: Any = connection.wire.producer
        for _ in range(4):
            producer.pauseProducing()
            for _ in range(3):
                self.pass_time(RESPONSE_SECONDS / 3 - 1)
            producer.resumeProducing()
            self.send(stream, b"x" * 1000)
        self.assertEqual((stream.data, stream.lost), (b"", []))
        self.assertFalse(connection.wire.ended)

    def test_a_response_may_last(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(5):
            self.pass_time(RESPONSE_SECONDS)
            connection.send(b"x")
        self.pump()
        self.assertEqual(stream.lost, [])
        self.assertFalse(connection.wire.ended)

    def test_what_is_no_http_is_refused(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        connection.send(b"220 mail.example.org ESMTP\r\n")
        self.pump()
        self.assert_trouble(stream, 502, b"refused")
        self.assertTrue(connection.wire.aborted)

    def test_a_target_that_hangs_up_is_refused(self) -> None:
        stream = self.open(GET)
        self.accept().end()
        self.pump()
        self.assert_trouble(stream, 502, b"refused")

    def test_a_kept_connection_that_was_lost_is_replaced(self) -> None:
        stream = self.open(GET)
        kept = self.accept()
        self.answer(kept)
        stream.responses()
        self.send(stream, GET)
        kept.end()
        self.pump()
        self.answer(self.accept(), b"again")
        self.assertEqual(stream.one().body, b"again")

    def test_but_not_for_what_changes_something(self) -> None:
        stream = self.open(GET)
        kept = self.accept()
        self.answer(kept)
        stream.responses()
        self.send(stream, post(0))
        kept.end()
        self.pump()
        self.assert_trouble(stream, 502, b"refused")
        self.assertEqual(self.target.attempts, [])


class LongLivedTests(ForwarderCase):
    def websocket(self) -> tuple[ServerStream, TargetConnection]:
        stream = self.open(UPGRADE)
        stream.raw = True
        connection = self.accept()
        connection.send(SWITCHING)
        self.pump()
        return stream, connection

    def test_a_websocket_passes_raw_both_ways(self) -> None:
        stream, connection = self.websocket()
        self.assertEqual(connection.requests()[0].get(b"upgrade"), b"websocket")
        self.assertEqual(stream.one().get(b"upgrade"), b"websocket")
        self.send(stream, b"\x81\x82abcd")
        self.assertEqual(connection.wire.take(), b"\x81\x82abcd")
        connection.send(b"\x81\x02hi")
        self.pump()
        self.assertEqual(stream.data, b"\x81\x02hi")
        self.pass_time(STREAM_IDLE_SECONDS * 2)
        self.assertEqual(stream.lost, [])

    def test_the_first_end_of_a_direction_leaves_the_other(self) -> None:
        stream, connection = self.websocket()
        stream.responses()
        stream.stream.loseWriteConnection()
        self.pump()
        self.assertTrue(connection.wire.write_ended)
        self.assertFalse(connection.wire.ended)
        connection.send(b"the rest")
        self.pump()
        self.assertEqual((stream.data, stream.lost), (b"the rest", []))
        connection.half_close()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])
        self.assertTrue(connection.wire.disconnecting)

    def test_the_target_may_be_the_first_to_end(self) -> None:
        stream, connection = self.websocket()
        stream.responses()
        connection.send(b"all of it")
        connection.half_close()
        self.pump()
        self.assertTrue(stream.half_closed)
        self.assertEqual((stream.data, stream.lost), (b"all of it", []))
        self.send(stream, b"thanks")
        self.assertTrue(connection.wire.take().endswith(b"thanks"))
        self.assertFalse(connection.wire.ended)
        stream.stream.loseWriteConnection()
        self.pump()
        self.assertTrue(connection.wire.disconnecting)
        self.assertEqual(stream.lost, [ConnectionDone])

    def test_half_a_close_between_two_requests_is_a_whole_one(self) -> None:
        stream = self.open(GET)
        self.answer(self.accept())
        stream.stream.loseWriteConnection()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])

    def test_either_end_may_close_it(self) -> None:
        stream, connection = self.websocket()
        stream.stream.abortConnection()
        self.pump()
        self.assertTrue(connection.wire.aborted)
        stream, connection = self.websocket()
        connection.end()
        self.pump()
        self.assertTrue(stream.half_closed)
        stream.stream.loseWriteConnection()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])
        stream, connection = self.websocket()
        connection.end(clean=False)
        self.pump()
        self.assert_reset(stream)

    def test_websockets_leave_the_ordinary_connections_alone(self) -> None:
        for _ in range(MAX_LONG_LIVED):
            self.websocket()
        self.assert_trouble(self.open(UPGRADE), 503, b"busy")
        stream = self.open(GET)
        self.answer(self.accept())
        self.assertEqual(stream.one().body, b"ok")

    def test_a_user_s_websockets_leave_places_to_others(self) -> None:
        user = self.preamble(self.grants.issue("user", "cellar", 10_000))
        theirs = []
        for _ in range(MAX_LONG_LIVED):
            theirs.append(self.open(UPGRADE, user))
            connection = self.accept()
            connection.send(SWITCHING)
            self.pump()
        stream = self.open(UPGRADE)
        self.assertTrue(connection.wire.aborted)
        connection.end(clean=False)
        self.accept().send(SWITCHING)
        self.pump()
        self.assertIn(b"101", stream.data)
        self.assert_reset(theirs[-1])
        self.assertEqual([each.lost for each in theirs[:-1]], [[]] * (len(theirs) - 1))
        self.assert_trouble(self.open(UPGRADE, user), 503, b"busy")

    def test_an_upgrade_that_is_declined_is_a_response(self) -> None:
        stream = self.open(UPGRADE)
        connection = self.accept()
        self.answer(connection, b"no", 400)
        self.assertEqual(stream.one().body, b"no")
        self.assertTrue(connection.wire.disconnecting)
        self.send(stream, GET)
        self.answer(self.accept())
        self.assertEqual(stream.one().body, b"ok")

    def test_event_streams_leave_the_ordinary_connections_alone(self) -> None:
        streams = []
        for _ in range(MAX_LONG_LIVED):
            streams.append(self.open(GET))
            self.accept().send(EVENTS + b"data: 1\n\n")
            self.pump()
        for stream in streams:
            self.assertTrue(stream.data.endswith(b"9\r\ndata: 1\n\n\r\n"))
        one_more = self.open(GET)
        connection = self.accept()
        connection.send(EVENTS)
        self.pump()
        self.assert_trouble(one_more, 503, b"busy")
        self.assertTrue(connection.wire.aborted)
        connection.end(clean=False)
        stream = self.open(GET)
        self.answer(self.accept())
        self.assertEqual(stream.one().body, b"ok")

    def test_an_event_stream_that_ends_makes_room_for_another(self) -> None:
        for _ in range(MAX_LONG_LIVED + 5):
            stream = self.open(GET)
            connection = self.accept()
            connection.send(EVENTS)
            self.pump()
            self.assertIn(b"200", stream.data)
            stream.reset()
            self.pump()
            self.assertTrue(connection.wire.aborted)
            connection.end(clean=False)
