"""Turns: fair, bounded, and of any number."""

from __future__ import annotations

import sys

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.turns import MAX_WAITING, Turns
from cfos_cloud.workers import Overloaded

MANY = 10_000


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.turns = Turns(MANY)
        self.begun: list[object] = []

    def hold(self) -> tuple[Deferred[None], Deferred[None]]:
        """A turn that lasts until the first fires; the second is its answer."""
        gate: Deferred[None] = Deferred()

        async def hold() -> None:
            await gate

        return gate, self.turns.take(hold)

    def take(
        self,
        name: object,
        error: BaseException | None = None,
        *,
        is_patient: bool = False,
    ) -> Deferred[object]:
        async def work() -> object:
            self.begun.append(name)
            if error is not None:
                raise error
            return name

        return self.turns.take(work, is_patient=is_patient)

    def test_who_comes_alone_has_a_turn_at_once(self) -> None:
        self.assertEqual(self.successResultOf(self.take("alone")), "alone")
        self.assertEqual(len(self.turns), 0)

    def test_one_at_a_time_in_the_order_of_their_coming(self) -> None:
        gate, _ = self.hold()
        answers = [self.take(number) for number in range(5)]
        self.assertEqual((self.begun, len(self.turns)), ([], 5))
        gate.callback(None)
        self.assertEqual(self.begun, [0, 1, 2, 3, 4])
        results = [self.successResultOf(answer) for answer in answers]
        self.assertEqual(results, [0, 1, 2, 3, 4])

    def test_ten_thousand_that_end_at_once_all_have_theirs(self) -> None:
        gate, _ = self.hold()
        answers = [self.take(number) for number in range(MANY)]
        gate.callback(None)
        self.assertEqual(self.begun, list(range(MANY)))
        for number, answer in enumerate(answers):
            self.assertEqual(self.successResultOf(answer), number)
        self.assertEqual(self.successResultOf(self.take("after")), "after")

    def test_ten_thousand_that_fail_at_once_too(self) -> None:
        gate, _ = self.hold()
        answers = [self.take(number, KeyError(number)) for number in range(MANY)]
        gate.callback(None)
        for answer in answers:
            self.failureResultOf(answer, KeyError)
        self.assertEqual(self.successResultOf(self.take("after")), "after")

    def test_ten_thousand_each_of_whom_waits_for_the_one_before(self) -> None:
        gate, _ = self.hold()
        left = MANY

        def again(_: object) -> None:
            nonlocal left
            left -= 1
            if left:
                self.take(left).addCallback(again)

        self.take("first").addCallback(again)
        gate.callback(None)
        self.assertEqual((left, len(self.turns)), (0, 0))

    def test_they_end_also_when_the_stack_is_nearly_full(self) -> None:
        gate, answer = self.hold()
        answers = [self.take(number) for number in range(200)]

        def deep(left: int) -> None:
            if left:
                deep(left - 1)
            else:
                gate.callback(None)

        deep(sys.getrecursionlimit() // 2)
        self.successResultOf(answer)
        for each in answers:
            self.successResultOf(each)

    def test_work_that_can_t_even_begin_stops_nobody(self) -> None:
        def broken() -> object:
            raise ZeroDivisionError

        gate, _ = self.hold()
        failed: Deferred[object] = self.turns.take(broken)  # type: ignore[arg-type]
        after = self.take("after")
        gate.callback(None)
        self.failureResultOf(failed, ZeroDivisionError)
        self.successResultOf(after)

    def test_an_answer_that_breaks_who_asked_stops_nobody(self) -> None:
        gate, _ = self.hold()
        broken = self.take("first").addCallback(lambda _: 1 // 0)
        after = self.take("after")
        gate.callback(None)
        self.failureResultOf(broken, ZeroDivisionError)
        self.successResultOf(after)

    def test_what_comes_during_a_turn_is_behind_those_that_wait(self) -> None:
        later: list[Deferred[object]] = []

        async def work() -> None:
            later.append(self.take("later"))

        gate, _ = self.hold()
        self.turns.take(work)
        self.take("earlier")
        gate.callback(None)
        self.assertEqual(self.begun, ["earlier", "later"])
        self.successResultOf(later[0])

    def test_who_cancels_before_the_turn_never_has_one(self) -> None:
        gate, _ = self.hold()
        first, second = self.take("first"), self.take("second")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.turns), 1)
        gate.callback(None)
        self.successResultOf(second)
        self.assertEqual(self.begun, ["second"])

    def test_who_cancels_during_it_leaves_the_work_under_way(self) -> None:
        gate, answer = self.hold()
        after = self.take("after")
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.begun, [])
        gate.callback(None)
        self.successResultOf(after)

    def test_and_if_it_fails_then_nobody_hears_of_it(self) -> None:
        gate, answer = self.hold()
        answer.addErrback(lambda _: None).cancel()
        gate.errback(Failure(KeyError("unheard")))
        self.successResultOf(self.take("after"))

    def test_so_many_may_wait_and_no_more(self) -> None:
        self.turns = Turns(2)
        gate, _ = self.hold()
        waiting = [self.take("a"), self.take("b")]
        self.failureResultOf(self.take("c"), Overloaded)
        patient = self.take("patient", is_patient=True)
        gate.callback(None)
        self.assertEqual(self.begun, ["a", "b", "patient"])
        for each in (*waiting, patient):
            self.successResultOf(each)

    def test_unless_told_otherwise_it_is_a_thousand(self) -> None:
        self.turns = Turns()
        gate, _ = self.hold()
        for number in range(MAX_WAITING):
            self.assertNoResult(self.take(number))
        self.failureResultOf(self.take("more"), Overloaded)
        gate.callback(None)
        self.assertEqual(len(self.begun), 1000)
