"""Our own pages on a connection of ours: bodies, bounds, and streams."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from cfos_cloud.gateway.pages import BODY_SECONDS, MAX_BODY_BYTES, PageExchange
from cfos_cloud.http.message import BadMessage, RequestHead
from cfos_cloud.relay.channel import LINGER_SECONDS, RequestChannel
from tests.memory import MemoryTransport, Message, parse_messages


class Page(Resource):
    """Keeps its requests; answers with what it was asked, or when it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.lost: list[Failure] = []
        self.finished = 0

    def render(self, request: Any) -> object:
        self.requests.append(request)
        request.notifyFinish().addCallbacks(self._finished, self.lost.append)
        if request.path == b"/slow":
            return NOT_DONE_YET
        request.setHeader(b"content-type", b"text/plain")
        if request.path == b"/none":
            request.setResponseCode(204)
            return b""
        if request.path == b"/bug":
            raise ValueError("a bug")
        return b"%b %b %b" % (request.method, request.uri, request.content.read())

    def _finished(self, result: None) -> None:
        self.finished += 1


class Handler:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.exchange: PageExchange

    def request(self, channel: RequestChannel, head: RequestHead) -> PageExchange:
        self.exchange = PageExchange(self.site, channel, head, "192.0.2.7", True)
        return self.exchange

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        raise AssertionError(why)

    def channel_closed(self, channel: RequestChannel) -> None: ...


class Producer:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class PageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.page = Page()
        self.client = MemoryTransport()
        self.handler = Handler(Site(self.page))
        self.channel = RequestChannel(self.handler, self.clock)
        self.channel.makeConnection(self.client)

    def ask(
        self,
        method: bytes = b"GET",
        path: bytes = b"/",
        *lines: bytes,
        body: bytes = b"",
    ) -> None:
        start = b"%b %b HTTP/1.1" % (method, path)
        self.channel.dataReceived(b"\r\n".join((start, b"Host: x", *lines, b"", body)))

    def post(self, body: bytes, length: int | None = None, *lines: bytes) -> None:
        line = b"Content-Length: %d" % (len(body) if length is None else length)
        self.ask(b"POST", b"/", line, *lines, body=body)

    def got(self, *, bodiless: bool = False) -> list[Message]:
        self.clock.advance(0)
        return parse_messages(self.client.take(), bodiless=bodiless)

    def one(self, *, bodiless: bool = False) -> Message:
        [message] = self.got(bodiless=bodiless)
        return message

    def lose(self, *, clean: bool = True) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.channel.connectionLost(Failure(why))

    @property
    def request(self) -> Any:
        return self.page.requests[-1]


