"""Work in threads, and its bounds."""

from __future__ import annotations

import threading

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import TestCase

from cfos_cloud.workers import Overloaded, ThreadWorker, shielded


class ThreadWorkerTests(TestCase):
    def worker(self, threads: int, waiting: int | None) -> ThreadWorker:
        worker = ThreadWorker(IReactorFromThreads(reactor), "test", threads, waiting)
        self.addCleanup(worker.stop)
        return worker

    async def test_results_and_exceptions_come_back_to_the_reactor(self) -> None:
        worker = self.worker(1, None)
        self.assertNotEqual(
            await worker.run(threading.get_ident), threading.get_ident()
        )
        with self.assertRaises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)

    async def test_what_exceeds_the_queue_is_refused_until_there_is_room(self) -> None:
        worker = self.worker(threads=2, waiting=3)
        gate = threading.Event()
        accepted = [worker.run(gate.wait, 30) for _ in range(5)]
        self.failureResultOf(worker.run(gate.wait), Overloaded)
        gate.set()
        for one in accepted:
            self.assertTrue(await one)
        self.assertEqual(await worker.run(abs, -1), 1)

    async def test_who_cancels_gives_no_room_before_the_work_has_ended(self) -> None:
        worker = self.worker(threads=1, waiting=0)
        gate = threading.Event()
        cancelled = worker.run(gate.wait, 30)
        cancelled.addErrback(lambda _: None).cancel()
        self.failureResultOf(worker.run(gate.wait), Overloaded)
        gate.set()

    async def test_no_thread_is_begun_before_the_first_work(self) -> None:
        before = threading.active_count()
        self.worker(2, None)
        self.assertEqual(threading.active_count(), before)


class ShieldedTests(TestCase):
    def test_the_work_goes_on_when_its_answer_is_cancelled(self) -> None:
        work: Deferred[int] = Deferred()
        answer = shielded(work)
        answer.addErrback(lambda _: None).cancel()
        seen: list[int | None] = []
        work.callback(1)
        work.addCallback(seen.append)
        self.assertEqual(seen, [None])
