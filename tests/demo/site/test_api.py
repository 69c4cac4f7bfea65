"""The site's JSON, for everybody who may ask for it and for those who may not."""

from __future__ import annotations

import json
import os
from unittest.mock import patch

from cfos_cloud.workers import Overloaded
from tests.demo.site.support import (
    ADMIN,
    GUEST,
    SCRIPT,
    Fields,
    SiteTestCase,
    basic,
    cloud,
)

CLOUD_ADMIN = cloud("admin", "admin")
CLOUD_GUEST = cloud("user", "guest")
CLOUD_KEY = cloud("api", "billing")
NOBODY: Fields = ()

#: Path, and whether a user has it; the admin has all, an access key none.
READING = (
    ("/api/site/state", True),
    ("/api/site/history?minutes=10", True),
    ("/api/site/sessions", True),
    ("/api/site/sessions.csv", True),
    ("/api/site/users", False),
    ("/api/site/settings", False),
    ("/api/site/cloud", False),
)
CHANGING: tuple[tuple[str, str, dict[str, object], bool], ...] = (
    ("POST", "/api/site/wallboxes/E1", {"enabled": True}, True),
    ("POST", "/api/site/users", {"name": "carla"}, False),
    ("PATCH", "/api/site/users/bert", {"wallbox": "E1"}, False),
    ("DELETE", "/api/site/users/bert", {}, False),
    ("POST", "/api/site/settings", {"limit_w": 9_000}, False),
    ("POST", "/api/site/cloud", {"enabled": False}, False),
    ("POST", "/api/site/restart", {}, False),
    ("POST", "/api/site/firmware", {"any": "body"}, False),
    (
        "POST",
        "/api/site/admin-password",
        {"old": "adminsecret", "new": "anothersecret"},
        False,
    ),
)