class RequestTests(PageCase):
    def test_a_page_answers(self) -> None:
        self.ask(b"GET", b"/a?b=c")
        message = self.one()
        self.assertEqual((message.status, message.body), (200, b"GET /a?b=c "))
        self.assertEqual(message.get(b"content-type"), b"text/plain")
        self.assertEqual(message.get(b"content-length"), b"11")
        self.assertIsNone(message.get(b"connection"))
        self.assertFalse(self.client.ended)
        self.assertEqual(self.page.finished, 1)

    def test_it_sees_fields_cookies_and_where_a_request_comes_from(self) -> None:
        self.ask(b"GET", b"/", b"X-Two: 1", b"x-two: 2", b"Cookie: a=1; b=2")
        self.one()
        headers = self.request.requestHeaders
        self.assertEqual(headers.getRawHeaders(b"x-two"), [b"1", b"2"])
        self.assertEqual(self.request.getCookie(b"b"), b"2")
        self.assertEqual(self.request.client_address, "192.0.2.7")
        self.assertTrue(self.request.isSecure())
        self.assertEqual(self.request.getClientAddress(), self.client.getPeer())

    def test_one_after_another_on_one_connection(self) -> None:
        for number in range(3):
            self.ask(b"GET", b"/%d" % number)
            self.assertEqual(self.one().body, b"GET /%d " % number)

    def test_pipelined_requests_are_answered_in_their_order(self) -> None:
        get = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
        self.channel.dataReceived(b"".join(get % number for number in range(3)))
        bodies = [message.body for message in self.got()]
        self.assertEqual(bodies, [b"GET /0 ", b"GET /1 ", b"GET /2 "])

    def test_the_answer_to_head_has_no_body(self) -> None:
        self.ask(b"HEAD")
        message = self.one(bodiless=True)
        self.assertEqual(message.status, 200)
        self.ask()
        self.assertEqual(self.one().body, b"GET / ")

    def test_an_answer_without_a_body_is_framed_as_such(self) -> None:
        self.ask(b"GET", b"/none")
        message = self.one()
        self.assertEqual(message.status, 204)
        self.assertIsNone(message.get(b"content-length"))
        self.assertIsNone(message.get(b"transfer-encoding"))

    def test_close_is_honoured(self) -> None:
        self.ask(b"GET", b"/", b"Connection: close")
        self.assertEqual(self.one().all(b"connection"), [b"close"])
        self.assertTrue(self.client.disconnecting)

    def test_no_answer_says_what_made_it(self) -> None:
        for path in (b"/", b"/bug", b"/none"):
            self.ask(b"GET", path)
            self.assertIsNone(self.one().get(b"server"), path)
        self.flushLoggedErrors(ValueError)

    def test_a_page_s_bug_is_a_500_and_in_the_log(self) -> None:
        self.ask(b"GET", b"/bug")
        self.assertEqual(self.one().status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertFalse(self.client.ended)


class BodyTests(PageCase):
    def test_a_body_is_there_as_a_whole(self) -> None:
        self.post(b"he", 5)
        self.assertEqual(self.page.requests, [])
        self.channel.dataReceived(b"llo")
        self.assertEqual(self.one().body, b"POST / hello")
        # The connection's own timer is all that is left.
        self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)

    def test_a_chunked_body_too(self) -> None:
        self.ask(
            b"POST",
            b"/",
            b"Transfer-Encoding: chunked",
            body=b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        )
        self.assertEqual(self.one().body, b"POST / hello")

    def test_64_kib_is_the_most(self) -> None:
        self.post(b"x" * MAX_BODY_BYTES)
        self.assertEqual(len(self.one().body), MAX_BODY_BYTES + len(b"POST / "))
        self.post(b"x" * (MAX_BODY_BYTES + 1))
        message = self.one()
        self.assertEqual((message.status, message.body), (413, b""))
        self.assertEqual(message.get(b"cache-control"), b"no-store")
        self.assertEqual(len(self.page.requests), 1)

    def test_a_length_that_is_too_large_is_refused_before_anything_is_sent(
        self,
    ) -> None:
        for lines in ((), (b"Expect: 100-continue",)):
            self.setUp()
            self.post(b"", MAX_BODY_BYTES + 1, *lines)
            message = self.one()
            self.assertEqual((message.status, message.body), (413, b""), lines)
            self.assertEqual(message.get(b"connection"), b"close")
            # Who has not waited gets to read it; who has, closes.
            self.assertFalse(self.client.ended)
            self.clock.advance(LINGER_SECONDS)
            self.assertTrue(self.client.ended)
            self.assertEqual(self.page.requests, [])

    def test_too_large_in_pieces_is_too_large(self) -> None:
        for _ in range(2):
            self.setUp()
            self.ask(b"POST", b"/", b"Transfer-Encoding: chunked")
            chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
            self.channel.dataReceived(chunk * 2)
            self.assertEqual(self.got(), [])
            self.channel.dataReceived(b"1\r\nx\r\n")
            self.assertEqual([each.status for each in self.got()], [413])

    def test_the_rest_of_what_is_too_large_is_read_and_dropped(self) -> None:
        self.post(b"x" * MAX_BODY_BYTES, MAX_BODY_BYTES + 10)
        self.channel.dataReceived(b"x")
        message = self.one()
        self.assertEqual((message.status, message.get(b"connection")), (413, b"close"))
        self.assertFalse(self.client.ended)
        self.channel.dataReceived(b"x" * 9)
        self.assertTrue(self.client.disconnecting)
        self.assertEqual(self.page.requests, [])

    def test_what_is_refused_is_refused_once(self) -> None:
        self.ask(b"POST", b"/", b"Transfer-Encoding: chunked")
        self.channel.dataReceived(b"10001\r\n" + b"x" * 0x10001 + b"\r\n")
        self.assertEqual(self.one().status, 413)
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_form_that_can_t_be_read_is_a_400(self) -> None:
        self.post(b"x", 1, b"Content-Type: multipart/form-data; boundary=")
        self.assertEqual(self.one().status, 400)
        self.assertEqual(self.page.requests, [])

    def test_who_waits_for_100_is_told_to_go_on(self) -> None:
        self.post(b"", 5, b"Expect: 100-Continue")
        self.assertEqual(self.client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.channel.dataReceived(b"hello")
        self.assertEqual(self.one().body, b"POST / hello")

    def test_who_does_not_wait_is_not_told(self) -> None:
        self.post(b"", 5)
        self.assertEqual(self.client.take(), b"")
        self.setUp()
        self.ask(b"GET", b"/", b"Expect: 100-continue")
        self.assertEqual(self.one().status, 200)

    def test_a_body_has_its_time(self) -> None:
        self.post(b"he", 5)
        self.clock.advance(BODY_SECONDS - 0.1)
        self.assertEqual(self.got(), [])
        self.clock.advance(0.1)
        message = self.one()
        self.assertEqual((message.status, message.get(b"connection")), (408, b"close"))
        self.channel.dataReceived(b"llo")
        self.assertTrue(self.client.disconnecting)
        self.assertEqual(self.page.requests, [])

    def test_a_body_that_came_is_not_overdue(self) -> None:
        self.ask(b"POST", b"/slow", b"Content-Length: 2", body=b"ok")
        self.clock.advance(BODY_SECONDS * 2)
        self.assertEqual(self.got(), [])
        self.request.write(b"late")
        self.request.finish()
        self.assertEqual(self.one().body, b"late")

    def test_a_client_that_leaves_within_its_body_leaves_no_timer(self) -> None:
        self.post(b"he", 5)
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.page.requests, [])


class StreamTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.ask(b"GET", b"/slow")

    def test_what_is_written_leaves_in_the_next_turn(self) -> None:
        self.request.write(b"one")
        self.request.write(b"two")
        self.assertEqual(self.client.take(), b"")
        self.clock.advance(0)
        self.assertTrue(self.client.take().endswith(b"3\r\none\r\n3\r\ntwo\r\n"))
        self.request.write(b"three")
        self.clock.advance(0)
        self.assertEqual(self.client.take(), b"5\r\nthree\r\n")
        self.request.finish()
        self.assertEqual(self.client.take(), b"0\r\n\r\n")

    def test_a_small_page_leaves_in_one_piece(self) -> None:
        self.request.setHeader(b"content-length", b"6")
        self.request.write(b"one")
        self.request.write(b"two")
        self.request.finish()
        self.assertTrue(self.client.take().endswith(b"\r\n\r\nonetwo"))
        self.clock.advance(0)
        self.assertEqual(self.client.take(), b"")

    def test_a_client_that_is_lost_is_told_to_the_page(self) -> None:
        for clean, why in ((True, ConnectionDone), (False, ConnectionLost)):
            self.setUp()
            self.lose(clean=clean)
            self.assertEqual([each.type for each in self.page.lost], [why])
            self.request.write(b"late")
            self.clock.advance(0)
            self.assertEqual(self.client.take(), b"")

    def test_a_client_that_leaves_after_the_page_is_no_news(self) -> None:
        self.request.finish()
        self.lose()
        self.assertEqual((self.page.finished, self.page.lost), (1, []))

    def test_a_full_client_pauses_the_page(self) -> None:
        producer = Producer()
        self.request.registerProducer(producer, True)
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.request.unregisterProducer()
        self.channel.pauseProducing()
        self.assertEqual(producer.calls, ["pause", "resume"])

    def test_a_client_that_is_full_no_more_does_not_pause_the_page(self) -> None:
        producer = Producer()
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.request.registerProducer(producer, True)
        self.assertEqual(producer.calls, [])

    def test_what_was_written_before_a_producer_comes_leaves_first(self) -> None:
        self.request.write(b"one")
        self.request.registerProducer(Producer(), True)
        self.assertTrue(self.client.take().endswith(b"3\r\none\r\n"))

    def test_a_client_that_is_full_already_pauses_the_page(self) -> None:
        producer = Producer()
        self.channel.pauseProducing()
        self.request.registerProducer(producer, True)
        self.assertEqual(producer.calls, ["pause"])

    def test_a_page_streams_from_push_producers_only(self) -> None:
        self.assertRaises(ValueError, self.request.registerProducer, Producer(), False)

    def test_a_page_may_cut_its_client(self) -> None:
        for cut in ("loseConnection", "abortConnection"):
            self.setUp()
            self.request.write(b"half")
            getattr(self.request.channel, cut)()
            self.assertTrue(self.client.aborted, cut)

    def test_a_page_that_cuts_its_client_hears_of_the_end_too(self) -> None:
        self.request.loseConnection()
        self.lose(clean=False)
        self.assertEqual(len(self.page.lost), 1)
