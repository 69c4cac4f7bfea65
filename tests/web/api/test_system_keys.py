"""Access keys of a system, by the session of its admin, with its device's consent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionLost

from cfos_cloud.events import EventKind
from cfos_cloud.registry import DatabaseError
from cfos_cloud.tunnel.control import RpcError
from tests.web.api.key_case import A_KEY, DEVICE_PASSWORD, SAME, KeyAPICase
from tests.web.operator_support import Reply, basic

KEYS = "/systems/Garage/keys"
URL = f"https://cloud.example/cloud/api/v1{KEYS}"


class SystemKeysCase(KeyAPICase):
    def authorise(self, made: Any, secret: object = DEVICE_PASSWORD) -> Reply:
        path = f"{KEYS}/{made['id']}/authorize"
        return self.by_admin("POST", path, json={"admin_secret": secret})

    def state(self, made: Any) -> str:
        return self.row(made["id"]).state(self.now()).value


class MakingTests(SystemKeysCase):
    def test_a_new_one_is_said_once_and_is_pending(self) -> None:
        reply = self.by_admin("POST", "/systems/gARAGE/keys", json=A_KEY)
        self.assertEqual(reply.status, 201)
        self.assertEqual(reply.header("cache-control"), "no-store")
        made = reply.json
        self.assertEqual(
            reply.header("location"), f"/cloud/api/v1/systems/Garage/keys/{made['id']}"
        )
        token = made.pop("key")
        self.assertEqual(made["state"], "pending")
        self.assertEqual(self.by_admin("GET", KEYS).json["items"], [made])
        path = f"/systems/garage/keys/{made['id']}"
        self.assertEqual(self.by_admin("GET", path).json, made)
        self.assertEqual(
            self.noted(EventKind.KEY_CREATED), [("admin", "Garage", "api evcc")]
        )
        self.assertEqual(self.row(made["id"]).cloud_id, "Garage")
        self.assert_unsaid(token, token.rpartition(".")[2])

    def test_what_can_t_be_is_422(self) -> None:
        for members, field in (
            ({"name": "x" * 65, "role": "api"}, "name"),
            ({"name": "evcc", "role": "none"}, "role"),
            ({**A_KEY, "expires": "yesterday"}, "expires"),
        ):
            reply = self.by_admin("POST", KEYS, json=members)
            self.assert_problem(reply, 422, field=field)

    def test_the_51st_is_409_and_other_systems_are_not_concerned(self) -> None:
        for _ in range(50):
            self.by_admin("POST", KEYS, json=A_KEY)
        reply = self.by_admin("POST", KEYS, json=A_KEY)
        self.assert_problem(reply, 409, "too-many-keys")
        self.make_key("Barn")

    def test_keys_of_others_are_unknown(self) -> None:
        for other in (self.make_key("Barn"), self.make_key(None), {"id": "nobody"}):
            path = f"{KEYS}/{other['id']}"
            self.assert_problem(self.by_admin("GET", path), 404)
            self.assert_problem(self.by_admin("DELETE", path), 404)
            self.assert_problem(self.authorise(other), 404)
        self.assertEqual(self.device.asked, [])
        self.assertEqual(self.noted(EventKind.KEY_REVOKED), [])

    def test_a_session_that_ends_meanwhile_makes_none(self) -> None:
        gate = self.hold_making()
        headers = {
            **self.cookie(self.admin),
            "X-CSRF-Token": self.admins.csrf(self.admin),
        }
        asked = self.treq.post(URL, headers=headers, json=A_KEY)
        self.treq.flush()
        self.assertNoResult(asked)
        self.browser_sessions.end(self.admin)
        gate.callback(None)
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 401)
        self.assertEqual(len(self.keys), 0)


class AuthoriseTests(SystemKeysCase):
    def test_the_device_agrees_and_then_it_works(self) -> None:
        made = self.make_key(role="admin", expires="2027-01-31")
        reply = self.authorise(made)
        self.assertEqual((reply.status, reply.json["state"]), (200, "authorised"))
        self.assertEqual(reply.json["authorised"], "2026-11-22T12:00:00Z")
        ends = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
        self.assertEqual(
            self.device.asked,
            [
                (
                    self.row(made["id"]).consent,
                    "evcc",
                    "admin",
                    ends,
                    DEVICE_PASSWORD,
                )
            ],
        )
        self.assertEqual(
            self.noted(EventKind.KEY_AUTHORISED), [("admin", "Garage", "admin evcc")]
        )
        self.assertEqual(self.key_throttle.failures, 0)
        self.assert_unsaid(DEVICE_PASSWORD)

    def test_a_second_time_the_device_is_asked_again(self) -> None:
        made = self.make_key()
        for _ in range(2):
            self.assertEqual(self.authorise(made).status, 200)
        self.assertEqual(len(self.device.asked), 2)
        self.assertEqual(len(self.noted(EventKind.KEY_AUTHORISED)), 1)

    def test_a_wrong_secret_is_403_and_written_down_without_it(self) -> None:
        made = self.make_key()
        self.assert_problem(self.authorise(made, "a guess"), 403, "wrong-secret")
        self.assertEqual(self.state(made), "pending")
        self.assertEqual(
            self.noted(EventKind.KEY_AUTHORISATION_FAILED),
            [("admin", "Garage", "api evcc: wrong-secret")],
        )
        self.assertEqual(self.key_throttle.failures, 1)
        self.assert_unsaid("a guess")

    def test_who_guesses_has_to_wait_and_the_device_sees_no_more(self) -> None:
        made = self.make_key()
        for _ in range(7):
            self.assert_problem(self.authorise(made, "x"), 403, "wrong-secret")
        reply = self.authorise(made)
        self.assert_problem(reply, 429)
        self.assertGreater(int(reply.header("retry-after") or 0), 0)
        self.assertEqual(len(self.device.asked), 7)
        # Log-ins of browsers and operators have tables of their own.
        self.assertEqual(self.throttle.failures, 0)
        self.clock.advance(600)
        self.assertEqual(self.authorise(made).status, 200)

    def test_what_keeps_a_device_from_agreeing_is_said(self) -> None:
        made = self.make_key()
        for trouble, status, slug in (
            (RpcError(-32002, "none set"), 409, "no-admin-password"),
            (RpcError(-32003, "wait"), 429, "too-many-tries"),
            (RpcError(-32601, "method not found"), 409, "device-too-old"),
            (RpcError(-32004, "too many keys"), 409, "device-full"),
            (RpcError(-32005, "over already"), 409, "device-clock"),
            (RpcError(-32603, "internal error"), 502, "device-error"),
            (RpcError(7, "seven"), 502, "device-error"),
            (DeferredTimeout(), 504, "device-overdue"),
            (TimeoutError(), 504, "device-overdue"),
            (ConnectionLost(), 502, "device-lost"),
        ):
            self.device.trouble = trouble
            reply = self.authorise(made)
            self.assert_problem(reply, status, slug)
            waits = reply.header("retry-after") is not None
            self.assertEqual(waits, status == 429)
            self.assertEqual(self.state(made), "pending")
            self.clock.advance(60)
        self.assertEqual(
            [
                detail.rpartition(" ")[2]
                for _, _, detail in self.noted(EventKind.KEY_AUTHORISATION_FAILED)
            ],
            [
                "no-admin-password",
                "too-many-tries",
                "device-too-old",
                "device-full",
                "device-clock",
                "device-error",
                "device-error",
                "device-overdue",
                "device-overdue",
                "device-lost",
            ],
        )

    def test_only_what_may_have_been_a_guess_is_charged(self) -> None:
        made = self.make_key()
        for trouble, charged in (
            (RpcError(-32002, ""), 0),
            (RpcError(-32601, ""), 0),
            (RpcError(-32005, ""), 0),
            (RpcError(-32001, ""), 1),
            (DeferredTimeout(), 2),
            (ConnectionLost(), 3),
        ):
            self.device.trouble = trouble
            self.authorise(made)
            self.assertEqual(self.key_throttle.failures, charged)

    def test_a_fault_of_ours_is_an_answer_and_in_the_log(self) -> None:
        made = self.make_key()
        self.device.trouble = ZeroDivisionError()
        self.assert_problem(self.authorise(made), 502, "device-error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_system_that_is_offline_or_too_old_is_409_and_costs_nothing(self) -> None:
        made = self.make_key()
        self.device.capabilities = frozenset({"http", "login"})
        self.assert_problem(self.authorise(made), 409, "device-too-old")
        del self.tunnels.devices["garage"]
        self.assert_problem(self.authorise(made), 409, "offline")
        self.assertEqual(self.device.asked, [])
        self.assertEqual(len(self.key_throttle), 0)

    def test_what_is_no_secret_is_422_and_the_device_is_not_asked(self) -> None:
        made = self.make_key()
        for secret in (None, "", 7, "x" * 1001, "\ud800"):
            reply = self.authorise(made, secret)
            self.assert_problem(reply, 422, field="admin_secret")
        self.assertEqual(self.device.asked, [])

    def test_one_that_has_ended_is_409_and_the_device_is_not_asked(self) -> None:
        made = self.make_key()
        self.by_admin("DELETE", f"{KEYS}/{made['id']}")
        self.assert_problem(self.authorise(made), 409, "key-ended")
        self.assertEqual(self.device.asked, [])

    def ask_slowly(self, made: Any) -> Deferred[Any]:
        self.device.is_slow = True
        asked: Deferred[Any] = self.treq.post(
            f"{URL}/{made['id']}/authorize",
            headers=self.cookie(self.admin),
            json={"admin_secret": DEVICE_PASSWORD},
        )
        self.treq.flush()
        self.assertNoResult(asked)
        return asked

    def agree(self, asked: Deferred[Any]) -> Any:
        self.device.pending.pop().callback(None)
        self.treq.flush()
        return self.successResultOf(asked)

    def test_one_that_ends_while_the_device_is_asked_is_forgotten_there(self) -> None:
        made = self.make_key()
        asked = self.ask_slowly(made)
        self.successResultOf(self.keys.revoke(made["id"]))
        response = self.agree(asked)
        self.assertEqual(response.code, 409)
        body = json.loads(self.successResultOf(response.content()))
        self.assertEqual(body["type"], "urn:problem:cfos-cloud:key-ended")
        self.assertEqual(self.state(made), "revoked")
        self.assertEqual(self.device.forgot, [self.row(made["id"]).consent])

    def test_one_whose_system_is_removed_meanwhile_is_unknown(self) -> None:
        made = self.make_key()
        asked = self.ask_slowly(made)
        self.successResultOf(self.systems.remove("Garage"))
        self.assertEqual(self.agree(asked).code, 404)

    def test_a_session_that_ends_meanwhile_authorises_nothing(self) -> None:
        made = self.make_key()
        asked = self.ask_slowly(made)
        self.browser_sessions.end(self.admin)
        self.assertEqual(self.agree(asked).code, 401)
        self.assertEqual(self.state(made), "pending")

    def test_side_by_side_no_more_are_tried_than_one_after_the_other(self) -> None:
        made = self.make_key()
        self.device.is_slow = True
        asked = [
            self.treq.post(
                f"{URL}/{made['id']}/authorize",
                headers=self.cookie(self.admin),
                json={"admin_secret": f"guess {number}"},
            )
            for number in range(20)
        ]
        self.treq.flush()
        self.assertEqual(len(self.device.asked), 7)
        for answer in self.device.pending:
            answer.errback(RpcError(-32001, "wrong secret"))
        self.treq.flush()
        codes = [self.successResultOf(each).code for each in asked]
        self.assertEqual(sorted(codes), [403] * 7 + [429] * 13)

    def test_who_does_not_wait_for_the_device_has_tried_all_the_same(self) -> None:
        made = self.make_key()
        asked = self.ask_slowly(made)
        asked.cancel()
        self.treq.flush()
        self.failureResultOf(asked)
        self.assertEqual(self.key_throttle.failures, 1)
        self.assertEqual(self.state(made), "pending")

    def test_without_a_database_nothing_is_said_to_be_done(self) -> None:
        made = self.make_key()

        def run(function: Any) -> Any:
            return fail(DatabaseError("away"))

        self.patch(self.database, "run", run)
        self.assert_problem(self.authorise(made), 503)
        self.assertEqual(self.state(made), "pending")
        # Whether it was committed nobody knows: the device keeps its consent.
        self.assertEqual(self.device.forgot, [])
        self.assert_problem(self.by_admin("POST", KEYS, json=A_KEY), 503)
        self.assert_problem(self.by_admin("DELETE", f"{KEYS}/{made['id']}"), 503)
        self.assertEqual(len(self.keys), 1)


class RevokeTests(SystemKeysCase):
    def test_it_never_works_again_and_the_device_forgets_it(self) -> None:
        made = self.authorised()
        for _ in range(2):
            reply = self.by_admin("DELETE", f"{KEYS}/{made['id']}")
            self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(self.state(made), "revoked")
        self.assertEqual(set(self.device.forgot), {self.row(made["id"]).consent})
        self.assertEqual(
            self.noted(EventKind.KEY_REVOKED), [("admin", "Garage", "api evcc")]
        )

    def test_so_it_is_where_the_system_is_offline(self) -> None:
        made = self.authorised()
        del self.tunnels.devices["garage"]
        reply = self.by_admin("DELETE", f"{KEYS}/{made['id']}")
        self.assertEqual(reply.status, 204)
        self.assertEqual(self.state(made), "revoked")


class WhoMayTests(SystemKeysCase):
    def test_only_an_admin_s_own_session_of_this_very_system_may(self) -> None:
        key = self.authorised("Garage", role="admin")
        for session in (
            self.log_in("Barn"),
            self.log_in("Garage", role="user"),
            self.log_in("Garage", key_id=key["id"]),
        ):
            for path in (KEYS, "/systems/Nowhere/keys"):
                reply = self.by_admin("GET", path, session)
                self.assert_problem(reply, 403, "system-admin")
                reply = self.by_admin("POST", path, session, json=A_KEY)
                self.assert_problem(reply, 403, "system-admin")

    def test_nobody_else_may_by_whatever_else(self) -> None:
        operator = self.sessions.create("192.0.2.1")
        cookie = {"Cookie": f"__Host-cfos-admin={operator.token.decode()}"}
        csrf = {"X-CSRF-Token": operator.csrf}
        for headers in ({}, basic(), {**cookie, **csrf}):
            for method in ("GET", "POST"):
                reply = self.ask(method, KEYS, headers=headers, json=A_KEY)
                self.assert_problem(reply, 401)
        self.assertEqual(len(self.keys), 0)

    def test_a_key_may_not_be_it_the_system_s_own(self) -> None:
        for made in (
            self.authorised("Garage", role="admin"),
            self.authorised(None, role="admin"),
            {"key": "no key"},
        ):
            for method in ("GET", "POST"):
                reply = self.ask(method, KEYS, headers=self.bearer(made), json=A_KEY)
                self.assert_no_key(reply)

    def test_a_key_beside_a_session_does_no_harm(self) -> None:
        headers = self.bearer({"key": "the device's own"})
        self.assertEqual(self.by_admin("GET", KEYS, headers=headers).status, 200)

    def test_a_session_that_has_ended_may_no_more(self) -> None:
        self.browser_sessions.end(self.admin)
        self.assert_problem(self.by_admin("GET", KEYS), 401)


class TokenTests(SystemKeysCase):
    """What other sites, and pages of devices, can make a browser send."""

    def post(self, headers: dict[str, str], **more: Any) -> Reply:
        more = more or {"json": A_KEY}
        return self.ask(
            "POST", KEYS, headers={**self.cookie(self.admin), **headers}, **more
        )

    def test_a_browser_has_to_bring_the_page_s_token(self) -> None:
        token = {"X-CSRF-Token": self.admins.csrf(self.admin)}
        for browser in (
            SAME,
            {"Origin": "https://cloud.example"},
            {"Sec-Fetch-Mode": "cors"},
            {"sec-fetch-dest": "empty"},
        ):
            self.assert_problem(self.post(browser), 403, "csrf")
            self.assertEqual(self.post({**browser, **token}).status, 201)

    def test_a_program_need_not(self) -> None:
        self.assertEqual(self.post({}).status, 201)

    def test_a_token_that_is_sent_has_to_be_right(self) -> None:
        other = self.log_in("Garage")
        for token in (
            "",
            "x",
            "ä",
            self.admins.csrf(other),
            self.admin.token.decode(),
        ):
            self.assert_problem(self.post({"X-CSRF-Token": token}), 403, "csrf")
        self.assertEqual(len(self.keys), 0)

    def test_a_form_may_carry_it(self) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        path = "/systems/Garage/pairing"
        headers = {**self.cookie(self.admin), **SAME, **form}
        for token, status in (("x", 403), (self.admins.csrf(self.admin), 200)):
            data = f"csrf={token}".encode()
            reply = self.ask("POST", path, headers=headers, data=data)
            self.assertEqual(reply.status, status)

    def test_other_sites_are_refused_token_or_not(self) -> None:
        token = {"X-CSRF-Token": self.admins.csrf(self.admin)}
        for browser in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
        ):
            self.assert_problem(self.post({**browser, **token}), 403, "cross-site")
            reply = self.ask(
                "GET", KEYS, headers={**self.cookie(self.admin), **browser}
            )
            self.assert_problem(reply, 403, "cross-site")

    def test_the_token_is_the_session_s_own_and_not_it(self) -> None:
        tokens = {self.admins.csrf(self.log_in()) for _ in range(3)}
        self.assertEqual(len(tokens), 3)
        self.assertNotIn(self.admin.token.decode(), self.admins.csrf(self.admin))
        self.assertEqual(self.admins.csrf(self.admin), self.admins.csrf(self.admin))
