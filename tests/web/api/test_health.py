"""``/cloud/health``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treq.testing import StubTreq
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cfos_cloud import __version__
from cfos_cloud.web.api.health import Health
from tests.registry.support import ManualWorker, RegistryCase
from tests.web.operator_support import Reply, mounted


def lines_of(events: Sequence[LogEvent]) -> list[tuple[str, str]]:
    """What the health itself has said."""
    return [
        (event["log_level"].name, formatEvent(event))
        for event in events
        if event["log_namespace"].endswith("Health")
    ]


class HealthTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.health = self.make()

    def make(self) -> Health:
        health = Health(self.database, self.clock)
        self.addCleanup(health.stop)
        self.treq: Any = StubTreq(mounted(health, b"cloud", b"health"))
        return health

    def ask(self, method: str = "GET") -> Reply:
        url = "https://cloud.example/cloud/health"
        response = self.successResultOf(self.treq.request(method, url))
        return Reply(response, self.successResultOf(response.content()))

    def test_a_database_that_answers_is_ok(self) -> None:
        self.health.start()
        reply = self.ask()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json, {"status": "ok", "version": __version__})
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertEqual(self.ask("HEAD").status, 200)

    def test_it_can_only_be_asked(self) -> None:
        self.health.start()
        for method in ("POST", "PUT", "DELETE"):
            reply = self.ask(method)
            self.assertEqual(reply.status, 405, method)
            self.assertEqual(reply.header("allow"), "GET, HEAD")
            self.assertEqual(reply.body, b"")

    def test_before_the_start_it_is_unavailable(self) -> None:
        self.assertEqual(self.ask().status, 503)

    def test_a_database_that_fails_is_unavailable_until_it_answers_again(self) -> None:
        self.health.start()
        run = self.database.run
        self.successResultOf(self.database.close())
        self.clock.advance(4)
        reply = self.ask()
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.json["status"], "unavailable")
        self.database.open()
        self.assertEqual(run, self.database.run)
        self.clock.advance(4)
        self.assertEqual(self.ask().status, 200)

    def test_a_database_that_hangs_is_unavailable_after_ten_seconds(self) -> None:
        self.restart(ManualWorker())
        self.health = self.make()
        self.health.start()
        self.clock.pump([4, 4])
        self.assertEqual(self.ask().status, 200)
        self.clock.advance(3)
        self.assertEqual(self.ask().status, 503)

    def test_a_server_that_stood_still_does_not_blame_the_database(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.health = self.make()
        with capturedLogs() as events:
            self.health.start()
            worker.run_all()
            # The machine slept: what is due comes at once, the next question first.
            self.clock.advance(100)
            self.assertEqual(self.ask().status, 200)
            worker.run_all()
            self.assertEqual(lines_of(events), [])
            # From then on it has its time, as ever.
            self.clock.advance(100)
            self.clock.pump([1] * 5)
            self.assertEqual(self.ask().status, 200)
            self.clock.advance(1)
        self.assertEqual(self.ask().status, 503)

    def test_the_log_says_once_that_it_is_gone_and_once_that_it_is_back(self) -> None:
        with capturedLogs() as events:
            self.health.start()
            self.successResultOf(self.database.close())
            self.clock.pump([4] * 5)
            self.database.open()
            self.clock.pump([4] * 5)
        self.assertEqual(
            lines_of(events),
            [
                ("error", "unavailable: the database is closed"),
                ("info", "available again: the database answers"),
            ],
        )

    def test_so_it_does_of_one_that_hangs(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.health = self.make()
        with capturedLogs() as events:
            self.health.start()
            self.clock.pump([1] * 30)
            self.assertEqual(
                lines_of(events),
                [("error", "unavailable: the database has not answered for 10 s")],
            )
            worker.run_all()
            self.clock.pump([1] * 2)
            self.assertEqual(
                lines_of(events)[1:],
                [("info", "available again: the database answers")],
            )
            self.assertEqual(self.ask().status, 200)

    def test_an_end_in_order_is_no_news(self) -> None:
        with capturedLogs() as events:
            self.health.start()
            self.health.stop()
            self.successResultOf(self.database.close())
            self.clock.pump([4] * 5)
        self.assertEqual(lines_of(events), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_request_asks_the_database(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.health = self.make()
        self.health.start()
        for _ in range(100):
            self.ask()
        self.assertEqual(len(worker), 1)