class RoleTests(SiteTestCase):
    def test_each_reads_what_is_theirs(self) -> None:
        for path, for_users in READING:
            for who, status in (
                (ADMIN, 200),
                (CLOUD_ADMIN, 200),
                (GUEST, 200 if for_users else 403),
                (CLOUD_GUEST, 200 if for_users else 403),
                (CLOUD_KEY, 403),
                (NOBODY, 401),
                (basic("admin", "wrong"), 401),
                (basic("user", "0000000000"), 401),
            ):
                self.memory.clock.advance(60)  # no one guesses here
                self.assertEqual(self.get(path, who).status, status, (path, who))

    def test_each_changes_what_is_theirs(self) -> None:
        for method, path, document, for_users in CHANGING:
            body = json.dumps(document).encode()
            for who, status in (
                (NOBODY, 401),
                (CLOUD_KEY, 403),
                (GUEST, 200 if for_users else 403),
                (CLOUD_GUEST, 200 if for_users else 403),
            ):
                answer = self.memory.ask(method, path, (*who, *SCRIPT), body)
                self.assertEqual(answer.status, status, (path, who))
            answer = self.memory.ask(method, path, (*CLOUD_ADMIN, *SCRIPT), body)
            self.assertIn(answer.status, (200, 201, 202, 204), path)
            self.clock.advance(10)

    def test_a_change_needs_the_header_that_no_other_site_can_send(self) -> None:
        for method, path, document, _ in CHANGING:
            body = json.dumps(document).encode()
            answer = self.memory.ask(method, path, ADMIN, body)
            self.assertEqual(answer.status, 403, path)
            self.assertEqual(json.loads(answer.body), {"error": "csrf"})

    def test_on_the_local_network_nobody_is_believed_to_come_from_the_cloud(
        self,
    ) -> None:
        channel, transport = self.memory.connect()
        lines = "".join(f"{name}: {value}\r\n" for name, value in CLOUD_ADMIN)
        head = f"GET /api/site/state HTTP/1.1\r\nHost: x\r\n{lines}\r\n"
        channel.dataReceived(head.encode())
        self.memory.settle()
        self.assertTrue(transport.take().startswith(b"HTTP/1.1 401 "))

    def test_the_clouds_socket_is_for_the_device_end_alone(self) -> None:
        without = [f for f in CLOUD_ADMIN if f[0] != "Site-Door"]
        for fields in (
            *((), ADMIN, cloud("root", "x"), cloud("admin", "")),
            *(without, (*without, ("Site-Door", "guessed"))),
            [f for f in CLOUD_KEY if f[0] != "Site-Door"],
            (*CLOUD_ADMIN, ("Site-Door", "guessed")),
        ):
            channel, transport = self.memory.connect(through_cloud=True)
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            head = f"GET /api/site/state HTTP/1.1\r\nHost: [::1]\r\n{lines}\r\n"
            channel.dataReceived(head.encode())
            self.memory.settle()
            self.assertTrue(transport.take().startswith(b"HTTP/1.1 403 "), fields)

    def test_the_log_in_is_asked_for_as_browsers_know_it(self) -> None:
        answer = self.get("/api/site/state", NOBODY)
        self.assertEqual(
            answer.get(b"www-authenticate"),
            b'Basic realm="charging site", charset="UTF-8"',
        )

    def test_who_guesses_has_to_wait(self) -> None:
        answers = [self.get("/", basic("admin", f"g{n}")).status for n in range(3)]
        self.assertEqual(answers, [303, 303, 303])
        statuses = [
            self.get("/api/site/state", basic("admin", f"g{n}")).status
            for n in range(12)
        ]
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
        right = self.get("/api/site/state", ADMIN)
        self.assertEqual(right.status, 429)
        self.assertTrue(int(right.get(b"retry-after") or 0) > 0)
        elsewhere = self.memory.ask("GET", "/api/site/state", ADMIN, source="192.0.2.9")
        self.assertEqual(elsewhere.status, 200)

    def test_while_no_password_is_set_the_local_network_is_not_asked(self) -> None:
        self.send_json("/api/site/admin-password", {"old": "adminsecret", "new": ""})
        self.assertEqual(self.get("/api/site/state", NOBODY).status, 200)
        self.assertEqual(self.get("/api/site/state", basic("admin", "")).status, 200)
        # A browser goes on sending the password that was removed.
        old = basic("admin", "adminsecret")
        self.assertEqual(self.get("/api/site/state", old).status, 200)
        self.assertEqual(self.get("/api/site/state", basic("user", "x")).status, 401)
        self.assertFalse(self.get_json("/api/site/cloud", ())["admin_password_set"])


