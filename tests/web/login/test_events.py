"""What the event log learns of log-ins; and what it never does."""

from __future__ import annotations

from cfos_cloud.events import EventKind, Origin
from tests.web.support import PagesTestCase

CLIENT = "192.0.2.1"


class LoginEventTests(PagesTestCase):
    def test_an_admin_s_log_in_is_an_event(self) -> None:
        self.browser.log_in()
        self.assertEqual(
            self.kept.events,
            [(EventKind.LOGGED_IN, Origin("admin", CLIENT), "W00-008J", "")],
        )

    def test_a_user_s_has_the_name_that_the_device_gives(self) -> None:
        self.tunnel.name_of_user = "alice"
        self.browser.log_in(secret="0123456789", as_admin=False)
        self.assertEqual(self.kept.events[0][1], Origin("user:alice", CLIENT))

    def test_a_name_that_repeats_what_was_typed_is_none(self) -> None:
        # This tunnel's device calls its users by their IDs.
        self.browser.log_in(secret="0123456789", as_admin=False)
        self.assertEqual(self.kept.events[0][1], Origin("user", CLIENT))

    def test_a_failure_has_the_reason_that_the_log_has(self) -> None:
        self.failure(self.browser.log_in(secret="wrong-canary"))
        self.assertEqual(
            self.kept.events,
            [
                (
                    EventKind.LOGIN_FAILED,
                    Origin("nobody", CLIENT),
                    "W00-008J",
                    "wrong secret",
                )
            ],
        )

    def test_what_was_typed_as_a_cloud_id_may_be_a_password(self) -> None:
        for typed in ("canary", "my canary password!"):
            self.failure(self.browser.log_in(typed, "canary too"))
        self.assertEqual([event[2] for event in self.kept.events], [None, None])
        self.assertNotIn("canary", str(self.kept.events))

    def test_a_source_that_has_to_wait_is_an_event(self) -> None:
        for _ in range(50):
            reply = self.browser.log_in(secret="wrong")
            if reply.status:
                break
            self.failure(reply)
        self.assertEqual(reply.status, 429)
        self.assertEqual(
            self.kept.events[-1],
            (EventKind.THROTTLED, Origin("nobody", CLIENT), "W00-008J", "log-in"),
        )
