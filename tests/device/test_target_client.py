"""What the device end itself asks the target."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.profile import DeviceBusy, DeviceTrouble
from cfos_cloud.device.target_client import (
    ANSWER_SECONDS,
    MAX_ANSWER_BYTES,
    TargetAnswer,
    TargetClient,
)
from cfos_cloud.device.target_pool import WAIT_SECONDS, TargetPool
from tests.device.memory_device import Bench


class TargetClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(lambda request: (200, b"yes"))

    def ask(self, method: bytes = b"GET", body: bytes = b"") -> Deferred[TargetAnswer]:
        return Deferred.fromCoroutine(
            self.bench.client.ask(method, b"/x?y", b"X: z\r\n", body=body)
        )

    def trouble(self, asked: Deferred[TargetAnswer]) -> str:
        return str(self.failureResultOf(asked, DeviceTrouble).value)

    def test_a_question_has_its_fields_and_the_targets_host(self) -> None:
        asked = self.ask(b"POST", b"body")
        self.bench.serve()
        answer = self.successResultOf(asked)
        self.assertEqual((answer.status, answer.body), (200, b"yes"))
        self.assertFalse(answer.same_machine)
        (request,) = self.bench.device.asked
        self.assertEqual(request.start, b"POST /x?y HTTP/1.1")
        self.assertEqual(request.get(b"host"), b"192.168.1.20")
        self.assertEqual((request.get(b"x"), request.body), (b"z", b"body"))

    def test_its_connection_is_used_again(self) -> None:
        for _ in range(3):
            asked = self.ask()
            self.bench.serve()
            self.successResultOf(asked)
        self.assertEqual(len(self.bench.device.connections), 1)

    def test_one_that_was_closed_meanwhile_is_replaced(self) -> None:
        asked = self.ask()
        self.bench.serve()
        self.successResultOf(asked)
        asked = self.ask()
        self.bench.device.last.end()
        self.assertNoResult(asked)
        self.bench.serve()
        self.assertEqual(self.successResultOf(asked).status, 200)
        self.assertEqual(len(self.bench.device.connections), 2)

    def test_a_fresh_one_that_ends_is_trouble(self) -> None:
        asked = self.ask()
        self.bench.device.accept().end()
        self.assertIn("ended the connection", self.trouble(asked))

    def test_nobody_there_is_trouble(self) -> None:
        asked = self.ask()
        self.bench.device.refuse(ConnectionRefusedError())
        self.assertIn("can't be reached", self.trouble(asked))

    def test_no_answer_in_time_is_trouble_and_ends_the_connection(self) -> None:
        asked = self.ask()
        connection = self.bench.device.accept()
        self.bench.clock.advance(ANSWER_SECONDS)
        self.assertIn("in time", self.trouble(asked))
        self.assertTrue(connection.wire.aborted)

    def test_who_asks_no_more_ends_the_connection(self) -> None:
        asked = self.ask()
        connection = self.bench.device.accept()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(connection.wire.aborted)
        connection.end()

    def test_an_answer_that_is_too_long_is_trouble(self) -> None:
        asked = self.ask()
        connection = self.bench.device.accept()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_ANSWER_BYTES + 1))
        self.assertIn("too long", self.trouble(asked))
        self.assertTrue(connection.wire.aborted)

    def test_what_is_no_http_is_trouble(self) -> None:
        for data in (b"220 mail\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n"):
            asked = self.ask()
            connection = self.bench.device.accept()
            connection.send(data)
            self.assertIn("no HTTP", self.trouble(asked))
            connection.end()

    def test_an_answer_may_end_with_its_connection(self) -> None:
        asked = self.ask()
        connection = self.bench.device.accept()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nyes")
        self.assertNoResult(asked)
        connection.half_close()
        self.assertEqual(self.successResultOf(asked).body, b"yes")

    def test_it_waits_for_its_turn_as_every_request_does(self) -> None:
        self.bench.pool = TargetPool(
            self.bench.device, self.bench.clock, max_connections=1
        )
        origin = b"http://192.168.1.20"
        self.bench.client = TargetClient(self.bench.pool, origin, self.bench.clock)
        first, second = self.ask(), self.ask()
        self.bench.device.accept()
        # A little earlier than the first one is given up.
        self.bench.clock.advance(WAIT_SECONDS - 1)
        self.assertNoResult(second)
        self.bench.clock.advance(1)
        self.trouble(first)
        self.failureResultOf(second, DeviceTrouble, DeviceBusy)

    def test_loopback_is_the_same_machine(self) -> None:
        for here, there, same in (
            ("127.0.0.1", "127.0.0.1", True),
            ("127.0.0.1", "127.0.0.2", True),
            ("192.168.1.5", "192.168.1.5", True),
            ("192.168.1.5", "192.168.1.6", False),
        ):
            self.setUp()
            asked = self.ask()
            connection = self.bench.device.accept()
            connection.wire.hostAddr = IPv4Address("TCP", here, 4000)
            connection.wire.peerAddr = IPv4Address("TCP", there, 80)
            connection.answer(b"yes")
            self.assertIs(self.successResultOf(asked).same_machine, same)
