"""Questions and answers on the control stream, without a tunnel below it."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import (
    MAX_LINE_BYTES,
    InvalidParams,
    JSONObject,
    RpcError,
    UnknownMethod,
)
from cfos_cloud.tunnel.reasons import ProtocolBroken, TunnelBroken
from cfos_cloud.tunnel.rpc import MAX_CALLS, MAX_LATE, ControlChannel
from tests.memory import MemoryTransport


class Handler:
    """Answers by what the test has put there."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, JSONObject]] = []
        self.told: list[tuple[str, JSONObject]] = []
        self.waiting: list[Deferred[JSONObject]] = []
        self.error: Exception | None = None
        self.lost: list[TunnelBroken] = []

    def control_request(
        self, method: str, params: JSONObject
    ) -> JSONObject | Deferred[JSONObject]:
        self.asked.append((method, params))
        if self.error is not None:
            raise self.error
        if method == "slow":
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return {"echo": params}

    def control_notification(self, method: str, params: JSONObject) -> None:
        self.told.append((method, params))
        if self.error is not None:
            raise self.error

    def control_lost(self, why: TunnelBroken) -> None:
        self.lost.append(why)


class ChannelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.handler = Handler()
        self.transport = MemoryTransport()
        self.channel = ControlChannel(self.handler, self.clock)
        self.channel.makeConnection(self.transport)

    def receive(self, **message: Any) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        self.channel.dataReceived(line)

    def sent(self) -> list[Any]:
        """What was sent since the last call, without the version."""
        messages = [json.loads(line) for line in self.transport.take().splitlines()]
        for message in messages:
            self.assertEqual(message.pop("jsonrpc"), "2.0")
        return messages

    def lose(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))


