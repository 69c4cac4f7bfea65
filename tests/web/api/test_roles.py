"""Who may do what: every route that is declared, by everybody there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, get_type_hints

from klein import Klein
from treq.testing import StubTreq
from twisted.web.iweb import IRequest

from cfos_cloud.web.api.cloud_data import CloudData
from cfos_cloud.web.api.metrics import MetricsResource
from cfos_cloud.web.api.openapi import Description
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.resources import KeyResources, OperatorResources
from cfos_cloud.web.api.routes import Answer, APIResource, Route, mount, routes_of
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.session import FRESH
from tests.web.api.key_case import SAME, KeyAPICase
from tests.web.operator_support import Reply, basic

#: Routes by whole paths; all others are the API's.
WHOLE = (CloudData, MetricsResource)
SAFE = ("GET", "HEAD")

#: What comes of a request: the status, and the type of the problem; ``""``: 401
#: without a word, ``None``: a problem without a type, or none.
Outcome = tuple[int, str | None]
PASSES: Outcome = (204, None)
NO_WORD: Outcome = (401, "")
LOG_IN: Outcome = (401, None)
NO_TOKEN: Outcome = (403, "csrf")
STRANGER: Outcome = (403, "cross-site")
NOT_ADMIN: Outcome = (403, "system-admin")
AGAIN: Outcome = (401, "reauthenticate")

OPERATOR = (Needs.OPERATOR, Needs.FRESH_OPERATOR)
KEYS = (Needs.KEY, Needs.CLOUD_KEY)


def declared_routes() -> list[Route]:
    """All that a class of the API's declares, by whole paths."""
    classes: list[Any] = [Description, *WHOLE]
    for group in (OperatorResources, KeyResources):
        hints = get_type_hints(group)
        classes += [hints[each.name] for each in fields(group)]
    found = []
    for each in classes:
        base = "" if each in WHOLE else BASE
        for declared, _ in routes_of(each):
            found.append(replace(declared, path=base + declared.path))
    return found


class Stubs:
    """Handlers of routes, who do nothing and count how often they are asked to."""

    def __init__(self, routes: list[Route]) -> None:
        self.calls = 0
        for number, declared in enumerate(routes):
            setattr(self, f"handler_{number}", self._handler(declared))

    def _handler(self, declared: Route) -> Any:
        async def handle(request: IRequest, **path: str) -> Answer:
            self.calls += 1
            return Answer(204)

        handle.route = declared  # type: ignore[attr-defined]
        return handle


@dataclass(frozen=True)
class Somebody:
    """``headers`` is what they come with."""

    headers: dict[str, str]
    kind: str
    #: Of an operator's or admin's browser: whether it has our page's token.
    token: bool = False
    #: The password was given lately.
    fresh: bool = True
    #: It is a browser, which names the site that asks.
    browser: bool = True


