"""The log as JSON."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import logs
from cfos_cloud.log_json import format_json
from cfos_cloud.logs import MAX_TEXT, make_observer


class FormatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = io.StringIO()
        observer = make_observer(self.file, logs.LogLevel(4), format_json)
        self.log = Logger("some.part", observer=LogPublisher(observer))

    def record(self) -> dict[str, Any]:
        """The one line that was written."""
        lines = self.file.getvalue().splitlines(keepends=True)
        self.file.truncate(0)
        self.file.seek(0)
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].endswith("\n"))
        self.assertTrue(lines[0].isascii())
        record: dict[str, Any] = json.loads(lines[0])
        return record

    def test_an_event_is_an_object(self) -> None:
        self.log.warn("tunnel up {cloud_id}", cloud_id="Site-7")
        record = self.record()
        time = datetime.fromisoformat(record.pop("time"))
        self.assertIsNotNone(time.tzinfo)
        self.assertEqual(
            record,
            {
                "level": "warning",
                "namespace": "some.part",
                "message": "tunnel up Site-7",
                "fields": {"cloud_id": "Site-7"},
            },
        )

    def test_levels_are_named_as_in_text(self) -> None:
        for level, name in (
            (LogLevel.critical, "error"),
            (LogLevel.error, "error"),
            (LogLevel.warn, "warning"),
            (LogLevel.info, "information"),
            (LogLevel.debug, "data"),
        ):
            self.log.emit(level, "said")
            self.assertEqual(self.record()["level"], name)

    def test_values_keep_what_json_has_for_them(self) -> None:
        self.log.info(
            "{number} {ratio} {yes} {none} {when:%Y} {error}",
            number=3,
            ratio=0.5,
            yes=True,
            none=None,
            when=datetime(2026, 11, 22, tzinfo=UTC),
            error=ValueError("why"),
        )
        self.assertEqual(
            self.record()["fields"],
            {
                "number": 3,
                "ratio": 0.5,
                "yes": True,
                "none": None,
                "when": "2026-11-22T00:00:00+00:00",
                "error": "why",
            },
        )

    def test_what_the_message_does_not_show_stays_out(self) -> None:
        self.log.info("said", password="a secret")
        record = self.record()
        self.assertNotIn("fields", record)
        self.assertNotIn("a secret", json.dumps(record))

    def test_a_failure_brings_its_traceback(self) -> None:
        try:
            raise ValueError("it broke")
        except ValueError:
            self.log.failure("while at it", Failure())
        record = self.record()
        self.assertEqual(record["level"], "error")
        self.assertIn("while at it", record["message"])
        self.assertIn("ValueError: it broke", record["traceback"])

    def test_long_texts_are_cut(self) -> None:
        self.log.info("{text}", text="x" * 100_000)
        record = self.record()
        for text in (record["message"], record["fields"]["text"]):
            self.assertEqual(len(text), MAX_TEXT + 1)

    def test_an_event_without_a_text_is_none(self) -> None:
        self.assertIsNone(format_json({"log_format": ""}))
        self.assertIsNone(format_json({}))

    @given(st.text(), st.text())
    def test_whatever_is_said_is_one_line_that_can_be_read(
        self, text: str, template: str
    ) -> None:
        self.log.info("said {text}", text=text)
        self.assertTrue(self.record()["message"].startswith("said"))
        line = format_json({"log_format": template, "log_level": LogLevel.info})
        if line is not None:
            self.assertEqual(line.count("\n"), 1)
            json.loads(line)