class AskingTests(ChannelCase):
    def ask(self, timeout: float = 5, **more: Any) -> Deferred[JSONObject]:
        return self.channel.request("m", {"a": 1}, timeout, **more)

    def test_a_question_is_a_line_and_its_answer_the_result(self) -> None:
        answer = self.ask()
        self.assertEqual(self.sent(), [{"id": 1, "method": "m", "params": {"a": 1}}])
        self.receive(id=1, result={"b": 2})
        self.assertEqual(self.successResultOf(answer), {"b": 2})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answers_come_in_any_order(self) -> None:
        first, second = self.ask(), self.ask()
        self.receive(id=2, result={"n": 2})
        self.assertNoResult(first)
        self.receive(id=1, result={"n": 1})
        self.assertEqual(self.successResultOf(first), {"n": 1})
        self.assertEqual(self.successResultOf(second), {"n": 2})

    def test_an_error_answer_is_a_failure_with_its_code(self) -> None:
        answer = self.ask()
        self.receive(id=1, error={"code": -32001, "message": "wrong secret"})
        error: Any = self.failureResultOf(answer, RpcError).value
        self.assertEqual((error.code, error.message), (-32001, "wrong secret"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_an_answer_in_time_it_fails(self) -> None:
        answer = self.ask(timeout=2.5)
        self.clock.advance(2.4)
        self.assertNoResult(answer)
        self.clock.advance(0.1)
        self.failureResultOf(answer, TimeoutError)

    def test_a_late_answer_is_handed_back_once(self) -> None:
        late: list[JSONObject] = []
        answer = self.ask(too_late=late.append)
        self.clock.advance(5)
        self.failureResultOf(answer, TimeoutError)
        for _ in range(2):
            self.receive(id=1, result={"grant": "g"})
        self.assertEqual(late, [{"grant": "g"}])

    def test_a_late_answer_that_nobody_wants_is_nothing(self) -> None:
        answer = self.ask()
        self.clock.advance(5)
        self.failureResultOf(answer, TimeoutError)
        self.receive(id=1, result={})
        self.assertFalse(self.transport.ended)

    def test_a_late_error_is_nothing(self) -> None:
        late: list[JSONObject] = []
        answer = self.ask(too_late=late.append)
        self.clock.advance(5)
        self.failureResultOf(answer, TimeoutError)
        self.receive(id=1, error={"code": 1, "message": "m"})
        self.assertEqual(late, [])
        self.assertFalse(self.transport.ended)

    def test_an_answer_in_time_is_not_handed_back(self) -> None:
        late: list[JSONObject] = []
        answer = self.ask(too_late=late.append)
        self.receive(id=1, result={})
        self.assertEqual(self.successResultOf(answer), {})
        self.clock.advance(5)
        self.receive(id=1, result={})
        self.assertEqual(late, [])

    def test_so_many_late_answers_are_awaited_the_newest(self) -> None:
        late: list[JSONObject] = []
        for _ in range(MAX_LATE + 1):
            answer = self.ask(too_late=late.append)
            self.clock.advance(5)
            self.failureResultOf(answer, TimeoutError)
        for number in (1, 2, MAX_LATE + 1):
            self.receive(id=number, result={"n": number})
        self.assertEqual(late, [{"n": 2}, {"n": MAX_LATE + 1}])

    def test_answers_to_what_nobody_asked_are_nothing(self) -> None:
        answer = self.ask()
        for number in (0, 2, "1", "x"):
            self.receive(id=number, result={"no": 1})
            self.receive(id=number, error={"code": 1, "message": "m"})
        self.receive(id=None, error={"code": -32700, "message": "what?"})
        self.assertNoResult(answer)
        self.assertFalse(self.transport.ended)
        self.receive(id=1, result={"yes": 1})
        self.assertEqual(self.successResultOf(answer), {"yes": 1})

    def test_all_that_is_open_fails_when_the_stream_ends(self) -> None:
        answers = [self.ask(), self.ask()]
        self.lose()
        for answer in answers:
            self.failureResultOf(answer, ConnectionLost)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.handler.lost), 1)
        self.lose()
        self.assertEqual(len(self.handler.lost), 1)

    def test_afterwards_nothing_can_be_asked_or_told(self) -> None:
        self.lose()
        self.failureResultOf(self.ask(), ConnectionLost)
        self.channel.notify("n", {})
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_too_long_is_refused_and_leaves_nothing_behind(self) -> None:
        try:
            answer = self.channel.request("m", {"a": "x" * MAX_LINE_BYTES}, 5)
        except ValueError:
            pass
        else:
            self.failureResultOf(answer, ValueError)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_notification_wants_no_answer(self) -> None:
        self.channel.notify("logout", {"grant": "g"})
        self.assertEqual(self.sent(), [{"method": "logout", "params": {"grant": "g"}}])


