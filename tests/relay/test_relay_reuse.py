"""One exchange after another: what is kept, tried again, held back and bounded."""

from __future__ import annotations

from cfos_cloud.relay.channel import LINGER_SECONDS
from cfos_cloud.relay.relay import MAX_INTERIM, Relay
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


class ReuseTests(RelayCase):
    def test_a_connection_serves_one_request_after_another(self) -> None:
        for _ in range(3):
            self.ask()
            self.assertEqual(self.end.transport.take(), HEAD)
            self.reply()
            self.assertEqual([each.body for each in self.got()], [b"ok"])
        self.assertEqual(self.end.done, [True] * 3)
        self.assertEqual(len(self.end.upstreams), 1)

    def test_pipelined_requests_are_served_in_their_order(self) -> None:
        self.ask(GET * 3)
        for number in range(3):
            self.assertEqual(len(self.end.relays), number + 1)
            self.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        self.assertEqual([each.body for each in self.got()], [b"0", b"1", b"2"])

    def test_however_much_was_read_at_once_the_next_exchange_is_served(self) -> None:
        # What is read of one message must not count for the next one's head.
        for size in (60_000, 65_400):
            self.setUp()
            body = b"x" * size
            for _ in range(3):
                self.ask(b"POST / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 8_000)
                self.ask(b"\r\nContent-Length: %d\r\n\r\n" % size)
                self.ask(body)
                self.reply(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 8_000)
                self.reply(b"\r\nContent-Length: %d\r\n\r\n" % size)
                self.reply(body)
                [message] = self.got()
                self.assertEqual((message.status, len(message.body)), (200, size))
            self.assertEqual(self.end.done, [True] * 3)

    def test_one_that_says_so_is_not_used_again(self) -> None:
        for response in (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ):
            self.setUp()
            self.ask()
            self.reply(response)
            self.assertEqual([each.body for each in self.got()], [b"ok"])
            self.assertEqual(self.end.done, [False], response)
            self.assertTrue(self.end.transport.disconnecting)
            self.assertFalse(self.client.ended)

    def test_one_on_which_a_body_went_that_nobody_expects_is_not_used_again(
        self,
    ) -> None:
        # Who does not read it takes it for the next request, and answers that.
        for method, reusable in (
            (b"GET", False),
            (b"HEAD", False),
            (b"OPTIONS", False),
            (b"POST", True),
        ):
            for framed in (
                b"Content-Length: 5\r\n\r\nhello",
                b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            ):
                self.setUp()
                self.ask(b"%b /a HTTP/1.1\r\nHost: x\r\n%b" % (method, framed))
                self.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                self.assertEqual(self.end.done, [reusable], method)
                self.assertEqual(self.end.transport.disconnecting, not reusable)

    def test_an_early_response_ends_the_upload_but_not_the_response(self) -> None:
        self.ask(POST + b"he")
        self.reply()
        [message] = self.got()
        self.assertEqual((message.body, message.get(b"connection")), (b"ok", b"close"))
        self.assertEqual(self.end.done, [False])
        self.assertTrue(self.end.transport.aborted)
        self.assertFalse(self.client.ended)
        self.end.transport.take()
        self.ask(b"llo")
        self.assertEqual(self.end.transport.take(), b"")
        self.assertTrue(self.client.disconnecting)

    def test_a_client_that_never_stops_its_upload_is_cut(self) -> None:
        self.ask(CHUNKED)
        self.reply()
        for _ in range(int(LINGER_SECONDS) + 1):
            self.ask(b"1\r\nx\r\n")
            self.clock.advance(1)
        self.assertTrue(self.client.aborted)

    def test_an_upload_goes_on_while_an_early_response_lasts(self) -> None:
        self.ask(POST)
        self.reply(OK[:-1])
        self.end.transport.take()
        self.ask(b"hello")
        self.assertEqual(self.end.transport.take(), b"hello")
        self.reply(OK[-1:])
        # It was not known at its head that the client would be heard out.
        self.assertIn(b"Connection: close", self.client.take())
        self.assertEqual(self.end.done, [True])


class RetryTests(RelayCase):
    def test_a_lost_connection_that_had_served_is_tried_again(self) -> None:
        self.kept()
        self.ask()
        self.lose_upstream()
        self.assertEqual((self.end.retries, len(self.end.upstreams)), (1, 2))
        self.assertEqual(self.end.transport.take(), HEAD)
        self.reply()
        self.assertEqual([each.body for each in self.got()], [b"ok"])
        self.assertEqual((self.end.done, self.end.failed), ([True], []))

    def test_what_is_left_of_the_first_try_is_not_taken_for_the_second(self) -> None:
        self.kept()
        self.ask()
        self.reply(b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1) + OK)
        self.assertEqual((self.end.retries, len(self.end.upstreams)), (1, 2))
        self.assertEqual(self.client.take(), b"")
        self.reply(OK.replace(b"ok", b"2."))
        self.assertEqual([each.body for each in self.got()], [b"2."])

    def test_a_flood_is_tried_again_once_whenever_the_second_can_start(self) -> None:
        self.kept()
        self.ask()
        reach, later = self.end.reach, list[Relay[str]]()
        self.patch(self.end, "reach", later.append)
        flood = b"HTTP/1.1 100 Continue\r\n\r\n" * (10 * MAX_INTERIM)
        self.reply(flood + OK)
        self.assertEqual(self.end.retries, 1)
        self.assertTrue(self.end.transport.aborted)
        [relay] = later
        reach(relay)
        # It may have as many as the first.
        self.reply(flood[: MAX_INTERIM * 25] + OK)
        self.assertEqual([each.body for each in self.got()][-1], b"ok")

    def test_once_only(self) -> None:
        self.kept()
        self.ask()
        self.lose_upstream()
        self.lose_upstream()
        self.assertEqual(self.end.retries, 1)
        self.assertEqual([each.status for each in self.got()], [502])
        self.assertEqual(self.end.done, [False])

    def test_not_on_a_fresh_connection(self) -> None:
        self.ask()
        self.lose_upstream()
        self.assertEqual((self.end.retries, len(self.end.failed)), (0, 1))

    def test_not_where_it_could_do_harm(self) -> None:
        for method, body, retried in (
            (b"GET", b"", True),
            (b"HEAD", b"", True),
            (b"OPTIONS", b"", True),
            (b"POST", b"", False),
            (b"PUT", b"", False),
            (b"DELETE", b"", False),
            (b"PATCH", b"", False),
            (b"GET", b"Content-Length: 1\r\n", False),
            (b"GET", b"Transfer-Encoding: chunked\r\n", False),
        ):
            self.setUp()
            self.kept()
            self.ask(b"%b / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (method, body))
            self.lose_upstream()
            self.assertEqual(self.end.retries, int(retried), (method, body))
            self.assertEqual(len(self.end.failed), int(not retried))

    def test_not_when_a_response_has_begun(self) -> None:
        self.kept()
        self.ask()
        self.reply(OK[:-1])
        self.lose_upstream()
        self.assertEqual(self.end.retries, 0)
        self.assertTrue(self.client.aborted)

    def test_without_another_connection_it_is_a_failure(self) -> None:
        self.kept()
        self.end.has_more = False
        self.ask()
        self.lose_upstream()
        self.assertEqual((self.end.retries, len(self.end.failed)), (1, 1))
        self.assertEqual(self.end.done, [False])

    def test_a_client_that_was_full_does_not_pause_it(self) -> None:
        self.kept()
        self.ask()
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.lose_upstream()
        self.assertTrue(self.end.transport.reading)

    def test_a_full_client_pauses_the_second_try_too(self) -> None:
        self.kept()
        self.ask()
        self.channel.pauseProducing()
        self.lose_upstream()
        self.assertFalse(self.end.transport.reading)


class BackPressureTests(RelayCase):
    def test_a_full_upstream_stops_the_reading_of_the_client(self) -> None:
        self.ask(POST)
        self.end.upstream.pauseProducing()
        self.assertFalse(self.client.reading)
        self.end.upstream.resumeProducing()
        self.assertTrue(self.client.reading)

    def test_a_full_client_stops_the_reading_of_the_upstream(self) -> None:
        self.ask()
        self.channel.pauseProducing()
        self.assertFalse(self.end.transport.reading)
        self.channel.resumeProducing()
        self.assertTrue(self.end.transport.reading)

    def test_a_client_that_a_response_fills_waits_with_its_next_request(self) -> None:
        self.ask()
        write = self.client.write

        def fill(data: bytes) -> None:
            write(data)
            self.channel.pauseProducing()

        self.patch(self.client, "write", fill)
        self.reply()
        self.assertTrue(self.end.transport.reading)
        self.ask()
        self.assertEqual(len(self.end.relays), 1)
        self.assertFalse(self.client.reading)
        self.channel.resumeProducing()
        self.assertEqual(len(self.end.relays), 2)
        self.assertTrue(self.client.reading)

    def test_upgraded_both_ways(self) -> None:
        self.ask(UPGRADE)
        self.reply(SWITCHING)
        self.end.upstream.pauseProducing()
        self.assertFalse(self.client.reading)
        self.channel.pauseProducing()
        self.assertFalse(self.end.transport.reading)
        self.end.upstream.resumeProducing()
        self.channel.resumeProducing()
        self.assertTrue(self.client.reading and self.end.transport.reading)

    def test_a_connection_that_was_full_at_its_end_serves_the_next_request(
        self,
    ) -> None:
        # The target has answered before it read all that was written to it.
        self.ask(POST + b"hello")
        self.end.upstream.pauseProducing()
        self.reply()
        self.end.upstream.resumeProducing()
        self.ask()
        self.assertEqual(len(self.end.relays), 2)
        self.reply()
        self.assertEqual([each.body for each in self.got()], [b"ok", b"ok"])

    def test_a_client_goes_on_after_a_full_upstream_was_lost(self) -> None:
        self.ask(POST + b"hello")
        self.end.upstream.pauseProducing()
        self.lose_upstream(clean=False)
        self.assertEqual([each.status for each in self.got()], [502])
        self.ask()
        self.assertEqual(len(self.end.relays), 2)


class BoundTests(RelayCase):
    """What comes behind a body is dropped, so nobody may send of it what they like."""

    #: One that never ends, many of them, a chunk's extension that never ends.
    ENDLESS = (
        (b"0\r\nA: ", b"a" * 60_000),
        (b"0\r\n", b"A: b\r\n" * 10_000),
        (b"1;a=", b"a" * 60_000),
    )

    def test_a_client_s_trailers_have_an_end(self) -> None:
        for begin, more in self.ENDLESS:
            self.setUp()
            self.ask(CHUNKED + b"5\r\nhello\r\n" + begin)
            for _ in range(10):
                self.ask(more)
            self.assertTrue(self.client.aborted, begin)

    def test_a_target_s_trailers_have_an_end(self) -> None:
        for begin, more in self.ENDLESS:
            self.setUp()
            self.ask()
            self.reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.reply(b"5\r\nhello\r\n" + begin)
            for _ in range(10):
                self.reply(more)
            self.assertTrue(self.end.transport.aborted, begin)
            self.assertTrue(self.client.aborted, begin)
