"""What people and applications say of a key they want."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.checks import (
    InvalidExpiry,
    InvalidName,
    InvalidRole,
    check_expires,
    check_name,
    check_role,
)
from cfos_cloud.keys.key import Role

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


class NameTests(SynchronousTestCase):
    def test_it_is_what_was_said_without_blanks_around(self) -> None:
        for value, name in (
            ("evcc", "evcc"),
            ("  Home Assistant\t", "Home Assistant"),
            ("\u00a0Z\u00e4hler \u2116 7 \u26a1\n", "Z\u00e4hler \u2116 7 \u26a1"),
            ("a" * 64, "a" * 64),
            (" " * 100 + "a", "a"),
            ("<b>&\"'", "<b>&\"'"),
        ):
            self.assertEqual(check_name(value), name)

    def test_it_is_of_1_to_64_visible_characters(self) -> None:
        for value in (
            *("", " ", "\n", "a" * 65, "a\nb", "a\x00b", "a\x1b[31mb", "a\x7f"),
            *("a\u202eb", "a\u200bb", "a\u2028b", "\ufeffa", "\ud800", "a\u00adb"),
            *(None, 1, True, b"evcc", ["evcc"], {"name": "evcc"}),
        ):
            with self.assertRaises(InvalidName) as caught:
                check_name(value)
            self.assertEqual(
                str(caught.exception),
                "a key's name is 1 to 64 visible characters, letters among them",
            )

    def test_people_can_tell_it_from_others(self) -> None:
        for value in (
            *("\u3164", "\u2800\u2800", "\u115f", "\ufe0f", "\uffa0a", "\u034fa"),
            *("a" + "\u0301" * 60, "\u0301", "a\ufe00b"),
        ):
            self.assertRaises(InvalidName, check_name, value)
        for value in (
            "\u26a1\ufe0f",
            "\u0928\u092e\u0938\u094d\u0924\u0947",
            "7",
            "\u1ea5\u0323",
        ):
            self.assertEqual(check_name(value), value)


class RoleTests(SynchronousTestCase):
    def test_it_is_api_or_admin(self) -> None:
        self.assertIs(check_role("api"), Role.API)
        self.assertIs(check_role("admin"), Role.ADMIN)

    def test_and_nothing_else(self) -> None:
        others: tuple[object, ...] = ("", "API", "Admin", " api", "user", None, 1, True)
        for value in (*others, [], ["api"], {}):
            with self.assertRaises(InvalidRole) as caught:
                check_role(value)
            self.assertEqual(str(caught.exception), "a key's role is api or admin")


class ExpiryTests(SynchronousTestCase):
    def test_nothing_is_no_end(self) -> None:
        self.assertIsNone(check_expires(None, NOW))

    def test_a_time_with_its_zone(self) -> None:
        for value in (
            *("2026-12-24T18:00:00Z", "2026-12-24t18:00:00z"),
            *("2026-12-24T19:00:00+01:00", "2026-12-24T18:00:00-00:00"),
            *("2026-12-24T18:00:00.5Z", "2026-12-24T18:00:00.123456789Z"),
        ):
            expires = check_expires(value, NOW)
            self.assertEqual(expires, datetime(2026, 12, 24, 18, tzinfo=UTC), value)
            assert expires is not None
            self.assertEqual((expires.tzinfo, expires.microsecond), (UTC, 0))

    def test_through_a_date_it_still_works(self) -> None:
        expires = check_expires("2026-11-22", NOW)
        self.assertEqual(expires, datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))

    def test_all_else_is_no_time(self) -> None:
        values: tuple[object, ...] = (
            *("", " ", "never", "tomorrow", "2027", "2027-01", "20270131"),
            *("2027-W01-1", "0000-01-01", "2027-1-1", "+2027-01-31"),
            *("2027-02-30", "2027-13-01", "2027-01-31T12:00:00", "2027-01-31T12:00Z"),
            *("2027-01-31 12:00:00Z", "2027-01-31T24:00:01Z", "2027-01-31T12:00:60Z"),
            *("2027-01-31T12:00:00+25:00", "2027-01-31T12:00:00Z ", "2027-01-31\n"),
            "\u0662\u0660\u0662\u0667-01-31",
            *(0, 1, 1.5, True, False, [], {}, b"2027-01-31", 1800000000, NOW),
        )
        for value in values:
            with self.assertRaises(InvalidExpiry) as caught:
                check_expires(value, NOW)
            self.assertTrue(
                str(caught.exception).startswith("expires is a date"), value
            )
            self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_it_lies_ahead(self) -> None:
        for value in (
            *("2026-11-21", "1970-01-01", "0001-01-01", "2026-11-22T09:30:00Z"),
            *("2026-11-22T09:30:00.9Z", "2026-11-22T10:29:59+01:00"),
        ):
            with self.assertRaises(InvalidExpiry) as caught:
                check_expires(value, NOW)
            self.assertEqual(str(caught.exception), "expires is in the past")
        self.assertTrue(check_expires("2026-11-22T09:30:01Z", NOW))

    def test_by_ten_years_at_most(self) -> None:
        self.assertTrue(check_expires("2036-11-22", NOW))
        for value in ("2036-11-24", "9999-12-31", "9999-12-31T23:59:59Z"):
            with self.assertRaises(InvalidExpiry) as caught:
                check_expires(value, NOW)
            self.assertEqual(
                str(caught.exception), "expires is more than ten years away"
            )

    def test_at_the_ends_of_the_calendar_too(self) -> None:
        for value in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
            self.assertRaises(InvalidExpiry, check_expires, value, NOW)

    def test_any_now_will_do(self) -> None:
        late = datetime(9999, 12, 31, tzinfo=UTC)
        self.assertTrue(check_expires("9999-12-31", late))
        leap = datetime(2028, 2, 29, tzinfo=UTC)
        self.assertEqual(
            check_expires("2038-02-28T00:00:00Z", leap), leap + timedelta(days=3652)
        )
