"""What describes a consent, and what does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.consent import Consent, InvalidConsent
from cfos_cloud.keys.key import Role

KEY = "9" * 43


class CheckTests(SynchronousTestCase):
    def check(self, **changes: object) -> Consent:
        values = {"key": KEY, "name": "evcc", "role": "api", "expires": None} | changes
        return Consent.check(**values)

    def test_one_without_an_end(self) -> None:
        self.assertEqual(self.check(), Consent(KEY, "evcc", Role.API, None))
        self.assertIs(self.check(role="admin").role, Role.ADMIN)
        self.assertTrue(self.check().lives(1e12))

    def test_its_end_is_a_text_or_a_number(self) -> None:
        for value, seconds in (
            ("2027-01-01T00:00:00Z", 1798761600.0),
            ("2027-01-01t01:00:00+01:00", 1798761600.0),
            ("2027-01-01T00:00:00.25Z", 1798761600.25),
            (1798761600, 1798761600.0),
            (1798761600.5, 1798761600.5),
        ):
            consent = self.check(expires=value)
            self.assertEqual(consent.expires, seconds)
            self.assertTrue(consent.lives(seconds - 0.001))
            self.assertFalse(consent.lives(seconds))

    def test_names_in_any_script_are_taken(self) -> None:
        for name in ("x", "Wallbox Küche", "家のエネルギー", "n" * 64):
            self.assertEqual(self.check(name=name).name, name)

    def test_what_is_none_says_which_member(self) -> None:
        wrong: dict[str, tuple[object, ...]] = {
            "key": (None, 7, "", KEY[1:], KEY + "9", KEY[1:] + "=", KEY[1:] + "+"),
            "name": (None, 7, "", "n" * 65, "a\nb", "a\x00", "a\ud800", "a\u202e"),
            "role": (None, 7, "", "user", "API", ["api"], True),
            "expires": (
                *("", "soon", "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00Z"),
                *("2027-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "1" * 99),
                *(True, [], {}, -1, 1e300, 10**400, float("inf"), float("nan")),
                *("9999-12-31T23:59:59-23:59", "２０２７-01-01T00:00:00Z"),
            ),
        }
        for member, values in wrong.items():
            for value in values:
                with self.subTest(member=member, value=value):
                    error = self.assertRaises(
                        InvalidConsent, self.check, **{member: value}
                    )
                    self.assertIn(f"{member}: ", str(error))
                    self.assertNotIn("\n", str(error))
