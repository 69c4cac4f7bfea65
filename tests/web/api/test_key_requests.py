"""Applications that ask a system for a key, and the window in which they may."""

from __future__ import annotations

from typing import Any

from cfos_cloud.events import EventKind
from cfos_cloud.keys.pairing import MAX_REQUESTS, WINDOW
from tests.web.api.key_case import A_KEY, DEVICE_PASSWORD, KeyAPICase
from tests.web.operator_support import Reply

REQUESTS = "/systems/Garage/key-requests"
PAIRING = "/systems/Garage/pairing"


class RequestCase(KeyAPICase):
    def request(self, path: str = REQUESTS, **members: Any) -> Reply:
        return self.ask("POST", path, headers={}, json={**A_KEY, **members})


class PairingTests(RequestCase):
    def test_it_is_open_for_ten_minutes(self) -> None:
        closed = {"open": False, "until": None}
        self.assertEqual(self.by_admin("GET", PAIRING).json, closed)
        reply = self.by_admin("POST", PAIRING)
        opened = {"open": True, "until": "2026-11-22T12:10:00Z"}
        self.assertEqual((reply.status, reply.json), (200, opened))
        self.clock.advance(WINDOW - 1)
        self.assertEqual(self.by_admin("GET", PAIRING).json, opened)
        self.clock.advance(1)
        self.assertEqual(self.by_admin("GET", PAIRING).json, closed)
        self.assertEqual(
            self.noted(EventKind.PAIRING_OPENED), [("admin", "Garage", "")]
        )

    def test_asked_again_it_begins_anew(self) -> None:
        self.by_admin("POST", PAIRING)
        self.clock.advance(60)
        self.assertEqual(
            self.by_admin("POST", PAIRING).json["until"], "2026-11-22T12:11:00Z"
        )

    def test_it_can_be_closed(self) -> None:
        self.by_admin("POST", PAIRING)
        for _ in range(2):
            self.assertEqual(self.by_admin("DELETE", PAIRING).status, 204)
        self.assertFalse(self.by_admin("GET", PAIRING).json["open"])
        self.assert_problem(self.request(), 403, "pairing-closed")

    def test_it_is_for_the_admin_of_this_system_alone(self) -> None:
        for session in (self.log_in("Barn"), self.log_in("Garage", "user")):
            for method in ("GET", "POST", "DELETE"):
                reply = self.by_admin(method, PAIRING, session)
                self.assert_problem(reply, 403, "system-admin")
        self.assertFalse(self.pairing.is_open("Garage"))


