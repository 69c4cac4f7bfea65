"""Access keys as lines of a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.operator_tool import key_text
from cfos_cloud.operator_tool.table import lines_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def key(**members: Any) -> dict[str, Any]:
    return {
        "id": "m3Yx0TzqS1uW8dQkHc9L2g",
        "name": "monitoring",
        "role": "api",
        "state": "authorised",
        "created": "2026-11-01T12:00:00Z",
        "expires": None,
        "last_used": None,
        "last_client": None,
        **members,
    }


class RowTests(SynchronousTestCase):
    def expiry(self, left: timedelta, state: str = "authorised") -> str:
        shown = key(expires=(NOW + left).isoformat(), state=state)
        return key_text.row_for_people(shown, NOW)[4]

    def test_an_end_that_is_near_is_marked(self) -> None:
        self.assertRegex(self.expiry(15 * DAY), r"\A2026-12-0[678]\Z")
        for left, words in (
            (14 * DAY, "in 14 days"),
            (DAY + timedelta(hours=3), "in 1 day"),
            (timedelta(hours=3, minutes=5), "in 3 hours"),
            # The clocks of two machines.
            (timedelta(seconds=-5), "in 0 seconds"),
        ):
            self.assertEqual(self.expiry(left), words)

    def test_one_that_is_over_is_not(self) -> None:
        for state in ("expired", "revoked"):
            for left in (-DAY, DAY):
                self.assertTrue(self.expiry(left, state).startswith("2026-11-2"))

    def test_its_last_use_is_so_long_ago(self) -> None:
        used = (NOW - 2 * DAY - timedelta(hours=1)).isoformat()
        shown = key(last_used=used, last_client="192.0.2.7")
        row = key_text.row_for_people(shown, NOW)
        self.assertEqual(row[5], "2 days ago, from 192.0.2.7")

    def test_people_read_never_and_programs_a_dash(self) -> None:
        row = key_text.row_for_people(key(), NOW)
        self.assertEqual(row[4:], ("never", "never"))
        row = key_text.row(key())
        self.assertEqual(row[4:], ("-", "-", "-", "2026-11-01T12:00:00Z"))

    def test_times_of_programs_are_as_the_api_says_them(self) -> None:
        expires = "2026-11-23T00:00:00Z"
        self.assertEqual(key_text.row(key(expires=expires))[4], expires)

    def test_what_matters_fits_80_places(self) -> None:
        used = (NOW - timedelta(minutes=59)).isoformat()
        shown = key(
            name="A name that is much too long for a table",
            expires=(NOW + 13 * DAY).isoformat(),
            last_used=used,
            last_client="2001:db8:1234:5678:9abc:def0:1234:5678",
        )
        row = key_text.row_for_people(shown, NOW)
        lines = lines_of(key_text.COLUMNS_FOR_PEOPLE, [row], 80)
        self.assertLessEqual(max(map(len, lines)), 80)
        for words in ("m3Yx0TzqS1uW8dQkHc9L2g", "in 13 days", "59 minutes"):
            self.assertIn(words, lines[1])
