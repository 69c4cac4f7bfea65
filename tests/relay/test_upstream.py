"""The asking end of HTTP/1.1: whose bytes are whose, and what may be used again."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import END, BadMessage, ResponseEvent, ResponseHead
from cfos_cloud.relay.upstream import UpstreamConnection
from tests.memory import MemoryTransport

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\nhello"


class Exchange:
    def __init__(self) -> None:
        self.events: list[ResponseEvent] = []
        self.lost: list[bool] = []
        self.half_closes = 0
        self.paused = False

    def response_events(self, events: list[ResponseEvent]) -> None:
        self.events += events

    def upstream_lost(self, clean: bool) -> None:
        self.lost.append(clean)

    def upstream_half_closed(self) -> None:
        self.half_closes += 1

    def pause_request(self) -> None:
        self.paused = True

    def resume_request(self) -> None:
        self.paused = False

    @property
    def statuses(self) -> list[int]:
        return [each.status for each in self.events if isinstance(each, ResponseHead)]

    @property
    def body(self) -> bytes:
        return b"".join(each for each in self.events if isinstance(each, bytes))


class Owner:
    def __init__(self) -> None:
        self.gone = 0

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        self.gone += 1


class UpstreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.owner = Owner()
        self.upstream = UpstreamConnection(self.owner)
        self.transport = MemoryTransport()
        self.upstream.makeConnection(self.transport)

    def begin(self, method: bytes = b"GET") -> Exchange:
        exchange = Exchange()
        self.upstream.begin(exchange, method, REQUEST)
        return exchange

    def lose(self, *, clean: bool = False) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.upstream.connectionLost(Failure(why))


class ResponseTests(UpstreamCase):
    def test_a_request_goes_out_and_its_response_to_who_asked(self) -> None:
        exchange = self.begin()
        self.upstream.write(b"body")
        self.assertEqual(self.transport.take(), REQUEST + b"body")
        self.upstream.dataReceived(SIZED[:-2])
        self.assertEqual((exchange.statuses, exchange.body), ([200], b"hel"))
        self.upstream.dataReceived(SIZED[-2:])
        self.assertEqual(exchange.body, b"hello")
        self.assertIs(exchange.events[-1], END)

    def test_one_after_another(self) -> None:
        for number in (1, 2, 3):
            exchange = self.begin()
            self.assertEqual(self.upstream.served, number)
            self.upstream.dataReceived(SIZED)
            self.assertEqual(exchange.body, b"hello")
            self.assertTrue(self.upstream.sound)
            self.upstream.release()
        self.assertFalse(self.transport.ended)

    def test_the_answer_to_head_ends_with_its_head(self) -> None:
        exchange = self.begin(b"HEAD")
        self.upstream.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        self.assertIs(exchange.events[-1], END)
        self.upstream.release()
        exchange = self.begin(b"GET")
        self.upstream.dataReceived(SIZED)
        self.assertEqual(exchange.body, b"hello")

    def test_a_body_behind_the_answer_to_head_is_no_next_answer(self) -> None:
        exchange = self.begin(b"HEAD")
        self.upstream.dataReceived(SIZED)
        self.assertEqual(exchange.body, b"")
        self.assertFalse(self.upstream.sound)

    def test_what_follows_a_101_is_raw(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(
            b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly"
        )
        self.upstream.dataReceived(b" and HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(exchange.statuses, [101])
        self.assertEqual(exchange.body, b"early and HTTP/1.1 200 OK\r\n\r\n")

    def test_what_breaks_the_rules_is_the_last_event(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(b"220 mail.example.org ESMTP\r\n")
        self.assertIsInstance(exchange.events[-1], BadMessage)
        self.assertFalse(self.upstream.sound)

    def test_a_second_response_behind_the_first_is_for_nobody(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(SIZED + SIZED)
        self.assertEqual(exchange.statuses, [200])
        self.assertEqual(exchange.events[2], END)
        self.assertFalse(self.upstream.sound)

    def test_bytes_that_nobody_asked_for_end_the_connection(self) -> None:
        self.upstream.dataReceived(SIZED)
        self.assertTrue(self.transport.aborted)

    def test_bytes_between_two_requests_end_the_connection(self) -> None:
        self.begin()
        self.upstream.dataReceived(SIZED)
        self.upstream.release()
        self.upstream.dataReceived(b"\r\n")
        self.assertTrue(self.transport.aborted)


class EndTests(UpstreamCase):
    def test_a_close_ends_a_body_without_a_length(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(UNSIZED)
        self.assertEqual(exchange.body, b"hello")
        self.assertNotIn(END, exchange.events)
        self.lose(clean=True)
        self.assertIs(exchange.events[-1], END)
        self.assertEqual(exchange.lost, [])
        self.assertEqual(self.owner.gone, 1)

    def test_so_does_a_half_close(self) -> None:
        self.assertTrue(IHalfCloseableProtocol.providedBy(self.upstream))
        exchange = self.begin()
        self.upstream.dataReceived(UNSIZED)
        self.upstream.readConnectionLost()
        self.assertIs(exchange.events[-1], END)
        self.assertTrue(self.transport.disconnecting)

    def test_a_loss_does_not_end_a_body_without_a_length(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(UNSIZED)
        self.lose()
        self.assertNotIn(END, exchange.events)
        self.assertEqual(exchange.lost, [False])

    def test_a_close_within_a_response_is_a_loss(self) -> None:
        for received in (
            b"",
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            SIZED[:-1],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ):
            self.setUp()
            exchange = self.begin()
            self.upstream.dataReceived(received)
            self.lose(clean=True)
            self.assertNotIn(END, exchange.events)
            self.assertEqual(exchange.lost, [True], received)

    def test_a_half_close_before_the_response_is_a_loss(self) -> None:
        exchange = self.begin()
        self.upstream.readConnectionLost()
        self.assertEqual(exchange.lost, [True])
        self.lose(clean=True)
        self.assertEqual((exchange.lost, self.owner.gone), ([True], 1))

    def test_an_upgraded_connection_ends_as_it_ended(self) -> None:
        for clean in (True, False):
            self.setUp()
            exchange = self.begin()
            self.upstream.dataReceived(
                b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
            )
            self.lose(clean=clean)
            self.assertEqual(exchange.lost, [clean])

    def test_a_half_close_of_a_switched_connection_is_only_that(self) -> None:
        self.begin()
        switched = Exchange()
        self.upstream.switch(switched)
        for _ in range(2):
            self.upstream.readConnectionLost()
        self.assertEqual((switched.half_closes, switched.lost), (1, []))
        self.assertFalse(self.transport.ended)
        self.upstream.write(b"more")
        self.assertTrue(self.transport.take().endswith(b"more"))
        self.lose(clean=True)
        self.assertEqual(switched.lost, [True])

    def test_an_idle_connection_ends_for_its_owner_alone(self) -> None:
        exchange = self.begin()
        self.upstream.dataReceived(SIZED)
        self.upstream.release()
        self.lose(clean=True)
        self.lose(clean=True)
        self.assertEqual((exchange.lost, self.owner.gone), ([], 1))
        self.assertFalse(self.upstream.sound)

    def test_a_half_close_of_an_idle_connection_is_answered(self) -> None:
        self.begin()
        self.upstream.dataReceived(SIZED)
        self.upstream.release()
        self.upstream.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)

    def test_what_is_closing_is_not_sound(self) -> None:
        for end in ("readConnectionLost", "close", "abort"):
            self.setUp()
            self.begin()
            self.upstream.dataReceived(SIZED)
            self.upstream.release()
            getattr(self.upstream, end)()
            self.assertFalse(self.upstream.sound, end)

    def test_close_lets_out_what_was_written_abort_does_not(self) -> None:
        exchange = self.begin()
        self.upstream.close()
        self.assertEqual(self.transport.take(), REQUEST)
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)
        self.lose(clean=True)
        self.assertEqual(exchange.lost, [])
        self.setUp()
        exchange = self.begin()
        self.upstream.abort()
        self.assertTrue(self.transport.aborted)
        self.assertFalse(self.transport.disconnecting)
        self.lose()
        self.assertEqual(exchange.lost, [])

    def test_what_is_over_takes_every_call(self) -> None:
        self.begin()
        self.lose()
        self.transport.producerState = "stopped"
        for call in (
            self.upstream.pause_response,
            self.upstream.resume_response,
            self.upstream.close,
            self.upstream.abort,
            self.upstream.stopProducing,
            self.upstream.writeConnectionLost,
        ):
            call()
        self.assertFalse(self.transport.ended)


class BackPressureTests(UpstreamCase):
    def test_a_full_connection_pauses_the_request(self) -> None:
        exchange = self.begin()
        self.assertIs(self.transport.producer, self.upstream)
        self.upstream.pauseProducing()
        self.assertTrue(exchange.paused)
        self.upstream.resumeProducing()
        self.assertFalse(exchange.paused)

    def test_one_that_is_full_already_pauses_the_next_request(self) -> None:
        self.begin()
        self.upstream.dataReceived(SIZED)
        self.upstream.release()
        self.upstream.pauseProducing()
        exchange = self.begin()
        self.assertTrue(exchange.paused)
        self.upstream.resumeProducing()
        self.assertFalse(exchange.paused)

    def test_one_that_is_full_no_more_pauses_nobody(self) -> None:
        self.upstream.pauseProducing()
        self.upstream.resumeProducing()
        self.assertFalse(self.begin().paused)

    def test_a_full_client_stops_the_reading(self) -> None:
        self.begin()
        self.upstream.pause_response()
        self.assertFalse(self.transport.reading)
        self.upstream.resume_response()
        self.assertTrue(self.transport.reading)

    def test_for_the_next_request_it_reads_again(self) -> None:
        self.begin()
        self.upstream.dataReceived(SIZED)
        self.upstream.pause_response()
        self.upstream.release()
        self.assertTrue(self.transport.reading)
