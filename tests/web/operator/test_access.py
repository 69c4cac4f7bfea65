"""The admin page's session as a way into the API: from where, with what, how fresh."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from cfos_cloud.events import EventKind
from cfos_cloud.web.api.operation import Operation, as_json, members
from cfos_cloud.web.api.operator_api import OperatorAPI, operator_authorizers
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.session import SessionResource
from cfos_cloud.web.operator.authorization import MAX_NOTED, Needs, OperatorCredentials
from cfos_cloud.web.operator.session import FRESH, IDLE, OperatorSession
from tests.registry.support import ManualWorker
from tests.web.api.resource_case import NotedEvents
from tests.web.operator_support import (
    PASSWORD,
    OperatorAPICase,
    Reply,
    basic,
    mounted,
)

TLS_COOKIE = "__Host-cfos-admin"
PLAIN_COOKIE = "cfos-admin"
#: As a page of ours sends it.
SAME = {"Sec-Fetch-Site": "same-origin"}


class Precious:
    @route(
        "/precious",
        method="GET",
        needs=Needs.FRESH_OPERATOR,
        about=Operation("What nobody else may read", {200: as_json(members())}),
    )
    async def show(self, request: IRequest) -> Answer:
        return Answer(200, {})


class SessionCase(OperatorAPICase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.sessions.create("192.0.2.1")

    def resources(self) -> tuple[object, ...]:
        session = SessionResource(self.sessions, self.password, self.login)
        return (session, Precious())

    def fields(self, session: OperatorSession | None = None) -> dict[str, str]:
        session = session or self.session
        return {"Cookie": f"a=b; {TLS_COOKIE}={session.token.decode()}; c=d"}

    def by_session(self, method: str, path: str, **more: Any) -> Reply:
        """As our own page does it, with its token."""
        headers = {**self.fields(), **SAME, "X-CSRF-Token": self.session.csrf}
        return self.ask(
            method, path, headers={**headers, **more.pop("headers", {})}, **more
        )

    def assert_problem(self, reply: Reply, status: int, slug: str | None) -> None:
        self.assertEqual(reply.status, status, reply.body)
        kind = None if slug is None else f"urn:problem:cfos-cloud:{slug}"
        self.assertEqual(reply.json.get("type"), kind)


class CookieTests(SessionCase):
    def test_a_session_is_enough(self) -> None:
        self.assertEqual(self.by_session("GET", "/systems").status, 200)
        reply = self.by_session("POST", "/systems", json={"cloud_id": "Garage"})
        self.assertEqual(reply.status, 201)

    def test_nothing_else_with_that_name_is(self) -> None:
        token = self.session.token.decode()
        for cookie in (
            f"{TLS_COOKIE}=",
            f"{TLS_COOKIE}={token}x",
            f"{TLS_COOKIE}={self.session.csrf}",
            f"__Host-cfos={token}",
            # Over TLS only the name that no plain page can set is read.
            f"{PLAIN_COOKIE}={token}",
            # Which of two is ours can't be told.
            f"{TLS_COOKIE}=other; {TLS_COOKIE}={token}",
        ):
            reply = self.ask("GET", "/systems", headers={"Cookie": cookie})
            self.assert_problem(reply, 401, None)

    def test_plain_http_has_a_cookie_of_its_own(self) -> None:
        token = self.session.token.decode()
        url = "http://cloud.example/cloud/api/v1/session"
        for name, status in ((PLAIN_COOKIE, 200), (TLS_COOKIE, 401)):
            headers = {"Cookie": f"{name}={token}"}
            response = self.successResultOf(self.treq.get(url, headers=headers))
            self.assertEqual(response.code, status)

    def test_it_wins_over_what_the_browser_learned_from_a_device(self) -> None:
        headers = {"Authorization": "Basic ZGV2aWNlOnNlY3JldA=="}
        reply = self.by_session("GET", "/systems", headers=headers)
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.throttle.failures, 0)

    def test_credentials_of_its_own_are_enough_beside_a_dead_one(self) -> None:
        self.sessions.end(self.session)
        headers = {**self.fields(), **basic()}
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)

    def test_a_request_is_use_of_it(self) -> None:
        for _ in range(3):
            self.clock.advance(IDLE - 1)
            self.assertEqual(self.by_session("GET", "/session").status, 200)
        self.clock.advance(IDLE + 1)
        self.assertEqual(self.by_session("GET", "/session").status, 401)


class SiteTests(SessionCase):
    def test_only_our_own_pages_may_use_it(self) -> None:
        own = "https://cloud.example"
        for fields, passes in (
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Sec-Fetch-Site": "none"}, True),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Sec-Fetch-Site": "cross-site"}, False),
            ({"Sec-Fetch-Site": ""}, False),
            ({}, True),
            ({"Origin": own}, True),
            ({"Origin": "https://cloud.example:4443"}, False),
            ({"Origin": "https://evil.example"}, False),
            ({"Origin": "null"}, False),
            # What the browser says itself counts, not what a page may have made up.
            ({"Sec-Fetch-Site": "cross-site", "Origin": own}, False),
        ):
            for method in ("GET", "HEAD", "POST"):
                headers = {
                    **self.fields(),
                    **fields,
                    "X-CSRF-Token": self.session.csrf,
                }
                data = b'{"cloud_id": "a"}' if method == "POST" else None
                reply = self.ask(method, "/systems", headers=headers, data=data)
                if passes:
                    self.assertIn(reply.status, (200, 201, 409), (fields, method))
                else:
                    self.assertEqual(reply.status, 403, (fields, method))
                    if method != "HEAD":
                        self.assert_problem(reply, 403, "cross-site")

    def test_a_link_on_another_site_is_not_followed_either(self) -> None:
        headers = {
            **self.fields(),
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        reply = self.ask("GET", "/systems", headers=headers)
        self.assert_problem(reply, 403, "cross-site")

    def test_another_site_changes_nothing(self) -> None:
        headers = {**self.fields(), "Sec-Fetch-Site": "cross-site"}
        self.ask("DELETE", "/session", headers=headers)
        self.assertFalse(self.session.ended)


class TokenTests(SessionCase):
    def test_a_change_needs_the_page_s_token(self) -> None:
        other = self.sessions.create("192.0.2.2")
        for headers in (
            {},
            {"X-CSRF-Token": ""},
            {"X-CSRF-Token": other.csrf},
            {"X-CSRF-Token": self.session.token.decode()},
            {"X-CSRF-Token": "ä"},
            {"csrf": self.session.csrf},
        ):
            for method, path in (
                ("POST", "/systems"),
                ("PATCH", "/systems/a"),
                ("DELETE", "/systems/a"),
                ("DELETE", "/session"),
                ("POST", "/session"),
            ):
                reply = self.ask(
                    method,
                    path,
                    headers={**self.fields(), **SAME, **headers},
                    data=b'{"cloud_id": "a", "password": "x"}',
                )
                self.assert_problem(reply, 403, "csrf")
        self.assertEqual(len(self.systems), 0)
        self.assertFalse(self.session.ended)

    def test_to_look_needs_none(self) -> None:
        for method in ("GET", "HEAD"):
            reply = self.ask(method, "/systems", headers={**self.fields(), **SAME})
            self.assertEqual(reply.status, 200)

    def test_a_form_may_carry_it(self) -> None:
        form = {**SAME, "Content-Type": "application/x-www-form-urlencoded"}
        for token, status in (("other", 403), (self.session.csrf, 204)):
            data = f"csrf={token}&more=1".encode()
            headers = {**self.fields(), **form}
            reply = self.ask("DELETE", "/session", headers=headers, data=data)
            self.assertEqual(reply.status, status)

    def test_who_has_no_session_needs_none(self) -> None:
        reply = self.ask("POST", "/systems", json={"cloud_id": "a"})
        self.assertEqual(reply.status, 201)


class FreshTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.by_session("POST", "/systems", json={"cloud_id": "Garage"})

    def test_what_matters_most_needs_a_password_that_was_given_lately(self) -> None:
        self.clock.advance(FRESH)
        reply = self.by_session("DELETE", "/systems/garage")
        self.assert_problem(reply, 401, "reauthenticate")
        self.assertEqual(
            reply.json["reauthenticate"],
            {"method": "POST", "href": "/cloud/api/v1/session"},
        )
        self.assertIsNotNone(self.systems.get("garage"))
        # All else goes on.
        reply = self.by_session("PATCH", "/systems/garage", json={"name": "new"})
        self.assertEqual(reply.status, 200)

        reply = self.by_session("POST", "/session", json={"password": PASSWORD})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["fresh_for"], FRESH)
        self.assertEqual(self.by_session("DELETE", "/systems/garage").status, 204)

    def test_what_matters_most_needs_the_token_also_to_read(self) -> None:
        own = {**self.fields(), **SAME}
        self.assertEqual(self.ask("GET", "/session", headers=own).status, 200)
        self.assertEqual(self.ask("GET", "/precious", headers=own).status, 403)
        self.assertEqual(self.by_session("GET", "/precious").status, 200)

    def test_a_wrong_password_does_not_refresh_and_counts_as_a_guess(self) -> None:
        self.clock.advance(FRESH)
        for _ in range(7):
            reply = self.by_session("POST", "/session", json={"password": "wrong"})
            self.assert_problem(reply, 422, None)
            self.assertEqual(reply.json["field"], "password")
        reply = self.by_session("POST", "/session", json={"password": PASSWORD})
        self.assert_problem(reply, 429, None)
        reply = self.by_session("DELETE", "/systems/garage")
        self.assert_problem(reply, 401, "reauthenticate")

    def test_credentials_of_a_request_s_own_are_always_fresh(self) -> None:
        self.clock.advance(10 * FRESH)
        self.assertEqual(self.ask("DELETE", "/systems/garage").status, 204)

    def test_a_session_that_ends_meanwhile_is_not_refreshed(self) -> None:
        worker = ManualWorker()
        self.operator._worker = worker
        headers = {**self.fields(), "X-CSRF-Token": self.session.csrf}
        asked: Deferred[Any] = self.treq.post(
            "https://cloud.example/cloud/api/v1/session",
            headers=headers,
            json={"password": PASSWORD},
        )
        self.treq.flush()
        self.sessions.end(self.session)
        worker.run_all()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 401)


class NotedTests(SessionCase):
    """That programs use the password is written down, and not for each request."""

    def noted(self) -> list[tuple[str | None, str]]:
        events = self.successResultOf(self.events.page()).items
        kind = EventKind.OPERATOR_LOGGED_IN
        return [(one.client, one.detail) for one in events if one.kind is kind]

    def make_api(self) -> None:
        super().make_api()
        authorizers = operator_authorizers(
            self.password, self.sessions, self.events, self.clock.seconds
        )
        self.api = OperatorAPI(self.resources(), authorizers)
        self.root = mounted(self.api.resource(), b"cloud", b"api", b"v1")
        self.treq = StubTreq(self.root)

    def test_it_is_once_an_hour(self) -> None:
        for minutes in (0, 1, 58, 1, 1, 30):
            self.clock.advance(minutes * 60)
            self.ask("GET", "/session")
        self.assertEqual([detail for _, detail in self.noted()], ["by a program"] * 2)

    def test_a_wrong_password_and_a_session_are_no_such_use(self) -> None:
        self.ask("GET", "/session", headers=basic("wrong"))
        self.by_session("GET", "/session")
        self.assertEqual(self.noted(), [])

    def test_each_address_is_noted_and_a_bounded_number_remembered(self) -> None:
        events = NotedEvents()
        credentials = OperatorCredentials(self.password, events, self.clock.seconds)
        for number in range(MAX_NOTED + 10):
            credentials._note(f"192.0.2.{number}")
        self.assertEqual(len(credentials._noted), MAX_NOTED)
        self.assertEqual(len(events.noted), MAX_NOTED + 10)
        credentials._note(f"192.0.2.{MAX_NOTED}")
        self.assertEqual(len(events.noted), MAX_NOTED + 10)
        credentials._note("192.0.2.0")
        self.assertEqual(len(events.noted), MAX_NOTED + 11)


class SessionResourceTests(SessionCase):
    def test_it_says_how_long_it_lasts(self) -> None:
        self.clock.advance(60.5)
        self.assertEqual(
            self.by_session("GET", "/session").json,
            {"expires_in": IDLE, "fresh_for": FRESH - 61, "client": "192.0.2.1"},
        )

    def test_who_has_none_is_told_so(self) -> None:
        for method in ("GET", "DELETE", "POST"):
            body = json.dumps({"password": PASSWORD}).encode()
            reply = self.ask(method, "/session", data=body)
            self.assert_problem(reply, 404, None)

    def test_the_end_takes_the_cookie_away_and_is_written_down(self) -> None:
        reply = self.by_session("DELETE", "/session")
        self.assertEqual(reply.status, 204)
        cookie = reply.header("set-cookie") or ""
        self.assertEqual(
            cookie.split("; "),
            [
                f"{TLS_COOKIE}=",
                "Path=/",
                "Max-Age=0",
                "Secure",
                "HttpOnly",
                "SameSite=Strict",
            ],
        )
        self.assertEqual(self.by_session("GET", "/session").status, 401)
        page = self.successResultOf(self.events.page())
        kinds = [event.kind for event in page.items]
        self.assertIn(EventKind.OPERATOR_LOGGED_OUT, kinds)

    def test_half_a_character_is_a_wrong_password(self) -> None:
        reply = self.by_session("POST", "/session", json={"password": "\ud800"})
        self.assertEqual((reply.status, reply.json["field"]), (422, "password"))
        self.assertEqual(self.throttle.failures, 1)

    def test_what_is_no_password_is_422(self) -> None:
        for body in ({}, {"password": None}, {"password": 7}):
            reply = self.by_session("POST", "/session", json=body)
            self.assertEqual((reply.status, reply.json["field"]), (422, "password"))
        self.assertEqual(self.throttle.failures, 0)
