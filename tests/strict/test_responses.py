"""
What a client has got of each vector, however it was cut: the response, our own 502, or
a beginning that nobody can take for a whole; and never what came behind it.
"""

from __future__ import annotations

from cfos_cloud.device.target_pool import MAX_CONNECTIONS
from tests.gateway.support import Browser
from tests.http.vectors.responses import UPGRADE, responses
from tests.http.vectors.vector import TOKEN, Outcome, ResponseVector
from tests.strict.chain import READ_BYTES, ChainCase
from tests.strict.reader import Request, Response, read_responses
from tests.strict.target import say
from tests.tree import ROOT
from tests.tunnel.support import DeviceStream

_ASK_TO_SWITCH = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def ask(vector: ResponseVector) -> bytes:
    """The request that the vector is a response to."""
    more, method = b"", vector.method
    if method == UPGRADE:
        method, more = b"GET", _ASK_TO_SWITCH
    elif method == b"POST":
        more = b"Content-Length: 0\r\n"
    start = b"%b /vector HTTP/1.1\r\nHost: h\r\nCookie: cfos=%b\r\n" % (method, TOKEN)
    return start + more + b"\r\n"


class HostileDevice(ChainCase):
    """The device's own bytes, through the device end and the server."""

    def setUp(self) -> None:
        super().setUp()
        self.target.answer = self.answer
        #: How often what the vector answers was asked.
        self.asked = 0

    def answer(self, request: Request) -> bytes | None:
        if request.target != b"/vector":
            return say(request)
        self.asked += 1
        return None

    def begin(self, client: Browser, vector: ResponseVector) -> None:
        """Ask, up to where the response is due."""
        self.send(client, self.ours(ask(vector)))

    def respond(self, vector: ResponseVector, at_a_time: int) -> None:
        """Each time that it is asked: a lost connection may be tried once more."""
        answered, self.asked = 0, 1
        while answered < self.asked:
            answered += 1
            self.respond_once(vector, at_a_time)
        # As often as there may be idle connections.
        self.assertLessEqual(answered, 1 + MAX_CONNECTIONS)

    def respond_once(self, vector: ResponseVector, at_a_time: int) -> None:
        connection = self.target.asked_on
        assert connection is not None
        for begin in range(0, len(vector.data), at_a_time):
            if not connection.wire.ended:
                connection.send(vector.data[begin : begin + at_a_time])
        self.settle()
        if vector.closes and connection in self.target.connections:
            self.target.connections.remove(connection)
            connection.end()
        self.settle()

    def run_vector(self, vector: ResponseVector, at_a_time: int) -> None:
        client = self.client()
        self.begin(client, vector)
        self.respond(vector, at_a_time)
        # The time in which a device end may say why it has reset a stream.
        self.clock.advance(1)
        self.settle()
        self.check(client, vector)
        if vector.outcome is Outcome.SWITCHED or client.wire.ended:
            self.leave(client)
            client = self.client()
        self.check_canary(client)

    def check(self, client: Browser, vector: ResponseVector) -> None:
        wire = client.wire
        data = wire.take()
        for poison in (b"poison", b"cfos=x", b"smuggled"):
            self.assertNotIn(poison, data)
        method = b"HEAD" if vector.method == b"HEAD" else b"GET"
        in_order = wire.disconnecting and not wire.aborted
        answers = read_responses(data, [method], in_order)
        if vector.outcome is Outcome.CUT and [each.status for each in answers] != [502]:
            self.assertEqual([each.body for each in answers], [None] * len(answers))
            self.assertTrue(wire.aborted)
            return
        [answer] = answers
        self.judge(vector, answer, aborted=wire.aborted)

    def judge(self, vector: ResponseVector, answer: Response, *, aborted: bool) -> None:
        outcome, body = vector.outcome, vector.body
        if outcome in (Outcome.REFUSED, Outcome.CUT):
            self.assertEqual((answer.status, aborted), (502, False))
        elif outcome is Outcome.SWITCHED:
            self.assertEqual((answer.status, answer.body), (101, body))
        else:
            self.assertNotEqual(answer.status, 502)
            self.assertEqual((answer.body, aborted), (body, False))

    def run_all(self, at_a_time: int, most: int) -> None:
        for vector in responses():
            if len(vector.data) > most:
                continue
            try:
                self.run_vector(vector, at_a_time)
            except Exception as error:
                raise AssertionError(
                    f"{vector.rule}: {vector.name}: {error}"
                ) from error

    def test_each_vector_is_refused_or_arrives_as_what_it_is(self) -> None:
        self.run_all(READ_BYTES, 10**6)

    def test_byte_for_byte_it_is_the_same(self) -> None:
        self.run_all(1, 2_000)

    def test_the_document_counts_them(self) -> None:
        document = (ROOT / "docs" / "security.md").read_text()
        said = f"Of {len(responses())} vectors for responses"
        self.assertIn(said, " ".join(document.split()))


class HostileDeviceEnd(HostileDevice):
    """The same bytes, said by a device end, which nobody has checked before."""

    def setUp(self) -> None:
        super().setUp()
        self.streams: list[DeviceStream] = []

        def make_stream() -> DeviceStream:
            self.streams.append(DeviceStream())
            return self.streams[-1]

        self.tunnel.device.make_stream = make_stream

    def respond(self, vector: ResponseVector, at_a_time: int) -> None:
        stream = self.streams[-1]
        for begin in range(0, len(vector.data), at_a_time):
            if not stream.lost:
                stream.stream.write(vector.data[begin : begin + at_a_time])
                self.settle()
        if vector.closes and not stream.lost:
            stream.stream.loseConnection()
        self.settle()

    def check_canary(self, client: Browser | None = None) -> None:
        client = client or self.client()
        head = b"GET /canary HTTP/1.1\r\nHost: h\r\nCookie: cfos=%b\r\n\r\n" % TOKEN
        self.send(client, self.ours(head))
        stream = self.streams[-1]
        request = stream.requests[-1]
        self.assertEqual(request.start, b"GET /canary HTTP/1.1")
        stream.answer(b"GET /canary")
        self.settle()
        self.assertEqual(client.one().body, b"GET /canary")
        self.leave(client)