class RoleMatrixTests(KeyAPICase):
    def setUp(self) -> None:
        super().setUp()
        self.routes = declared_routes()
        self.stubs = Stubs(self.routes)
        app = Klein()
        mount(app, [self.stubs], self.authorizers)
        self.matrix: Any = StubTreq(APIResource(app))

    def everybody(self) -> Iterator[tuple[str, Somebody]]:
        yield "nobody", Somebody({}, "nobody")
        yield "a browser without anything", Somebody(SAME, "nobody")
        yield "the password", Somebody(basic(), "operator", browser=False)
        yield "a wrong password", Somebody(basic("wrong"), "nobody")
        yield "a browser's password", Somebody({**basic(), **SAME}, "nobody")
        yield from self.operator_sessions()
        yield from self.system_sessions()
        yield from self.all_keys()

    def operator_sessions(self) -> Iterator[tuple[str, Somebody]]:
        stale = self.sessions.create("192.0.2.1")
        self.clock.advance(FRESH + 1)
        fresh = self.sessions.create("192.0.2.1")
        for name, session in (("fresh", fresh), ("stale", stale)):
            headers = {"Cookie": f"__Host-cfos-admin={session.token.decode()}", **SAME}
            is_fresh = session is fresh
            yield f"{name} page", Somebody(headers, "session", fresh=is_fresh)
            headers = {**headers, "X-CSRF-Token": session.csrf}
            yield (
                f"{name} page with its token",
                Somebody(headers, "session", token=True, fresh=is_fresh),
            )
        headers = {**headers, "Sec-Fetch-Site": "cross-site"}
        yield "another site with the operator's session", Somebody(headers, "stranger")
        ended = self.sessions.create("192.0.2.1")
        self.sessions.end(ended)
        headers = {"Cookie": f"__Host-cfos-admin={ended.token.decode()}", **SAME}
        yield "a page that was logged out", Somebody(headers, "nobody")

    def system_sessions(self) -> Iterator[tuple[str, Somebody]]:
        admin = self.cookie(self.admin)
        token = {"X-CSRF-Token": self.admins.csrf(self.admin)}
        yield "the system's admin", Somebody({**admin, **SAME}, "admin")
        yield (
            "the system's admin with the token",
            Somebody({**admin, **SAME, **token}, "admin", token=True),
        )
        yield "the admin's program", Somebody(admin, "admin", browser=False)
        site = {"Sec-Fetch-Site": "cross-site"}
        yield (
            "another site with the admin's session",
            Somebody({**admin, **site, **token}, "admin's stranger"),
        )
        for name, session in (
            ("a user", self.log_in(role="user")),
            ("a session by a key", self.log_in(key_id="some key")),
            ("another system's admin", self.log_in("Barn")),
        ):
            token = {"X-CSRF-Token": self.admins.csrf(session)}
            headers = {**self.cookie(session), **SAME, **token}
            yield name, Somebody(headers, "somebody else")

    def all_keys(self) -> Iterator[tuple[str, Somebody]]:
        for role in ("admin", "api"):
            made = self.authorised(None, role=role)
            headers = self.bearer(made)
            yield f"the cloud's key of role {role}", Somebody(headers, f"cloud {role}")
            with_browser = {**headers, **SAME}
            yield (
                f"a browser's key of role {role}",
                Somebody(with_browser, f"cloud {role}"),
            )
        pending, revoked = self.make_key(None), self.authorised(None, role="admin")
        self.successResultOf(self.keys.revoke(revoked["id"]))
        ends = (self.now() + timedelta(seconds=30)).isoformat(timespec="seconds")
        expired = self.authorised(None, role="admin", expires=ends)
        self.clock.advance(30)
        others = {
            "a pending key": pending,
            "a revoked key": revoked,
            "an expired key": expired,
            "the system's key of role admin": self.authorised(role="admin"),
            "the system's key of role api": self.authorised(role="api"),
            "another system's key": self.authorised("Barn", role="admin"),
            "no key": {"key": "a.b.c"},
        }
        for name, made in others.items():
            yield name, Somebody(self.bearer(made), "key")
        self.own = self.authorised(role="api")
        yield "the key of the path", Somebody(self.bearer(self.own), "own key")

    def expected(self, declared: Route, who: Somebody) -> Outcome:
        needs, is_safe = declared.needs, declared.method in SAFE
        if needs in (Needs.NOTHING, Needs.PAIRING):
            return PASSES
        if needs in KEYS:
            passes = who.kind == "own key"
            if needs is Needs.CLOUD_KEY:
                passes = who.kind in ("cloud admin", "cloud api")
            return PASSES if passes else NO_WORD
        if needs is Needs.SYSTEM_ADMIN:
            return self.expected_of_admin(who, is_safe)
        assert needs in OPERATOR, needs
        if who.kind in ("operator", "cloud admin"):
            return PASSES
        if who.kind in ("cloud api", "key", "own key"):
            return NO_WORD
        if who.kind == "stranger":
            return STRANGER
        if who.kind != "session":
            return LOG_IN
        if needs is Needs.FRESH_OPERATOR:
            if not who.token:
                return NO_TOKEN
            return PASSES if who.fresh else AGAIN
        return PASSES if is_safe or who.token else NO_TOKEN

    def expected_of_admin(self, who: Somebody, is_safe: bool) -> Outcome:
        match who.kind:
            case "admin":
                passes = is_safe or who.token or not who.browser
                return PASSES if passes else NO_TOKEN
            case "admin's stranger":
                return STRANGER
            case "somebody else":
                return NOT_ADMIN
            case "key" | "own key" | "cloud admin" | "cloud api":
                return NO_WORD
        return LOG_IN

    def ask_as(self, declared: Route, who: Somebody) -> Outcome:
        values = {"cloud_id": "gARAGE", "key_id": self.own["id"], "kid": "kid"}
        values["fingerprint"] = "AB"
        path = re.sub("<([a-z_]+)>", lambda name: values[name[1]], declared.path)
        asked = self.matrix.request(
            declared.method, f"https://cloud.example{path}", headers=who.headers
        )
        self.matrix.flush()
        response = self.successResultOf(asked)
        reply = Reply(response, self.successResultOf(response.content()))
        if reply.status == 204:
            return PASSES
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertIsNone(reply.header("www-authenticate"))
        if not reply.body:
            self.assertIsNone(reply.header("content-type"))
            return reply.status, ""
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        kind = reply.json.get("type")
        return reply.status, kind and kind.removeprefix("urn:problem:cfos-cloud:")

    def test_it_is_as_it_should_be(self) -> None:
        people = list(self.everybody())
        wrong = []
        passed = 0
        for declared in self.routes:
            for name, who in people:
                self.throttle._debts.clear()
                found = self.ask_as(declared, who)
                wanted = self.expected(declared, who)
                passed += wanted == PASSES
                if found != wanted:
                    where = f"{declared.method} {declared.path} by {name}"
                    wrong.append(f"{where}: {found}, not {wanted}")
        self.assertEqual(wrong, [])
        self.assertEqual(self.stubs.calls, passed)

    def test_every_need_has_routes(self) -> None:
        self.assertEqual({each.needs for each in self.routes}, set(Needs))

    def test_the_real_resources_are_in_it(self) -> None:
        mounted = {
            (BASE + declared.path, declared.method)
            for each in self.key_resources()
            for declared, _ in routes_of(each)
        }
        found = {(each.path, each.method) for each in self.routes}
        self.assertLessEqual(mounted, found)
        self.assertGreater(len(found), 40)