class TroubleTests(SiteTestCase):
    def test_a_disk_that_is_full_is_said_and_nothing_has_changed(self) -> None:
        with patch.object(os, "fsync", side_effect=OSError(28, "No space left")):
            answer = self.send_json("/api/site/settings", {"name": "x"}, status=507)
        self.assertEqual(answer, {"error": "not-kept"})
        self.assertEqual(self.site.settings.name, "Charging site")

    def test_too_much_to_do_is_a_moments_wait(self) -> None:
        worker = self.site.store._worker
        with patch.object(worker, "run", side_effect=Overloaded):
            self.assertEqual(self.get("/api/site/state").status, 429)
        self.get("/api/site/state")
        with patch.object(worker, "run", side_effect=Overloaded):
            self.send_json("/api/site/settings", {"name": "x"}, status=503)

    def test_a_fault_of_ours_is_in_the_log_and_not_in_the_answer(self) -> None:
        with patch.object(self.site, "change_site", side_effect=KeyError("canary")):
            answer = self.send_json("/api/site/settings", {"name": "x"}, status=500)
        self.assertEqual(answer, {"error": "internal"})
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class LiveAPITests(SiteTestCase):
    def test_the_state_has_it_all_for_the_admin(self) -> None:
        state = self.get_json("/api/site/state")
        self.assertEqual(
            (state["user"], state["role"], state["time"]),
            ("admin", "admin", "2026-11-22T03:19:17Z"),
        )
        self.assertEqual(state["site"]["serial"], "W00-008J")
        self.assertEqual([box["id"] for box in state["wallboxes"]], ["E1", "E2"])
        self.assertEqual(state["meter"]["id"], "M1")
        first = state["wallboxes"][0]
        self.assertEqual((first["state"], first["session"]["user"]), (3, "guest"))
        boxes = sum(box["power_w"] for box in state["wallboxes"])
        house = self.site.simulation.house_w
        self.assertLess(abs(state["meter"]["power_w"] - boxes - house), 3)

    def test_a_user_sees_only_the_own_wallbox(self) -> None:
        for who in (GUEST, CLOUD_GUEST):
            state = self.get_json("/api/site/state", who)
            self.assertEqual([box["id"] for box in state["wallboxes"]], ["E1"])
            self.assertIsNone(state["meter"])
            history = self.get_json("/api/site/history", who)
            self.assertEqual(list(history["series"]), ["E1"])
            sessions = self.get_json("/api/site/sessions", who)["items"]
            self.assertEqual({item["wallbox"] for item in sessions}, {"E1"})
            csv = self.get("/api/site/sessions.csv", who).body
            self.assertNotIn(b"E2", csv)
            other = self.send_json(
                "/api/site/wallboxes/E2", {"enabled": False}, who, status=404
            )
            self.assertEqual(other, {"error": "unknown"})

    def test_a_user_without_a_wallbox_sees_none(self) -> None:
        state = self.get_json("/api/site/state", cloud("user", "gone"))
        self.assertEqual(state["wallboxes"], [])

    def test_a_wallbox_is_paused_and_limited_and_stays_so(self) -> None:
        box = self.send_json(
            "/api/site/wallboxes/E1", {"enabled": False, "current_limit_a": 10}, GUEST
        )
        self.assertEqual((box["enabled"], box["current_limit_a"]), (False, 10.0))
        self.site.tick(self.clock.seconds() + 1)
        self.assertEqual(self.get_json("/api/site/state")["wallboxes"][0]["power_w"], 0)
        kept = json.loads((self.memory.directory / "settings.json").read_text())
        self.assertEqual(
            kept["wallboxes"]["E1"],
            {"name": "Garage", "enabled": False, "current_limit_a": 10.0},
        )

    def test_a_limit_that_the_wallbox_does_not_have_is_refused(self) -> None:
        for value, code in (
            (5.9, "out-of-range"),
            (17, "out-of-range"),
            ("x", "invalid"),
            (None, "invalid"),
            (True, "invalid"),
            (float("nan"), "invalid"),
        ):
            errors = self.send_json(
                "/api/site/wallboxes/E1", {"current_limit_a": value}, status=422
            )
            self.assertEqual(errors, {"errors": {"current_limit_a": code}}, value)
        self.send_json("/api/site/wallboxes/E1", {}, status=422)

    def test_the_history_has_the_minutes_that_were_asked_for(self) -> None:
        history = self.get_json("/api/site/history?minutes=2")
        self.assertEqual(history["step_s"], 10)
        self.assertEqual({len(v) for v in history["series"].values()}, {12})
        self.assertEqual(self.get_json("/api/site/history?minutes=61")["step_s"], 60)
        for minutes in ("0", "1441", "x", ""):
            self.get_json(f"/api/site/history?minutes={minutes}", status=422)

    def test_the_csv_is_a_file_to_be_saved(self) -> None:
        answer = self.get("/api/site/sessions.csv")
        self.assertEqual(
            answer.get(b"content-disposition"),
            b'attachment; filename="charging-sessions.csv"',
        )
        self.assertEqual(answer.get(b"content-type"), b"text/csv; charset=utf-8")
        lines = answer.body.decode().splitlines()
        items = self.get_json("/api/site/sessions")["items"]
        self.assertEqual(len(lines), 1 + len(items))

    def test_an_answer_to_head_has_no_body(self) -> None:
        answer = self.memory.ask("HEAD", "/api/site/state", ADMIN)
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_what_is_not_there_is_unknown(self) -> None:
        self.assertEqual(
            self.get_json("/api/site/nothing", status=404), {"error": "unknown"}
        )
        self.assertEqual(
            self.get_json("/api/site/restart", status=405), {"error": "method"}
        )
        self.assertEqual(self.get("/api/site/%ff").status, 400)

    def test_a_body_that_is_no_json_object_is_refused(self) -> None:
        for body in (b"{", b"[]", b"\xff", b"[" * 50_000):
            answer = self.memory.ask(
                "POST", "/api/site/wallboxes/E1", (*ADMIN, *SCRIPT), body
            )
            self.assertEqual(json.loads(answer.body), {"error": "malformed"})
            self.assertEqual(answer.status, 400)


