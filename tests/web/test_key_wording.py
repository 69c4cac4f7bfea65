"""Access keys as pages show them, and as forms ask for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.timestamps import rfc3339
from cfos_cloud.web.key_wording import (
    SOON,
    first_day,
    is_ending,
    last_day,
    read_expiry,
    sort_keys,
)
from cfos_cloud.web.problem import InvalidInput

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def key(state: str = "authorised", **more: Any) -> dict[str, Any]:
    return {"state": state, "code": None, "expires": None, **more}


class SortTests(SynchronousTestCase):
    def test_what_there_is_to_do_sorts_them(self) -> None:
        works, made = key(), key("pending")
        asked = key("pending", code="ABC-234")
        revoked, expired = key("revoked"), key("expired")
        found = sort_keys([works, asked, revoked, made, expired])
        self.assertEqual(found.asking, (asked,))
        self.assertEqual(found.living, (works, made))
        self.assertEqual(found.over, (revoked, expired))

    def test_one_that_was_authorised_is_no_request_any_more(self) -> None:
        authorised = key("authorised", code="ABC-234")
        self.assertEqual(sort_keys([authorised]).living, (authorised,))


class EndTests(SynchronousTestCase):
    def test_a_near_end_is_marked(self) -> None:
        for left, is_near in ((SOON, True), (SOON + timedelta(seconds=1), False)):
            ends = rfc3339(NOON + left)
            self.assertIs(is_ending(key(expires=ends), NOON), is_near)
            self.assertIs(is_ending(key("pending", expires=ends), NOON), is_near)

    def test_none_is_not_nor_is_a_past_one(self) -> None:
        self.assertFalse(is_ending(key(), NOON))
        past = rfc3339(NOON - timedelta(days=1))
        self.assertFalse(is_ending(key("expired", expires=past), NOON))
        soon = rfc3339(NOON + timedelta(days=1))
        self.assertFalse(is_ending(key("revoked", expires=soon), NOON))


class ExpiryTests(SynchronousTestCase):
    def test_choices_are_counted_from_now(self) -> None:
        for form, ends in (
            ({"expiry": "30"}, "2026-12-22T12:00:00Z"),
            ({"expiry": "365"}, "2027-11-22T12:00:00Z"),
            ({}, "2027-11-22T12:00:00Z"),
            ({"expiry": "never", "expires_on": "2027-01-01"}, None),
        ):
            self.assertEqual(read_expiry(form, NOON), ends)

    def test_a_day_counts_to_its_end(self) -> None:
        form = {"expiry": "date", "expires_on": " 2027-01-31 "}
        self.assertEqual(read_expiry(form, NOON), "2027-01-31T23:59:59Z")

    def test_what_is_neither_is_refused(self) -> None:
        for form in (
            {"expiry": "soon"},
            {"expiry": "date"},
            {"expiry": "date", "expires_on": "31.1.2027"},
            {"expiry": "date", "expires_on": "2027-02-30"},
        ):
            found = self.assertRaises(InvalidInput, read_expiry, form, NOON)
            self.assertEqual(found.field, "expires_on")

    def test_the_form_offers_days_that_the_api_takes(self) -> None:
        self.assertEqual(first_day(NOON), "2026-11-23")
        ten_years = NOON.replace(year=NOON.year + 10)
        last = datetime.fromisoformat(f"{last_day(NOON)}T23:59:59+00:00")
        self.assertLessEqual(last, ten_years)
        self.assertGreater(last, ten_years - timedelta(days=3))
