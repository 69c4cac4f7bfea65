"""Sessions and last log-ins of a system, for its admin."""

from __future__ import annotations

from cfos_cloud.events import EventKind, Origin
from tests.registry.support import verifier
from tests.web.api.key_case import KeyAPICase

SESSIONS = "/systems/Garage/sessions"
LOGINS = "/systems/Garage/logins"


class SessionsTests(KeyAPICase):
    def test_all_are_listed_the_one_used_last_first(self) -> None:
        key = self.authorised(name="evcc", role="admin")
        self.clock.advance(60)
        self.browser_sessions.create("Garage", "g", "user", "Anna", "192.0.2.8")
        self.clock.advance(60)
        self.log_in(key_id=key["id"])
        self.log_in("Barn")
        self.clock.advance(60)
        reply = self.by_admin("GET", SESSIONS)
        self.assertEqual(
            reply.json,
            {
                "items": [
                    {
                        "role": "admin",
                        "user": "admin",
                        "client": "192.0.2.7",
                        "created": "2026-11-22T12:00:00Z",
                        "last_used": "2026-11-22T12:03:00Z",
                        "current": True,
                        "by_key": None,
                    },
                    {
                        "role": "admin",
                        "user": "admin",
                        "client": "192.0.2.7",
                        "created": "2026-11-22T12:02:00Z",
                        "last_used": "2026-11-22T12:02:00Z",
                        "current": False,
                        "by_key": {"id": key["id"], "name": "evcc"},
                    },
                    {
                        "role": "user",
                        "user": "Anna",
                        "client": "192.0.2.8",
                        "created": "2026-11-22T12:01:00Z",
                        "last_used": "2026-11-22T12:01:00Z",
                        "current": False,
                        "by_key": None,
                    },
                ]
            },
        )
        self.assertNotIn(self.admin.token, reply.body)

    def test_one_by_a_key_that_is_gone_is_listed(self) -> None:
        self.log_in(key_id="gone")
        items = self.by_admin("GET", SESSIONS).json["items"]
        self.assertIn({"id": "gone", "name": ""}, [one["by_key"] for one in items])

    def test_all_end_at_once_and_those_of_other_systems_do_not(self) -> None:
        other, user = self.log_in("Barn"), self.log_in(role="user")
        reply = self.by_admin("DELETE", SESSIONS)
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(
            (self.admin.ended, user.ended, other.ended), (True, True, False)
        )
        self.assertEqual(
            self.noted(EventKind.SESSIONS_ENDED), [("admin", "Garage", "2 sessions")]
        )

    def test_the_one_that_asks_may_stay(self) -> None:
        user = self.log_in(role="user")
        reply = self.by_admin("DELETE", f"{SESSIONS}?others=true")
        self.assertEqual(reply.status, 204)
        self.assertEqual((self.admin.ended, user.ended), (False, True))
        self.assertEqual(
            self.noted(EventKind.SESSIONS_ENDED), [("admin", "Garage", "1 session")]
        )
        reply = self.by_admin("DELETE", f"{SESSIONS}?others=perhaps")
        self.assert_problem(reply, 422, field="others")

    def test_those_on_the_hosts_of_further_devices_are_the_same_log_in(self) -> None:
        further = self.browser_sessions.create(
            "Garage", self.admin.grant, "admin", "admin", "192.0.2.7", is_further=True
        )
        items = self.by_admin("GET", SESSIONS).json["items"]
        self.assertEqual([item["current"] for item in items], [True])
        self.by_admin("DELETE", f"{SESSIONS}?others=true")
        self.assertEqual((self.admin.ended, further.ended), (False, False))


class LoginsTests(KeyAPICase):
    def test_the_last_twenty_are_told_and_nothing_else(self) -> None:
        kinds = (
            EventKind.LOGGED_IN,
            EventKind.LOGIN_FAILED,
            EventKind.THROTTLED,
            EventKind.LOGGED_OUT,
            EventKind.SYSTEM_RENAMED,
        )
        for number in range(50):
            who = Origin("admin", f"192.0.2.{number}")
            self.events.note(kinds[number % 5], who, "Garage")
            self.events.note(kinds[number % 5], who, "Barn")
            self.clock.advance(1)
        items = self.by_admin("GET", LOGINS).json["items"]
        wanted = [n for n in range(49, -1, -1) if n % 5 < 3][:20]
        self.assertEqual(
            [each["client"] for each in items], [f"192.0.2.{n}" for n in wanted]
        )
        self.assertEqual({each["cloud_id"] for each in items}, {"Garage"})

    def test_a_system_that_was_added_anew_has_none_of_the_old_one_s(self) -> None:
        who = Origin("admin", "192.0.2.1")
        self.events.note(EventKind.LOGGED_IN, who, "Garage")
        self.clock.advance(60)
        self.successResultOf(self.systems.remove("Garage"))
        self.clock.advance(60)
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.events.note(EventKind.LOGIN_FAILED, who, "Garage")
        items = self.by_admin("GET", LOGINS).json["items"]
        self.assertEqual([each["kind"] for each in items], ["login_failed"])

    def test_none_is_none(self) -> None:
        self.assertEqual(self.by_admin("GET", LOGINS).json, {"items": []})
