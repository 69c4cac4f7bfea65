"""One request and its response, from a client's connection to an upstream's."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol

from cfos_cloud.relay.channel import IDLE_SECONDS
from cfos_cloud.relay.relay import MAX_INTERIM
from cfos_cloud.relay.switched import HALF_CLOSED_SECONDS
from tests.memory import MemoryTransport
from tests.relay.support import (
    CHUNKED,
    GET,
    HEAD,
    OK,
    POST,
    SWITCHING,
    UPGRADE,
    RelayCase,
)


class RequestTests(RelayCase):
    def test_a_sized_body_streams_as_it_comes(self) -> None:
        self.ask(POST + b"he")
        self.assertEqual(self.end.transport.take(), HEAD + b"he")
        self.assertFalse(self.end.relay.request_done)
        self.ask(b"llo")
        self.assertEqual(self.end.transport.take(), b"llo")
        self.assertTrue(self.end.relay.request_done)

    def test_a_chunked_body_is_chunked_anew(self) -> None:
        self.ask(CHUNKED + b"1\r\nh\r\n4;ext=1\r\nel")
        self.assertEqual(self.end.transport.take(), HEAD + b"3\r\nhel\r\n")
        self.ask(b"lo\r\n0\r\nX-Sum: 1\r\n\r\n")
        self.assertEqual(self.end.transport.take(), b"2\r\nlo\r\n0\r\n\r\n")

    def test_a_client_that_leaves_before_the_response_aborts_it(self) -> None:
        for request in (GET, POST, POST + b"hello"):
            for clean in (True, False):
                self.setUp()
                self.ask(request)
                self.lose_client(clean=clean)
                self.assertTrue(self.end.transport.aborted)
                self.assertEqual((self.end.done, self.end.failed), ([False], []))

    def test_a_body_that_breaks_off_is_not_taken_for_whole(self) -> None:
        self.ask(CHUNKED + b"5\r\nhello\r\n")
        self.end.transport.take()
        self.ask(b"nonsense\r\n")
        self.assertTrue(self.client.aborted)
        self.lose_client(clean=False)
        self.assertEqual(self.end.transport.take(), b"")
        self.assertTrue(self.end.transport.aborted)


class ResponseTests(RelayCase):
    def test_a_sized_response_keeps_both_connections(self) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 Fine\r\nA: b\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual(
            self.client.take(),
            b"HTTP/1.1 200 Fine\r\nA: b\r\nContent-Length: 2\r\n\r\nok",
        )
        self.assertEqual(self.end.done, [True])
        self.assertFalse(self.client.ended or self.end.transport.ended)

    def test_a_chunked_response_streams_as_it_comes(self) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n")
        self.assertTrue(self.client.take().endswith(b"\r\n\r\n1\r\nh\r\n"))
        self.reply(b"4\r\nello\r\n")
        self.assertEqual(self.client.take(), b"4\r\nello\r\n")
        self.reply(b"0\r\nX-Sum: 1\r\n\r\n")
        self.assertEqual(self.client.take(), b"0\r\n\r\n")
        self.assertEqual(self.end.done, [True])

    def test_the_head_alone_leaves_at_once(self) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        self.assertIn(b"text/event-stream", self.client.take())

    def test_one_that_ends_with_its_connection_is_chunked_and_whole(self) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 OK\r\n\r\nhello")
        self.lose_upstream()
        [message] = self.got()
        self.assertEqual(message.body, b"hello")
        self.assertEqual(message.get(b"transfer-encoding"), b"chunked")
        self.assertEqual(self.end.done, [False])
        self.assertFalse(self.client.ended)

    def test_one_without_a_length_that_is_lost_is_cut(self) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 OK\r\n\r\nhello")
        self.lose_upstream(clean=False)
        self.assertNotIn(b"0\r\n\r\n", self.client.take())
        self.assertTrue(self.client.aborted)

    def test_one_that_breaks_off_is_cut(self) -> None:
        for body in (
            b"Content-Length: 5\r\n\r\nhell",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
        ):
            self.setUp()
            self.ask()
            self.reply(b"HTTP/1.1 200 OK\r\n" + body)
            self.lose_upstream()
            self.assertNotIn(b"0\r\n\r\n", self.client.take())
            self.assertTrue(self.client.aborted, body)
            self.assertEqual((self.end.done, self.end.failed), ([False], []))

    def test_what_is_no_response_is_a_failure_at_once(self) -> None:
        self.ask()
        self.reply(b"SSH-2.0-OpenSSH\r\n")
        self.assertEqual([each.status for each in self.got()], [502])
        self.assertTrue(self.end.transport.aborted)
        self.assertEqual((self.end.done, len(self.end.failed)), ([False], 1))

    def test_a_large_piece_may_wait_for_the_next_of_its_turn_a_small_one_not(
        self,
    ) -> None:
        self.ask()
        self.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 20002\r\n\r\n")
        self.client.take()
        for _ in range(2):
            self.reply(b"x" * 10_000)
        self.clock.advance(0)
        self.assertEqual(self.client.take(), b"x" * 20_000)
        self.reply(b"y")
        self.assertEqual(self.client.take(), b"y")

    def test_one_that_never_begins_is_a_failure(self) -> None:
        for received in (b"", b"HTTP/1.1 200 OK\r\nA: b", b"SSH-2.0-OpenSSH\r\n"):
            self.setUp()
            self.ask()
            self.reply(received)
            self.lose_upstream()
            self.assertEqual(len(self.end.failed), 1, received)
            self.assertEqual([each.status for each in self.got()], [502])
            self.assertEqual(self.end.done, [False])
            self.assertFalse(self.client.ended)

    def test_head_and_responses_without_a_body(self) -> None:
        head = GET.replace(b"GET", b"HEAD")
        for request, response, length in (
            (head, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"7"),
            (head, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
            (head, b"HTTP/1.1 200 OK\r\n\r\n", None),
            (GET, b"HTTP/1.1 204 No Content\r\n\r\n", None),
            (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b"7"),
            (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"0"),
        ):
            self.setUp()
            self.ask(request)
            self.reply(response)
            [message] = self.got(bodiless=True)
            self.assertEqual(message.get(b"content-length"), length, response)
            self.assertEqual(len(self.end.done), 1, response)
            self.ask()
            self.reply()
            self.assertEqual([each.body for each in self.got()], [b"ok"], response)

    def test_100_passes_and_other_interim_responses_do_not(self) -> None:
        self.ask(POST)
        self.reply(b"HTTP/1.1 102 Processing\r\n\r\n")
        self.reply(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.assertEqual(self.client.take(), b"")
        self.reply(b"HTTP/1.1 100 Go on\r\nA: b\r\n\r\n")
        self.assertEqual(self.client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.ask(b"hello")
        self.reply()
        self.assertEqual([each.status for each in self.got()], [200])
        self.assertEqual(self.end.done, [True])

    def test_interim_responses_and_the_final_one_may_come_at_once(self) -> None:
        self.ask()
        self.reply(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK
        )
        self.assertEqual([each.status for each in self.got()], [100, 200])

    def test_100_passes_once(self) -> None:
        self.ask(POST)
        for _ in range(3):
            self.reply(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(self.client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_interim_responses_without_end_are_a_failure(self) -> None:
        self.ask(POST)
        for _ in range(MAX_INTERIM):
            self.reply(b"HTTP/1.1 102 Processing\r\n\r\n")
        self.assertEqual(self.end.failed, [])
        self.reply(b"HTTP/1.1 102 Processing\r\n\r\n")
        self.assertEqual(len(self.end.failed), 1)
        self.assertTrue(self.end.transport.aborted)
        self.assertEqual([each.status for each in self.got()], [502])

    def test_an_interim_response_with_a_body_is_a_failure(self) -> None:
        # As raw bytes it would be the head of a response that nobody has looked at.
        split = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        for status in (100, 103, 104, 199):
            for framed in (
                b"Content-Length: %d\r\n\r\n%b" % (len(split), split),
                b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
                % (len(split), split),
            ):
                self.setUp()
                self.ask()
                self.reply(b"HTTP/1.1 %d X\r\n%b%b" % (status, framed, OK))
                self.assertEqual([each.status for each in self.got()], [502])

    def test_one_that_the_client_must_not_get_is_replaced(self) -> None:
        self.end.unwanted = {502}
        self.ask()
        self.reply(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nsecret")
        [message] = self.got()
        self.assertEqual((message.status, message.body), (503, b""))
        self.assertEqual((self.end.refused, self.end.done), ([502], [False]))
        self.assertTrue(self.end.transport.aborted)
        self.ask()
        self.reply()
        self.assertEqual([each.status for each in self.got()], [200])

    def test_what_follows_a_response_is_never_taken_for_the_next(self) -> None:
        self.ask()
        self.reply(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertEqual([each.body for each in self.got()], [b"ok"])
        self.assertEqual(self.end.done, [False])
        self.ask()
        self.assertEqual(len(self.end.upstreams), 2)

    def test_what_comes_between_requests_is_never_taken_for_the_next(self) -> None:
        self.kept()
        self.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertEqual(self.client.take(), b"")
        self.assertTrue(self.end.transport.aborted)


class UpgradeTests(RelayCase):
    def upgraded(self) -> None:
        self.ask(UPGRADE)
        self.reply(SWITCHING)
        self.client.take()
        self.end.transport.take()

    def test_bytes_pass_raw_both_ways(self) -> None:
        self.ask(UPGRADE + b"early")
        self.assertEqual(self.end.transport.take(), HEAD)
        self.reply(SWITCHING + b"from there")
        self.assertEqual(self.end.transport.take(), b"early")
        self.assertTrue(self.client.take().endswith(b"\r\n\r\nfrom there"))
        self.ask(GET)
        self.reply(OK)
        self.assertEqual(self.end.transport.take(), GET)
        self.assertEqual(self.client.take(), OK)
        self.assertEqual(len(self.end.relays), 1)

    def test_what_comes_before_the_101_is_bounded(self) -> None:
        self.ask(UPGRADE)
        self.assertTrue(self.client.reading)
        self.ask(b"early")
        self.assertFalse(self.client.reading)
        self.end.transport.take()
        self.reply(SWITCHING)
        self.assertTrue(self.client.reading)
        self.assertEqual(self.end.transport.take(), b"early")

    def test_it_may_rest_for_long(self) -> None:
        self.upgraded()
        self.clock.advance(IDLE_SECONDS * 10)
        self.assertFalse(self.client.ended or self.end.transport.ended)

    def test_a_client_that_has_said_all_may_listen_on(self) -> None:
        self.upgraded()
        self.ask(b"last words")
        self.channel.readConnectionLost()
        self.assertEqual(self.end.transport.take(), b"last words")
        self.assertTrue(self.end.transport.write_ended)
        self.assertFalse(self.client.ended or self.end.transport.ended)
        self.reply(b"an answer")
        self.assertEqual(self.client.take(), b"an answer")
        self.assertEqual(self.end.done, [])
        self.end.upstream.readConnectionLost()
        self.assertTrue(self.client.disconnecting)
        self.assertTrue(self.end.transport.disconnecting)
        self.assertFalse(self.client.aborted or self.end.transport.aborted)
        self.assertEqual(self.end.done, [False])

    def test_an_upstream_that_has_said_all_may_listen_on(self) -> None:
        self.upgraded()
        self.reply(b"last words")
        self.end.upstream.readConnectionLost()
        self.assertEqual(self.client.take(), b"last words")
        self.assertTrue(self.client.write_ended)
        self.assertFalse(self.client.ended or self.end.transport.ended)
        self.ask(b"a question")
        self.assertEqual(self.end.transport.take(), b"a question")
        self.assertEqual(self.end.done, [])
        self.channel.readConnectionLost()
        self.assertTrue(self.client.disconnecting)
        self.assertTrue(self.end.transport.disconnecting)
        self.assertEqual(self.end.done, [False])

    def test_an_end_that_is_told_twice_is_one(self) -> None:
        self.upgraded()
        self.channel.readConnectionLost()
        self.channel.readConnectionLost()
        self.assertFalse(self.client.ended or self.end.transport.ended)
        self.setUp()
        self.upgraded()
        self.end.upstream.readConnectionLost()
        self.end.upstream.readConnectionLost()
        self.assertFalse(self.client.ended or self.end.transport.ended)

    def test_where_one_direction_has_ended_nothing_is_read_again(self) -> None:
        # On a socket that would find the same end, over and over.
        self.upgraded()
        self.client.producerState = self.end.transport.producerState = "ended"
        self.channel.readConnectionLost()
        self.end.upstream.pauseProducing()
        self.end.upstream.resumeProducing()
        self.assertEqual(self.client.producerState, "ended")
        self.setUp()
        self.upgraded()
        self.end.transport.producerState = "ended"
        self.end.upstream.readConnectionLost()
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.assertEqual(self.end.transport.producerState, "ended")

    def test_one_direction_alone_may_not_rest_for_ever(self) -> None:
        self.upgraded()
        self.channel.readConnectionLost()
        for _ in range(10):
            self.clock.advance(HALF_CLOSED_SECONDS - 1)
            self.reply(b"tick")
        self.assertFalse(self.client.ended or self.end.transport.ended)
        self.clock.advance(HALF_CLOSED_SECONDS + 1)
        self.assertTrue(self.client.aborted and self.end.transport.aborted)
        self.assertEqual(self.end.done, [False])

    def test_who_leaves_after_all_was_said_leaves_both(self) -> None:
        for clean in (True, False):
            self.setUp()
            self.upgraded()
            self.channel.readConnectionLost()
            self.lose_client(clean=clean)
            self.assertEqual(self.end.transport.aborted, not clean)
            self.assertEqual(self.end.transport.disconnecting, clean)
            self.assertEqual(self.end.done, [False])
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_where_a_transport_has_no_half_both_directions_end(self) -> None:
        # Twisted's own TLS would pass the call on to the socket below it.
        for attribute in ("TLS", "loseWriteConnection"):
            self.setUp()
            self.upgraded()
            if attribute == "TLS":
                tls: Any = self.end.transport
                tls.TLS = True
            else:
                self.patch(MemoryTransport, attribute, property())
            self.channel.readConnectionLost()
            self.assertTrue(self.end.transport.disconnecting, attribute)
            self.assertFalse(self.end.transport.write_ended)
            self.lose_upstream()
            self.assertTrue(self.client.disconnecting, attribute)
            self.assertEqual(self.end.done, [False])

    def test_before_the_101_an_end_is_the_end(self) -> None:
        self.ask(UPGRADE)
        self.assertFalse(IHalfCloseableProtocol.providedBy(self.channel))
        self.reply(SWITCHING)
        self.assertTrue(IHalfCloseableProtocol.providedBy(self.channel))

    def test_either_end_may_close_it(self) -> None:
        self.upgraded()
        self.reply(b"last words")
        self.lose_upstream()
        self.assertEqual(self.client.take(), b"last words")
        self.assertTrue(self.client.disconnecting)
        self.assertEqual(self.end.done, [False])
        self.setUp()
        self.upgraded()
        self.ask(b"last words")
        self.lose_client()
        self.assertEqual(self.end.transport.take(), b"last words")
        self.assertTrue(self.end.transport.disconnecting)
        self.assertFalse(self.end.transport.aborted)
        self.assertEqual(self.end.done, [False])

    def test_a_loss_at_one_end_is_one_at_the_other(self) -> None:
        self.upgraded()
        self.lose_upstream(clean=False)
        self.assertTrue(self.client.aborted)
        self.setUp()
        self.upgraded()
        self.lose_client(clean=False)
        self.assertTrue(self.end.transport.aborted)

    def test_not_upgraded_it_is_http(self) -> None:
        self.ask(UPGRADE + GET)
        self.reply()
        self.assertEqual([each.body for each in self.got()], [b"ok"])
        self.assertEqual(len(self.end.relays), 2)

    def test_a_101_to_something_else_is_a_failure(self) -> None:
        for taken in (b"h2c", b"websocket, h2c", b"websocket\r\nUpgrade: h2c", b""):
            self.setUp()
            self.ask(UPGRADE)
            lines = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % taken
            self.reply(b"HTTP/1.1 101 X\r\n" + lines + OK)
            self.assertEqual([each.status for each in self.got()], [502], taken)

    def test_what_follows_a_101_that_is_none_goes_nowhere(self) -> None:
        lines = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        for start in (
            b"HTTP/1.0 101 X\r\n" + lines,
            b"HTTP/1.1 101 X\r\nContent-Length: 9\r\n" + lines,
            b"HTTP/1.1 101 X\r\nTransfer-Encoding: x\r\n" + lines,
        ):
            self.setUp()
            self.ask(UPGRADE)
            self.reply(start + b"\r\n" + OK)
            self.reply(OK)
            self.assertEqual([each.status for each in self.got()], [502], start)

    def test_a_101_that_nobody_asked_for_is_a_failure(self) -> None:
        self.ask()
        self.reply(SWITCHING + b"raw")
        self.assertEqual([each.status for each in self.got()], [502])
        self.assertTrue(self.end.transport.aborted)


class AbortTests(RelayCase):
    def test_before_the_response_the_owner_answers(self) -> None:
        self.ask()
        self.end.relay.abort()
        self.assertTrue(self.end.transport.aborted)
        self.assertEqual(self.end.done, [False])
        self.assertEqual([each.status for each in self.got()], [502])
        self.assertFalse(self.client.ended)

    def test_within_the_response_the_client_is_cut(self) -> None:
        for response in (OK[:-1], b"HTTP/1.1 200 OK\r\n\r\n"):
            self.setUp()
            self.ask()
            self.reply(response)
            self.end.relay.abort()
            self.assertTrue(self.client.aborted and self.end.transport.aborted)
            self.assertEqual((self.end.done, self.end.failed), ([False], []))

    def test_an_upgraded_connection_is_cut_too(self) -> None:
        self.ask(UPGRADE)
        self.reply(SWITCHING)
        self.end.relay.abort()
        self.assertTrue(self.client.aborted and self.end.transport.aborted)

    def test_an_owner_that_gives_up_has_to_answer_itself(self) -> None:
        self.ask()
        self.end.relay.give_up()
        self.assertTrue(self.end.transport.aborted)
        self.assertEqual((self.end.done, self.end.failed), ([False], []))
        self.assertEqual(self.client.take(), b"")
        self.end.answer(self.end.relay, 504)
        self.assertEqual([each.status for each in self.got()], [504])

    def test_what_is_done_has_no_say_in_the_next_exchange(self) -> None:
        self.ask(CHUNKED + b"0\r\n\r\n")
        self.reply()
        done = self.end.relay
        self.ask()
        self.end.transport.take()
        done.body(b"late")
        done.end()
        done.pause_response()
        self.assertEqual(self.end.transport.take(), b"")
        self.assertTrue(self.end.transport.reading)
        self.channel.pauseProducing()
        done.resume_response()
        self.assertFalse(self.end.transport.reading)

    def test_what_is_done_cannot_be_aborted(self) -> None:
        self.ask()
        self.reply()
        self.end.relay.abort()
        self.end.relay.give_up()
        self.assertEqual(self.end.done, [True])
        self.assertFalse(self.client.ended or self.end.transport.ended)

    def test_what_still_comes_of_an_aborted_one_is_nothing(self) -> None:
        self.ask(POST)
        self.end.relay.abort()
        self.end.transport.take()
        self.client.take()
        self.ask(b"hello")
        self.end.relay.response_events([b"late"])
        self.end.relay.upstream_lost(True)
        self.end.relay.closed(True)
        self.assertEqual(self.end.transport.take(), b"")
        self.assertEqual(self.client.take(), b"")
        self.assertEqual((self.end.done, len(self.end.failed)), ([False], 1))