class AnsweringTests(ChannelCase):
    def test_a_question_is_answered_under_its_id(self) -> None:
        for number in (7, "x", 0, -1):
            self.receive(id=number, method="m", params={"a": 1})
            self.assertEqual(
                self.sent(), [{"id": number, "result": {"echo": {"a": 1}}}]
            )

    def test_an_answer_may_take_its_time(self) -> None:
        self.receive(id=1, method="slow")
        self.receive(id=2, method="m")
        self.assertEqual([message["id"] for message in self.sent()], [2])
        self.handler.waiting[0].callback({"at": "last"})
        self.assertEqual(self.sent(), [{"id": 1, "result": {"at": "last"}}])

    def test_an_error_of_ours_is_told(self) -> None:
        for error, code, message in (
            (UnknownMethod(), -32601, "method not found"),
            (InvalidParams("a is missing"), -32602, "a is missing"),
            (RpcError(-32002, "none set"), -32002, "none set"),
        ):
            self.handler.error = error
            self.receive(id=1, method="m")
            self.assertEqual(
                self.sent(), [{"id": 1, "error": {"code": code, "message": message}}]
            )

    def test_a_late_error_of_ours_is_told(self) -> None:
        self.receive(id=1, method="slow")
        self.handler.waiting[0].errback(RpcError(-32001, "wrong secret"))
        self.assertEqual(self.sent()[0]["error"]["code"], -32001)

    def test_a_bug_of_ours_is_logged_and_not_told(self) -> None:
        self.handler.error = ValueError("the secret is 1234")
        self.receive(id=1, method="m")
        self.assertEqual(
            self.sent(),
            [{"id": 1, "error": {"code": -32603, "message": "internal error"}}],
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertFalse(self.transport.ended)

    def test_a_notification_is_not_answered_whatever_comes_of_it(self) -> None:
        self.receive(method="n", params={"a": 1})
        self.handler.error = InvalidParams("a is missing")
        self.receive(method="n")
        self.assertEqual(self.handler.told, [("n", {"a": 1}), ("n", {})])
        self.assertEqual(self.sent(), [])
        self.assertFalse(self.transport.ended)

    def test_thousands_of_bad_ones_do_not_fill_the_log(self) -> None:
        self.handler.error = InvalidParams("a is missing")
        with capturedLogs() as events:
            for _ in range(1000):
                self.receive(method="n")
        self.assertEqual([each["method"] for each in events], ["n"])

    def test_an_answer_that_comes_after_the_end_is_nothing(self) -> None:
        self.receive(id=1, method="slow")
        self.lose()
        self.handler.waiting[0].callback({})
        self.assertEqual(self.sent(), [])

    def test_so_many_questions_at_once_and_no_more(self) -> None:
        for number in range(MAX_CALLS):
            self.receive(id=number, method="slow")
        self.assertFalse(self.transport.aborted)
        self.receive(id="x", method="m")
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.sent(), [])

    def test_what_is_answered_makes_room(self) -> None:
        for number in range(MAX_CALLS):
            self.receive(id=number, method="slow")
        self.handler.waiting[0].callback({})
        self.handler.waiting[1].errback(RpcError(-32001, "no"))
        for number in range(2):
            self.receive(id=f"x{number}", method="slow")
        self.assertFalse(self.transport.aborted)

    def test_an_answer_of_ours_that_is_too_long_is_our_error(self) -> None:
        self.receive(id=1, method="slow")
        self.handler.waiting[0].callback({"a": "x" * MAX_LINE_BYTES})
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertFalse(self.transport.ended)


class GarbageTests(ChannelCase):
    def test_a_line_that_is_no_message_ends_the_stream_and_is_the_reason(self) -> None:
        for line in (b"GET / HTTP/1.1", b"[]", b"{}", b"\xff", b"[" * 30_000):
            self.setUp()
            self.channel.dataReceived(line + b"\n")
            self.assertTrue(self.transport.aborted, line[:20])
            self.assertEqual(self.sent(), [])
            self.lose()
            [why] = self.handler.lost
            self.assertIsInstance(why, ProtocolBroken)
            self.assertIn("a line is not", str(why))

    def test_a_stream_that_merely_ends_is_no_violation(self) -> None:
        self.lose()
        self.assertEqual(
            list(map(str, self.handler.lost)), ["the control stream was ended"]
        )

    def test_a_line_that_is_too_long_ends_the_stream(self) -> None:
        self.channel.dataReceived(b" " * (MAX_LINE_BYTES - 1))
        self.assertFalse(self.transport.aborted)
        self.channel.dataReceived(b" ")
        self.assertTrue(self.transport.aborted)

    def test_the_longest_line_is_read(self) -> None:
        line = b'{"jsonrpc":"2.0","id":1,"method":"m"'
        line += b" " * (MAX_LINE_BYTES - len(line) - 2) + b"}\n"
        self.channel.dataReceived(line)
        self.assertEqual(len(self.sent()), 1)

    def test_empty_lines_are_nothing(self) -> None:
        self.channel.dataReceived(b"\n\r\n \n")
        self.assertFalse(self.transport.ended)

    def test_nothing_is_done_after_a_line_that_is_no_message(self) -> None:
        self.channel.dataReceived(
            b'garbage\n{"jsonrpc":"2.0","id":1,"method":"m","params":{}}\n'
        )
        self.assertEqual(self.handler.asked, [])

    def test_half_a_close_is_an_end(self) -> None:
        self.channel.readConnectionLost()
        self.assertTrue(self.transport.aborted)
