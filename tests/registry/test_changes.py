"""One change at a time."""

from __future__ import annotations

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from cfos_cloud.registry.changes import Changes
from cfos_cloud.registry_errors import DatabaseUnavailable
from cfos_cloud.workers import Overloaded
from tests.registry.support import ManualWorker, RegistryCase


class ChangesTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.worker = ManualWorker()
        self.restart(self.worker)
        self.reloads = 0
        self.begun: list[str] = []
        self.changes: Changes[str] = Changes(self.database, "things", self.reload)

    async def reload(self) -> None:
        self.reloads += 1

    def change(
        self, name: str, error: Exception | None = None, *, is_patient: bool = False
    ) -> Deferred[None]:
        def write(_: Connection) -> None:
            self.begun.append(name)
            if error is not None:
                raise error

        async def change() -> None:
            await self.database.run(write)

        return self.changes.one_at_a_time(change, is_patient=is_patient)

    def test_the_next_one_begins_when_the_one_before_has_ended(self) -> None:
        changes = [self.change("first"), self.change("second", KeyError("its own"))]
        third = self.change("third")
        self.assertEqual(len(self.worker), 1)
        self.worker.run_next()
        self.successResultOf(changes[0])
        self.assertEqual((len(self.worker), self.begun), (1, ["first"]))
        self.worker.run_all()
        self.failureResultOf(changes[1], KeyError)
        self.successResultOf(third)
        self.assertEqual(self.begun, ["first", "second", "third"])

    def test_those_that_wait_for_a_database_that_hangs_fail_together(self) -> None:
        self.patch(self.database._dialect, "may_hang", True)
        changes = [self.change("first", OSError("away"))]
        changes += [self.change(f"{number}") for number in range(5)]
        self.worker.run_next()
        for change in changes:
            self.failureResultOf(change, DatabaseUnavailable)
        self.assertEqual((len(self.worker), self.begun), (0, ["first"]))
        # What begins afterwards is asked, and when that is answered all is read again.
        later = self.change("later")
        self.worker.run_next()
        self.successResultOf(later)
        self.worker.run_all()
        self.assertEqual(self.reloads, 1)

    def test_but_what_nobody_waits_for_is_tried(self) -> None:
        self.patch(self.database._dialect, "may_hang", True)
        change = self.change("first", OSError("away"))
        patient = self.change("patient", is_patient=True)
        self.worker.run_all()
        self.failureResultOf(change, DatabaseUnavailable)
        self.successResultOf(patient)

    def test_one_that_can_t_hang_is_asked_each_time(self) -> None:
        self.patch(self.database._dialect, "may_hang", False)
        changes = [self.change("first", OSError("disk full")), self.change("second")]
        self.worker.run_all()
        self.failureResultOf(changes[0], DatabaseUnavailable)
        self.successResultOf(changes[1])

    def test_many_that_need_no_database_end_together_and_it_goes_on(self) -> None:
        first = self.change("first")
        answers = [self.changes.one_at_a_time(self.reload) for _ in range(1000)]
        self.worker.run_next()
        self.successResultOf(first)
        for answer in answers:
            self.successResultOf(answer)
        after = self.change("after")
        self.worker.run_all()
        self.successResultOf(after)

    def test_a_thousand_may_wait_and_bookkeeping_is_not_counted(self) -> None:
        first = self.change("first")
        answers = [self.changes.one_at_a_time(self.reload) for _ in range(1000)]
        self.failureResultOf(self.change("too much"), Overloaded)
        patient = self.change("patient", is_patient=True)
        self.worker.run_all()
        for answer in (first, *answers, patient):
            self.successResultOf(answer)
        self.assertEqual(self.begun, ["first", "patient"])
