"""Charging sessions and their CSV."""

from __future__ import annotations

import csv
import io
import json

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.charging_sessions import (
    CSV_COLUMNS,
    MAX_SESSIONS,
    SessionLog,
    write_csv,
)

NOW = 1_795_317_557.0


class SessionLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = SessionLog()

    def test_one_goes_from_the_plug_to_the_leaving(self) -> None:
        self.log.begin("E1", "Compact", "anna", NOW)
        self.log.add("E1", 1_000.0)
        self.log.add("E1", 500.4)
        (running,) = self.log.newest_first(["E1"])
        self.assertIsNone(running.document()["ended"])
        self.log.end("E1", NOW + 60)
        (ended,) = self.log.newest_first(["E1"])
        self.assertEqual(
            ended.document(),
            {
                "id": 1,
                "wallbox": "E1",
                "user": "anna",
                "vehicle": "Compact",
                "started": "2026-11-22T03:19:17Z",
                "ended": "2026-11-22T03:20:17Z",
                "energy_wh": 1500,
                "cost_eur": 0.48,
            },
        )

    def test_those_that_run_come_first_then_the_newest(self) -> None:
        for number, box in enumerate(("E1", "E1", "E2", "E1")):
            if self.log.running(box) is not None:
                self.log.end(box, NOW + number)
            self.log.begin(box, "Compact", None, NOW + number)
        ids = [session.id for session in self.log.newest_first(["E1", "E2"])]
        self.assertEqual(ids, [4, 3, 2, 1])
        self.assertEqual([s.id for s in self.log.newest_first(["E2"])], [3])

    def test_somebody_can_say_whose_it_is(self) -> None:
        self.assertFalse(self.log.identify("E1", "anna"))
        self.log.begin("E1", "Compact", None, NOW)
        self.assertTrue(self.log.identify("E1", "anna"))
        (session,) = self.log.newest_first(["E1"])
        self.assertEqual(session.user, "anna")

    def test_there_is_an_end_to_how_many_are_kept(self) -> None:
        for number in range(MAX_SESSIONS + 20):
            self.log.begin("E1", "Compact", None, NOW + number)
            self.log.end("E1", NOW + number)
        kept = self.log.newest_first(["E1"])
        self.assertEqual(len(kept), MAX_SESSIONS)
        self.assertEqual(kept[0].id, MAX_SESSIONS + 20)

    def test_after_a_restart_what_ran_has_ended_and_numbers_go_on(self) -> None:
        self.log.begin("E1", "Compact", None, NOW)
        self.log.end("E1", NOW + 1)
        self.log.begin("E2", "Compact", "anna", NOW + 2)
        again = SessionLog()
        again.restore(json.loads(json.dumps(self.log.to_json())), NOW + 90)
        newest, oldest = again.newest_first(["E1", "E2"])
        self.assertEqual((newest.ended, newest.user), (NOW + 90, "anna"))
        self.assertEqual(oldest.ended, NOW + 1)
        again.begin("E1", "Compact", None, NOW + 99)
        self.assertEqual(again.newest_first(["E1"])[0].id, 3)

    def test_what_is_broken_is_not_taken(self) -> None:
        good = {
            "id": 1,
            "wallbox": "E1",
            "vehicle": "x",
            "user": None,
            "started": 1.0,
            "ended": 2.0,
            "energy_wh": 3.0,
        }
        self.log.restore({"next": 2, "items": [good]}, NOW)
        for broken in (
            {"next": "2", "items": []},
            {"next": 2, "items": None},
            {"next": 2, "items": [{**good, "id": "1"}]},
            {"next": 2, "items": [{**good, "started": None}]},
            {"next": 2, "items": [{**good, "vehicle": 7}]},
            {"next": 2, "items": [{"id": 1}]},
            {"next": 2, "items": [7]},
        ):
            self.assertRaises(ValueError, self.log.restore, broken, NOW)


class CSVTests(SynchronousTestCase):
    def rows(self, log: SessionLog) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(write_csv(log.newest_first(["E1"])))))

    def test_it_has_a_line_for_each_after_the_names(self) -> None:
        log = SessionLog()
        self.assertEqual(write_csv([]), ",".join(CSV_COLUMNS) + "\r\n")
        log.begin("E1", 'Van, "big"', None, NOW)
        log.add("E1", 10_000)
        (row,) = self.rows(log)
        self.assertEqual(row["vehicle"], 'Van, "big"')
        self.assertEqual((row["user"], row["ended"], row["cost_eur"]), ("", "", "3.20"))

    def test_no_spreadsheet_takes_a_name_for_a_formula(self) -> None:
        log = SessionLog()
        log.begin("E1", "=1+1", "@x", NOW)
        (row,) = self.rows(log)
        self.assertEqual((row["vehicle"], row["user"]), ("'=1+1", "'@x"))