class UsersAPITests(SiteTestCase):
    def test_a_new_users_id_is_shown_once_and_works(self) -> None:
        created = self.send_json(
            "/api/site/users", {"name": "carla", "wallbox": "E2"}, status=201
        )
        self.assertEqual((created["name"], created["wallbox"]), ("carla", "E2"))
        self.assertRegex(created["id"], r"\A[0-9]{12}\Z")
        listed = self.get_json("/api/site/users")["items"]
        self.assertEqual(listed[-1], {"name": "carla", "wallbox": "E2"})
        self.assertNotIn(
            created["id"], self.memory.directory.joinpath("users").read_text()
        )
        state = self.get_json("/api/site/state", basic("user", created["id"]))
        self.assertEqual(
            (state["user"], [box["id"] for box in state["wallboxes"]]),
            ("carla", ["E2"]),
        )

    def test_a_user_who_is_removed_gets_in_no_more(self) -> None:
        self.assertEqual(self.get("/api/site/state", GUEST).status, 200)
        self.send_json("/api/site/users/guest", {}, method="DELETE", status=204)
        self.assertEqual(self.get("/api/site/state", GUEST).status, 401)
        self.send_json("/api/site/users/guest", {}, method="DELETE", status=404)
        names = [user["name"] for user in self.get_json("/api/site/users")["items"]]
        self.assertEqual(names, ["bert"])

    def test_a_user_gets_another_wallbox(self) -> None:
        answer = self.send_json(
            "/api/site/users/guest", {"wallbox": "E2"}, method="PATCH"
        )
        self.assertEqual(answer, {"name": "guest", "wallbox": "E2"})
        state = self.get_json("/api/site/state", GUEST)
        self.assertEqual([box["id"] for box in state["wallboxes"]], ["E2"])
        self.send_json("/api/site/users/guest", {"wallbox": ""}, method="PATCH")
        self.assertEqual(self.get_json("/api/site/state", GUEST)["wallboxes"], [])
        self.send_json(
            "/api/site/users/nobody", {"wallbox": "E2"}, method="PATCH", status=404
        )

    def test_what_can_not_be_a_user_is_refused(self) -> None:
        for document, errors in (
            ({}, {"name": "required"}),
            ({"name": "  "}, {"name": "required"}),
            ({"name": "GUEST"}, {"name": "taken"}),
            ({"name": "admin"}, {"name": "invalid"}),
            ({"name": "a b"}, {"name": "invalid"}),
            ({"name": 7}, {"name": "invalid"}),
            ({"name": "x" * 2000}, {"name": "too-long"}),
            ({"name": "dora", "wallbox": "E9"}, {"wallbox": "unknown"}),
        ):
            answer = self.send_json("/api/site/users", document, status=422)
            self.assertEqual(answer, {"errors": errors}, document)

    def test_users_who_could_not_be_written_are_not_there(self) -> None:
        (self.memory.directory / "users").chmod(0o600)
        (self.memory.directory / "users").write_text("broken\n")
        self.send_json("/api/site/users", {"name": "dora"}, status=503)
        self.assertEqual(self.get_json("/api/site/users")["items"], [])
        self.flushLoggedErrors()


