"""``loglevel`` of the operator API, on the filter that the log has."""

from __future__ import annotations

import io

from twisted.logger import Logger, LogPublisher

from cfos_cloud.events import EventKind
from cfos_cloud.logs import LogLevel, make_observer
from cfos_cloud.web.api.loglevel import LogLevelResource
from tests.web.api.resource_case import ResourceCase


class LogLevelTests(ResourceCase):
    def more(self) -> tuple[object, ...]:
        self.level = LogLevel(3)
        return (LogLevelResource(self.level, self.written),)

    def put(self, value: object) -> int:
        return self.ask("PUT", "/loglevel", json={"loglevel": value}).status

    def test_it_is_shown_and_changed(self) -> None:
        self.assertEqual(self.ask("GET", "/loglevel").json, {"loglevel": 3})
        reply = self.ask("PUT", "/loglevel", json={"loglevel": 4})
        self.assertEqual((reply.status, reply.json), (200, {"loglevel": 4}))
        self.assertEqual(self.ask("GET", "/loglevel").json, {"loglevel": 4})

    def test_it_counts_at_once(self) -> None:
        file = io.StringIO()
        log = Logger(
            "cfos_cloud", observer=LogPublisher(make_observer(file, self.level))
        )
        log.debug("unseen")
        self.put(4)
        log.debug("seen")
        self.put(1)
        log.warn("unseen")
        lines = file.getvalue().splitlines()
        self.assertEqual(len(lines), 1)
        self.assertIn("seen", lines[0])

    def test_what_is_none_is_422_and_changes_nothing(self) -> None:
        for value in (0, 5, "3", True, 3.0, None, [3], -1, 10**30):
            reply = self.ask("PUT", "/loglevel", json={"loglevel": value})
            self.assert_problem(reply, 422, "a log level is 1", "loglevel")
        self.assert_problem(
            self.ask("PUT", "/loglevel", json={}), 422, "a log level is 1", "loglevel"
        )
        self.assertEqual(self.level.level, 3)

    def test_a_change_is_written_down_once(self) -> None:
        self.put(2)
        self.put(2)
        self.assertEqual(
            self.written.noted,
            [(EventKind.LOG_LEVEL_CHANGED, "operator", None, "3 to 2")],
        )

    def test_without_credentials_there_is_nothing(self) -> None:
        for method in ("GET", "PUT"):
            reply = self.ask(method, "/loglevel", headers={}, json={"loglevel": 1})
            self.assertEqual(reply.status, 401)
        self.assertEqual(self.level.level, 3)
