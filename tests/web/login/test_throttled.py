"""The log's word on log-ins that were not tried."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.web.login.throttled import INTERVAL, MAX_SOURCES, ThrottledLogins


class ThrottledLoginsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.throttled = ThrottledLogins(self.clock.seconds)
        self.events = self.enterContext(capturedLogs())
        self.read = 0

    def lines(self) -> list[str]:
        """Those since the last call."""
        new = list(self.events)[self.read :]
        self.read += len(new)
        return [str(formatEvent(event)) for event in new]

    def note(self, client: str = "192.0.2.1", times: int = 1) -> None:
        for _ in range(times):
            self.throttled.note(client, "Site-7", 5)

    def test_a_line_has_client_system_and_wait(self) -> None:
        self.note()
        self.assertEqual(
            self.lines(),
            [
                "log-in from 192.0.2.1 to Site-7 was not tried: too many failed, "
                "wait 5 s; 0 more since the last such line"
            ],
        )

    def test_a_source_is_named_once_a_minute_with_the_number_of_its_tries(self) -> None:
        self.note(times=100)
        self.assertEqual(len(self.lines()), 1)
        self.clock.advance(INTERVAL)
        self.note()
        [line] = self.lines()
        self.assertIn("; 99 more since", line)
        self.clock.advance(INTERVAL)
        self.note()
        [line] = self.lines()
        self.assertIn("; 0 more since", line)

    def test_each_source_has_its_own_line_and_a_household_is_one(self) -> None:
        self.note("192.0.2.1")
        self.note("192.0.2.2")
        self.note("2001:db8::1")
        self.note("2001:db8::2")
        self.assertEqual(len(self.lines()), 3)

    def test_only_so_many_sources_are_remembered(self) -> None:
        for number in range(MAX_SOURCES + 1):
            self.note(f"10.0.{number // 250}.{number % 250}")
        self.assertEqual(len(self.lines()), MAX_SOURCES + 1)
        self.note("10.0.0.1")
        self.assertEqual(self.lines(), [])
        self.note("10.0.0.0")  # the oldest was forgotten
        self.assertEqual(len(self.lines()), 1)
