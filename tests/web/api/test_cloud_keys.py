"""Access keys of scope ``cloud``, by the operator API."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cfos_cloud.events import EventKind
from cfos_cloud.keys.key import Role
from tests.registry.support import ManualWorker
from tests.web.api.key_case import A_KEY, KeyAPICase
from tests.web.operator_support import PASSWORD, Reply

MEMBERS = [
    "id",
    "name",
    "role",
    "state",
    "created",
    "expires",
    "authorised",
    "revoked",
    "last_used",
    "last_client",
    "code",
    "requested_from",
]


class MakingTests(KeyAPICase):
    def test_a_new_one_is_said_once_and_is_pending(self) -> None:
        reply = self.ask("POST", "/keys", json={"name": " evcc ", "role": "admin"})
        self.assertEqual(reply.status, 201)
        self.assertEqual(reply.header("cache-control"), "no-store")
        made = reply.json
        location = f"/cloud/api/v1/keys/{made['id']}"
        self.assertEqual(reply.header("location"), location)
        self.assertEqual(list(made), [*MEMBERS, "key"])
        self.assertEqual(
            (made["name"], made["role"], made["state"], made["expires"]),
            ("evcc", "admin", "pending", None),
        )
        self.assertEqual(made["created"], "2026-11-22T12:00:00Z")
        token = made.pop("key")
        self.assertEqual(token.count("."), 2)
        self.assertEqual(self.ask("GET", f"/keys/{made['id']}").json, made)
        self.assertEqual(self.ask("GET", "/keys").json, {"items": [made], "next": None})
        self.assertEqual(
            self.noted(EventKind.KEY_CREATED), [("operator", None, "admin evcc")]
        )
        self.assert_unsaid(token, token.rpartition(".")[2])

    def test_an_expiry_is_a_time_or_a_day(self) -> None:
        for given, kept in (
            ("2027-01-31T12:00:00+01:00", "2027-01-31T11:00:00Z"),
            ("2027-01-31", "2027-01-31T23:59:59Z"),
            (None, None),
        ):
            self.assertEqual(self.make_key(None, expires=given)["expires"], kept)

    def test_what_can_t_be_is_422_and_nothing_is_made(self) -> None:
        for members, field in (
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": " "}, "name"),
            ({"name": "x" * 65}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": "a\u202eb"}, "name"),
            ({"name": 7}, "name"),
            ({"name": "evcc"}, "role"),
            ({"name": "evcc", "role": "user"}, "role"),
            ({"name": "evcc", "role": ["api"]}, "role"),
            ({**A_KEY, "expires": "tomorrow"}, "expires"),
            ({**A_KEY, "expires": "2026-11-22T12:00:00Z"}, "expires"),
            ({**A_KEY, "expires": "2036-12-31"}, "expires"),
            ({**A_KEY, "expires": "2027-01-31T12:00:00"}, "expires"),
            ({**A_KEY, "expires": 7}, "expires"),
        ):
            reply = self.ask("POST", "/keys", json=members)
            self.assert_problem(reply, 422, field=field)
        self.assertEqual(self.ask("POST", "/keys", data=b"{").status, 400)
        self.assertEqual(self.ask("POST", "/keys", data=b"x" * 66_000).status, 413)
        self.assertEqual(len(self.keys), 0)

    def test_a_name_of_64_wide_characters_is_one(self) -> None:
        self.assertEqual(self.make_key(None, name="🔑" * 64)["name"], "🔑" * 64)

    def test_the_51st_is_409(self) -> None:
        for _ in range(50):
            self.make_key(None)
        reply = self.ask("POST", "/keys", json=A_KEY)
        self.assert_problem(reply, 409, "too-many-keys")

    def test_the_list_comes_in_pages(self) -> None:
        made = []
        for _ in range(5):
            made.append(self.make_key(None)["id"])
            self.clock.advance(1)
        found: list[str] = []
        query = "?limit=2"
        while True:
            page = self.ask("GET", f"/keys{query}").json
            self.assertLessEqual(len(page["items"]), 2)
            found += [each["id"] for each in page["items"]]
            if page["next"] is None:
                break
            query = f"?limit=2&cursor={page['next']}"
        self.assertEqual(found, made[::-1])
        for query, field in (("cursor=x", "cursor"), ("limit=0", "limit")):
            self.assert_problem(self.ask("GET", f"/keys?{query}"), 422, field=field)

    def test_those_of_systems_are_not_among_them(self) -> None:
        made = self.make_key("Garage")
        self.assertEqual(self.ask("GET", "/keys").json["items"], [])
        path = f"/keys/{made['id']}"
        self.assert_problem(self.ask("GET", path), 404)
        self.assert_problem(self.ask("DELETE", path), 404)
        reply = self.ask("POST", f"{path}/authorize", json={"password": PASSWORD})
        self.assert_problem(reply, 404)
        self.assertIsNone(self.row(made["id"]).revoked)


class AuthoriseTests(KeyAPICase):
    def authorise(self, key: Any, password: object = PASSWORD) -> Reply:
        path = f"/keys/{key['id']}/authorize"
        return self.ask("POST", path, json={"password": password})

    def test_it_works_from_then_on(self) -> None:
        made = self.make_key(None, role="admin")
        headers = self.bearer(made)
        self.assert_no_key(self.ask("GET", "/systems", headers=headers))
        reply = self.authorise(made)
        self.assertEqual((reply.status, reply.json["state"]), (200, "authorised"))
        self.assertNotIn("key", reply.json)
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)
        self.assertEqual(
            self.noted(EventKind.KEY_AUTHORISED), [("operator", None, "admin evcc")]
        )

    def test_a_second_time_changes_nothing(self) -> None:
        made = self.make_key(None)
        first = self.authorise(made).json
        self.clock.advance(60)
        self.assertEqual(self.authorise(made).json, first)

    def test_the_password_is_asked_for_whatever_else_comes_along(self) -> None:
        made = self.make_key(None)
        self.assert_problem(self.authorise(made, "wrong"), 422, field="password")
        for password in (None, 7):
            reply = self.authorise(made, password)
            self.assert_problem(reply, 422, field="password")
        self.assertEqual(self.throttle.failures, 1)
        self.assertIsNone(self.row(made["id"]).authorised)

    def test_wrong_ones_make_it_wait(self) -> None:
        made = self.make_key(None)
        for _ in range(7):
            self.authorise(made, "wrong")
        reply = self.authorise(made)
        self.assert_problem(reply, 429)
        self.assertIsNotNone(reply.header("retry-after"))
        self.assertIsNone(self.row(made["id"]).authorised)

    def test_one_that_has_ended_is_409_and_no_password_is_looked_at(self) -> None:
        revoked = self.make_key(None)
        self.ask("DELETE", f"/keys/{revoked['id']}")
        expired = self.make_key(None, expires="2026-11-22T12:00:10Z")
        self.clock.advance(10)
        for made in (revoked, expired):
            self.assert_problem(self.authorise(made, "wrong"), 409, "key-ended")
        self.assertEqual(self.throttle.failures, 0)

    def test_an_unknown_one_is_404(self) -> None:
        self.assert_problem(self.authorise({"id": "nobody"}), 404)

    def test_a_key_can_make_others_and_not_authorise_them(self) -> None:
        admin = self.authorised(None, role="admin", name="robot")
        headers = self.bearer(admin)
        reply = self.ask("POST", "/keys", headers=headers, json=A_KEY)
        self.assertEqual(reply.status, 201)
        self.assertEqual(
            self.noted(EventKind.KEY_CREATED)[-1], ("key:robot", None, "api evcc")
        )
        path = f"/keys/{reply.json['id']}/authorize"
        reply = self.ask("POST", path, headers=headers, json={"password": "x"})
        self.assert_problem(reply, 422, field="password")

    def test_a_session_that_ends_meanwhile_authorises_nothing(self) -> None:
        made = self.make_key(None)
        # The password is remembered for so long.
        self.clock.advance(61)
        session = self.sessions.create("192.0.2.1")
        worker = ManualWorker()
        self.operator._worker = worker
        asked: Deferred[Any] = self.treq.post(
            f"https://cloud.example/cloud/api/v1/keys/{made['id']}/authorize",
            headers={
                "Cookie": f"__Host-cfos-admin={session.token.decode()}",
                "X-CSRF-Token": session.csrf,
            },
            json={"password": PASSWORD},
        )
        self.treq.flush()
        self.sessions.end(session)
        worker.run_all()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 401)
        self.assertIsNone(self.row(made["id"]).authorised)


class RevokeTests(KeyAPICase):
    def test_it_never_works_again_and_stays_in_the_list(self) -> None:
        made = self.authorised(None, role="admin")
        reply = self.ask("DELETE", f"/keys/{made['id']}")
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assert_no_key(self.ask("GET", "/systems", headers=self.bearer(made)))
        (item,) = self.ask("GET", "/keys").json["items"]
        self.assertEqual(item["state"], "revoked")
        self.assertEqual(item["revoked"], "2026-11-22T12:00:00Z")

    def test_a_second_time_is_as_the_first(self) -> None:
        made = self.make_key(None)
        for _ in range(2):
            self.assertEqual(self.ask("DELETE", f"/keys/{made['id']}").status, 204)
        self.assertEqual(len(self.noted(EventKind.KEY_REVOKED)), 1)

    def test_a_key_may_revoke_itself(self) -> None:
        made = self.authorised(None, role="admin", name="robot")
        headers = self.bearer(made)
        reply = self.ask("DELETE", f"/keys/{made['id']}", headers=headers)
        self.assertEqual(reply.status, 204)
        self.assert_no_key(self.ask("GET", "/keys", headers=headers))
        self.assertEqual(
            self.noted(EventKind.KEY_REVOKED), [("key:robot", None, "admin robot")]
        )

    def test_it_ends_what_listens_by_it(self) -> None:
        made = self.authorised(None, role="admin")
        url = "https://cloud.example/cloud/api/v1/live"
        asked = self.treq.get(url, headers=self.bearer(made))
        self.treq.flush()
        response = self.successResultOf(asked)
        ended = self.treq.collect(response, lambda data: None)
        self.assertEqual((len(self.live), len(self.accesses)), (1, 1))
        self.ask("DELETE", f"/keys/{made['id']}")
        self.treq.flush()
        self.successResultOf(ended)
        self.assertEqual((len(self.live), len(self.accesses)), (0, 0))

    def test_so_does_its_expiry(self) -> None:
        made = self.authorised(None, role="admin", expires="2026-11-22T12:00:30Z")
        url = "https://cloud.example/cloud/api/v1/live"
        self.treq.get(url, headers=self.bearer(made))
        self.treq.flush()
        self.clock.advance(29)
        self.accesses.sweep()
        self.assertEqual(len(self.live), 1)
        self.clock.advance(1)
        self.accesses.sweep()
        self.assertEqual(len(self.live), 0)


class UseTests(KeyAPICase):
    def test_it_is_shown_where_a_key_was_used_last(self) -> None:
        made = self.authorised(None, role="admin")
        self.clock.advance(5)
        self.ask("GET", "/systems", headers=self.bearer(made))
        found = self.ask("GET", f"/keys/{made['id']}").json
        self.assertEqual(found["last_used"], "2026-11-22T12:00:05Z")

    def test_only_one_field_in_the_exact_spelling_is_one(self) -> None:
        made = self.authorised(None, role="admin")
        token = made["key"]
        good: Any = {"Authorization": [f"Bearer {token}"]}
        self.assertEqual(self.ask("GET", "/systems", headers=good).status, 200)
        for values in (
            [f"bearer {token}"],
            [f"Bearer  {token}"],
            [f"Bearer {token}", f"Bearer {token}"],
            [f"Bearer {token}", "Basic eDp5"],
            [f"Bearer {token}x"],
            [f"Bearer {token[:-1]}"],
            ["Bearer"],
        ):
            bad: Any = {"Authorization": values}
            self.assert_no_key(self.ask("GET", "/systems", headers=bad))

    def test_other_keys_are_not_the_operator_s(self) -> None:
        for made in (
            self.authorised(None, role="api"),
            self.authorised("Garage", role="admin"),
            self.authorised("Garage", role="api"),
            self.make_key(None, role="admin"),
        ):
            for method, path in (("GET", "/systems"), ("POST", "/keys")):
                reply = self.ask(method, path, headers=self.bearer(made), json=A_KEY)
                self.assert_no_key(reply)
        self.assertEqual(self.throttle.failures, 0)

    def test_a_session_wins_over_a_key(self) -> None:
        session = self.sessions.create("192.0.2.1")
        made = self.make_key(None)
        cookie = {"Cookie": f"__Host-cfos-admin={session.token.decode()}"}
        headers = {**cookie, **self.bearer(made)}
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)

    def test_the_operator_made_it_also_where_a_key_did(self) -> None:
        robot = self.authorised(None, role="admin", name="robot")
        self.ask(
            "POST", "/systems", headers=self.bearer(robot), json={"cloud_id": "Shed"}
        )
        self.assertEqual(
            self.noted(EventKind.SYSTEM_ADDED)[-1], ("key:robot", "Shed", "")
        )


class RoleTests(KeyAPICase):
    def test_the_roles_are_those_of_the_keys(self) -> None:
        for role in Role:
            self.assertEqual(self.make_key(None, role=role.value)["role"], role.value)