class AskTests(RequestCase):
    def setUp(self) -> None:
        super().setUp()
        self.by_admin("POST", PAIRING)

    def test_whoever_asks_gets_a_key_that_waits_and_a_code(self) -> None:
        reply = self.request("/systems/gARAGE/key-requests", name="evcc")
        self.assertEqual(reply.status, 201)
        self.assertEqual(reply.header("cache-control"), "no-store")
        made = reply.json
        path = f"{REQUESTS}/{made['id']}"
        self.assertEqual(reply.header("location"), f"/cloud/api/v1{path}")
        self.assertRegex(made["code"], r"\A[2-9A-Z]{3}-[2-9A-Z]{3}\Z")
        self.assertEqual((made["state"], made["name"]), ("pending", "evcc"))
        self.assertIn(EventKind.KEY_REQUESTED, [one.kind for one in self.kept()])
        self.assertEqual(
            self.noted(EventKind.KEY_REQUESTED), [("nobody", "Garage", "api evcc")]
        )
        self.assertEqual(self.noted(EventKind.KEY_CREATED), [])

    def test_the_admin_sees_it_with_its_code_and_where_it_is_from(self) -> None:
        made = self.request().json
        (item,) = self.by_admin("GET", "/systems/Garage/keys").json["items"]
        self.assertEqual(item["code"], made["code"])
        # Of whoever asked; in these tests nobody has an address.
        self.assertEqual(item["requested_from"], self.row(made["id"]).requested_from)
        self.assertNotIn("key", item)

    def test_its_application_asks_by_it_how_it_stands(self) -> None:
        made = self.request(expires="2027-01-31").json
        path, headers = f"{REQUESTS}/{made['id']}", self.bearer(made)
        own = {
            "id": made["id"],
            "name": "evcc",
            "role": "api",
            "state": "pending",
            "expires": "2027-01-31T23:59:59Z",
        }
        self.assertEqual(self.ask("GET", path, headers=headers).json, own)
        authorise = f"/systems/Garage/keys/{made['id']}/authorize"
        secret = {"admin_secret": DEVICE_PASSWORD}
        self.assertEqual(self.by_admin("POST", authorise, json=secret).status, 200)
        self.assertEqual(
            self.ask("GET", path, headers=headers).json, {**own, "state": "authorised"}
        )
        self.by_admin("DELETE", f"/systems/Garage/keys/{made['id']}")
        reply = self.ask("GET", path.replace("Garage", "GARAGE"), headers=headers)
        self.assertEqual(reply.json, {**own, "state": "revoked"})

    def test_nobody_else_learns_of_it(self) -> None:
        made, other = self.request().json, self.request().json
        path = f"{REQUESTS}/{made['id']}"
        headers = self.bearer(made)
        for refused, by in (
            (path, {}),
            (path, self.bearer(other)),
            (path, {"Authorization": f"bearer {made['key']}"}),
            (path, {"Authorization": "Bearer x"}),
            (path, self.bearer(self.authorised(None, role="admin"))),
            (f"/systems/Barn/key-requests/{made['id']}", headers),
            (f"{REQUESTS}/{other['id']}", headers),
            (f"{REQUESTS}/nobody", headers),
        ):
            self.assert_no_key(self.ask("GET", refused, headers=by))

    def test_one_more_than_five_has_to_wait(self) -> None:
        codes = {self.request().json["code"] for _ in range(MAX_REQUESTS)}
        self.assertEqual(len(codes), MAX_REQUESTS)
        reply = self.request()
        self.assert_problem(reply, 429, "too-many-requests")
        self.assertEqual(reply.header("retry-after"), "600")
        self.assertEqual(len(self.keys), MAX_REQUESTS)

    def test_what_can_t_be_is_422_and_takes_no_turn(self) -> None:
        for members, field in (
            ({"name": "x" * 65}, "name"),
            ({"role": "root"}, "role"),
            ({"expires": "2001-01-01"}, "expires"),
        ):
            self.assert_problem(self.request(**members), 422, field=field)
        for _ in range(MAX_REQUESTS):
            self.assertEqual(self.request().status, 201)

    def test_a_system_that_is_crowded_is_409(self) -> None:
        for _ in range(50):
            self.make_key("Garage")
        self.assert_problem(self.request(), 409, "too-many-keys")


class ClosedTests(RequestCase):
    def test_nobody_is_told_of_systems_that_there_are(self) -> None:
        self.by_admin("POST", "/systems/Barn/pairing", self.log_in("Barn"))
        self.successResultOf(self.systems.change("Barn", enabled=False))
        bodies = set()
        for path in (
            REQUESTS,
            "/systems/Barn/key-requests",
            "/systems/Nowhere/key-requests",
            "/systems/-/key-requests",
        ):
            reply = self.request(path)
            self.assert_problem(reply, 403, "pairing-closed")
            bodies.add(reply.body)
        self.assertEqual(len(bodies), 1)
        self.assertEqual(len(self.keys), 0)

    def test_what_is_asked_wrongly_is_so_everywhere(self) -> None:
        for path in (REQUESTS, "/systems/Nowhere/key-requests"):
            self.assert_problem(self.request(path, name=""), 422, field="name")

    def test_who_asks_in_vain_has_to_wait_and_the_admin_has_not(self) -> None:
        for _ in range(7):
            self.assert_problem(self.request(), 403, "pairing-closed")
        self.by_admin("POST", PAIRING)
        reply = self.request()
        self.assert_problem(reply, 429)
        self.assertIsNotNone(reply.header("retry-after"))
        made = self.make_key()
        reply = self.by_admin(
            "POST",
            f"/systems/Garage/keys/{made['id']}/authorize",
            json={"admin_secret": DEVICE_PASSWORD},
        )
        self.assertEqual(reply.status, 200)
        self.clock.advance(10)
        self.assertEqual(self.request().status, 201)