class SettingsAPITests(SiteTestCase):
    def test_settings_are_changed_and_kept(self) -> None:
        document = self.send_json(
            "/api/site/settings", {"limit_w": 9000, "name": " Depot  "}
        )
        self.assertEqual((document["limit_w"], document["name"]), (9000, "Depot"))
        self.assertTrue(document["admin_password_set"])
        kept = json.loads((self.memory.directory / "settings.json").read_text())
        self.assertEqual((kept["limit_w"], kept["name"]), (9000, "Depot"))
        self.site.tick(self.clock.seconds() + 1)
        state = self.get_json("/api/site/state")
        self.assertLessEqual(state["site"]["power_w"], 9000)

    def test_what_makes_no_sense_is_refused(self) -> None:
        for document, errors in (
            ({"limit_w": 100}, {"limit_w": "out-of-range"}),
            ({"limit_w": "many"}, {"limit_w": "invalid"}),
            ({"limit_w": ""}, {"limit_w": "required"}),
            ({"name": ""}, {"name": "required"}),
            ({"name": "x" * 61}, {"name": "too-long"}),
            ({"name": "a\x07b"}, {"name": "invalid"}),
        ):
            answer = self.send_json("/api/site/settings", document, status=422)
            self.assertEqual(answer, {"errors": errors}, document)

    def test_the_admin_password_needs_the_old_one(self) -> None:
        path = "/api/site/admin-password"
        for document, errors in (
            ({"old": "wrong", "new": "longenough"}, {"old": "wrong"}),
            ({"old": "adminsecret", "new": "short"}, {"new": "too-short"}),
            ({"old": "adminsecret"}, {"new": "required"}),
            ({"old": "adminsecret", "new": 7}, {"new": "required"}),
            ({"old": "adminsecret", "new": "x" * 2000}, {"new": "too-long"}),
            ({"old": "adminsecret", "new": "a\nlong\nsecret"}, {"new": "invalid"}),
            ({"old": "adminsecret", "new": "$argon2id$v=19"}, {"new": "invalid"}),
        ):
            answer = self.send_json(path, document, status=422)
            self.assertEqual(answer, {"errors": errors}, document)
        self.send_json(path, {"old": "adminsecret", "new": "a new secret"})
        self.assertEqual(self.get("/api/site/state", ADMIN).status, 401)
        new = basic("admin", "a new secret")
        self.assertEqual(self.get("/api/site/state", new).status, 200)
        kept = (self.memory.directory / "admin-password").read_text()
        self.assertTrue(kept.startswith("$argon2id$"))

    def test_an_upload_is_installed_by_a_restart(self) -> None:
        answer = self.memory.ask(
            "POST", "/api/site/firmware", (*ADMIN, *SCRIPT), b"firmware" * 1000
        )
        uploaded = json.loads(answer.body)
        self.assertEqual((uploaded["size"], uploaded["restart_s"]), (8000, 5))
        before = self.get_json("/api/site/state")["site"]["version"]
        self.assertNotEqual(before, uploaded["version"])
        away = self.send_json("/api/site/restart", {}, status=202)
        self.assertEqual(away, {"seconds": 5})
        answer = self.get("/api/site/state")
        self.assertEqual((answer.status, answer.get(b"retry-after")), (503, b"5"))
        self.assertEqual(self.get("/ui/en/firmware.htm").status, 200)
        self.clock.advance(5)
        after = self.get_json("/api/site/state")["site"]["version"]
        self.assertEqual(after, uploaded["version"])
        kept = json.loads((self.memory.directory / "settings.json").read_text())
        self.assertEqual(kept["firmware"], uploaded["version"])
