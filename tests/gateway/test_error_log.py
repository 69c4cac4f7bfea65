"""What the log says of requests that come to nothing, and what it leaves out."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.error_log import OF_ALL, OF_ONE, ErrorLog


class ErrorLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = ErrorLog(self.clock.seconds)

    def lines(
        self, count: int, client: str = "192.0.2.1", system: str | None = None
    ) -> list[str]:
        with capturedLogs() as events:
            for _ in range(count):
                self.log.note("not-found", "abcd2345", client, system, "GET /x")
        return [formatEvent(event) for event in events]

    def test_each_has_a_line_with_its_id(self) -> None:
        self.assertEqual(
            self.lines(1, system="Site-7") + self.lines(1),
            [
                "not-found abcd2345 for 192.0.2.1, Site-7: GET /x",
                "not-found abcd2345 for 192.0.2.1, no system: GET /x",
            ],
        )

    def test_of_a_stranger_s_some_are_left_out_and_counted(self) -> None:
        self.assertEqual(len(self.lines(1000)), OF_ONE.burst)
        self.clock.advance(1 / OF_ONE.per_second + 0.01)
        counted, line = self.lines(2)
        left_out = 1000 - OF_ONE.burst
        self.assertEqual(counted, f"{left_out} errors of strangers are not in this log")
        self.assertIn("for 192.0.2.1", line)

    def test_others_have_theirs(self) -> None:
        self.lines(1000)
        self.assertEqual(len(self.lines(1, "192.0.2.2")), 2)

    def test_all_strangers_together_have_a_limit_too(self) -> None:
        found = sum(
            line.startswith("not-found")
            for number in range(250)
            for line in self.lines(10, f"192.0.2.{number}")
        )
        self.assertEqual(found, OF_ALL.burst)

    def test_of_visitors_none_is_left_out(self) -> None:
        self.lines(1000)
        self.assertEqual(len(self.lines(500, system="Site-7")), 501)
