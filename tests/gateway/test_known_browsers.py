"""Browsers that have logged in before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.known_browsers import MAX_PROOFS, KnownBrowsers

ADMIN = ("W00-A", "admin", "admin")


class KnownBrowserTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.known = KnownBrowsers(b"k" * 32)
        self.cookie = self.known.remember(None, *ADMIN)

    def test_who_logged_in_is_known_at_that_system_in_any_spelling(self) -> None:
        key = self.known.throttle_key(self.cookie, "W00-A")
        self.assertIsNotNone(key)
        self.assertEqual(self.known.throttle_key(self.cookie, "w00-a"), key)

    def test_and_at_no_other(self) -> None:
        self.assertIsNone(self.known.throttle_key(self.cookie, "W00-B"))
        self.assertIsNone(self.known.throttle_key(None, "W00-A"))

    def test_two_browsers_of_one_user_share_a_key(self) -> None:
        mixed = self.known.remember(None, "other", "user", "1")
        mixed = self.known.remember(mixed, *ADMIN)
        self.assertEqual(
            self.known.throttle_key(mixed, "W00-A"),
            self.known.throttle_key(self.cookie, "W00-A"),
        )

    def test_two_users_do_not(self) -> None:
        other = self.known.remember(None, "W00-A", "user", "1")
        self.assertNotEqual(
            self.known.throttle_key(other, "W00-A"),
            self.known.throttle_key(self.cookie, "W00-A"),
        )

    def test_another_servers_cookie_is_worth_nothing(self) -> None:
        other = KnownBrowsers(b"x" * 32)
        self.assertIsNone(other.throttle_key(self.cookie, "W00-A"))

    def test_a_changed_cookie_is_worth_nothing(self) -> None:
        for at in range(len(self.cookie)):
            letter = b"B" if self.cookie[at : at + 1] == b"A" else b"A"
            changed = self.cookie[:at] + letter + self.cookie[at + 1 :]
            self.assertIsNone(self.known.throttle_key(changed, "W00-A"))

    def test_a_few_systems_are_remembered_the_latest_first(self) -> None:
        cookie = None
        for number in range(MAX_PROOFS + 2):
            cookie = self.known.remember(cookie, f"id{number}", "admin", "admin")
        known = [
            number
            for number in range(MAX_PROOFS + 2)
            if self.known.throttle_key(cookie, f"id{number}") is not None
        ]
        self.assertEqual(known, list(range(2, MAX_PROOFS + 2)))

    def test_the_same_log_in_is_remembered_once(self) -> None:
        self.assertEqual(self.known.remember(self.cookie, *ADMIN), self.cookie)

    def test_it_tells_who_was_last(self) -> None:
        self.assertTrue(self.known.was_last(self.cookie, *ADMIN))
        self.assertFalse(self.known.was_last(self.cookie, "W00-A", "user", "1"))
        self.assertFalse(self.known.was_last(None, *ADMIN))
        newer = self.known.remember(self.cookie, "other", "admin", "admin")
        self.assertFalse(self.known.was_last(newer, *ADMIN))

    def test_names_are_not_in_the_cookie(self) -> None:
        cookie = self.known.remember(None, "MYDEVICE", "user", "0123456789")
        self.assertNotIn(b"MYDEVICE", cookie)
        self.assertNotIn(b"0123456789", cookie)

    @given(st.binary(max_size=500))
    def test_garbage_is_a_stranger(self, cookie: bytes) -> None:
        self.assertIsNone(self.known.throttle_key(cookie, "W00-A"))
        self.known.remember(cookie, *ADMIN)
