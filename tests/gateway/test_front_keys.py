"""Where a request goes that has no session, but an access key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twisted.logger import LogLevel, capturedLogs, formatEvent

from cfos_cloud.keys.consent import grant_of
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.seldom import INTERVAL
from tests.gateway.key_support import (
    BODY,
    CHUNKED,
    EMPTY,
    ISSUER,
    READ,
    REFUSED,
    START,
    SWITCHING,
    UPGRADE,
    Enabled,
    KeyCase,
)
from tests.gateway.support import HTML, JSON
from tests.memory import parse_messages

#: Where a request leads, by the role and scope of its key (admin and api of a system,
#: admin and api of the cloud), and the requests that it is so of.
MATRIX: dict[tuple[str, ...], list[tuple[bytes, bytes, tuple[bytes, ...]]]] = {
    ("device", "device", "ours", "ours"): [
        (b"GET", READ, ()),
        (b"GET", READ + b"?x=/../", ()),
        (b"GET", READ, EMPTY),
        (b"HEAD", READ, ()),
    ],
    ("device", "refused", "ours", "refused"): [
        (b"GET", READ, BODY),
        (b"GET", READ, CHUNKED),
        (b"GET", READ, UPGRADE),
        (b"POST", READ, ()),
        (b"POST", READ, BODY),
        (b"PUT", READ, BODY),
        (b"PATCH", READ, BODY),
        (b"DELETE", READ, ()),
        (b"OPTIONS", READ, ()),
        (b"GET", b"/api/json/", ()),
        (b"GET", b"/api/json/../cnf", ()),
        (b"GET", b"/api/json/%2e%2e/cnf", ()),
        (b"GET", b"/api/json/a%2fb", ()),
        (b"GET", b"/api/json/a%5cb", ()),
        (b"GET", b"/api/json/a//b", ()),
        (b"GET", b"/api/json/..\\cnf", ()),
    ],
    ("device", "refused", "refused", "refused"): [
        (b"GET", b"/", ()),
        (b"GET", b"/api/json", ()),
        (b"GET", b"/api/jsonx", ()),
        (b"GET", b"/API/json/x", ()),
        (b"GET", b"//api/json/x", ()),
        (b"GET", b"/x?/api/json/y", ()),
        (b"GET", b"/page", ()),
        (b"GET", b"/ui/en/", ()),
        (b"GET", b"/cloud", ()),
        (b"GET", b"/ws", UPGRADE),
        (b"GET", b"/cnf?cmd=get_params", ()),
        (b"GET", b"/cnf?cmd=set_params", ()),
        (b"POST", b"/cnf", BODY),
    ],
}


class RequestTests(KeyCase):
    def test_a_key_leads_to_its_device_and_stays_here(self) -> None:
        issued = self.issue()
        self.app.ask(b"/page?a=b", *self.bearing(issued, b"X-Y: z"))
        self.pump()
        self.assertEqual(
            self.stream.preamble,
            {
                "kind": "http",
                "grant": grant_of(issued.token.encode()),
                "client": "203.0.113.7",
                "scheme": "https",
                "host": "cloud.example.org",
            },
        )
        [request] = self.stream.requests
        self.assertEqual(request.start, b"GET /page?a=b HTTP/1.1")
        self.assertEqual(request.get(b"x-y"), b"z")
        self.assertEqual(request.get(b"x-forwarded-for"), b"203.0.113.7")
        self.assertIsNone(request.get(b"authorization"))
        self.assertNotIn(issued.token.encode(), self.stream.data)
        self.assertEqual(self.answered(b"hello").body, b"hello")

    def test_nor_do_our_cookies_go_to_the_device(self) -> None:
        cookie = b"Cookie: __Host-cfos=old; a=b; __Host-cfos-known=canary"
        self.app.ask(b"/", *self.bearing(self.issue(), cookie))
        self.pump()
        self.assertEqual(self.stream.requests[0].all(b"cookie"), [b"a=b"])

    def test_a_session_wins_and_what_is_meant_for_the_device_passes(self) -> None:
        own = b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZXZpY2UifQ.c2lnbmF0dXJl"
        stream = self.ask(READ, b"Authorization: " + own)
        self.assertEqual(stream.preamble["grant"], self.session.grant)
        [request] = stream.requests
        self.assertEqual(request.get(b"authorization"), own)

    def test_a_key_of_ours_is_no_device_s_to_have_with_a_session_either(self) -> None:
        issued = self.issue(cloud_id="W00-B")
        stream = self.ask(READ, *self.bearing(issued))
        self.assertEqual(stream.preamble["grant"], self.session.grant)
        [request] = stream.requests
        self.assertIsNone(request.get(b"authorization"))
        self.assertEqual(self.rows.uses, [])

    def test_nor_is_one_that_has_ended(self) -> None:
        issued = self.issue(cloud_id="W00-B")
        self.rows.put(replace(issued.key, revoked=START))
        [request] = self.ask(READ, *self.bearing(issued)).requests
        self.assertIsNone(request.get(b"authorization"))

    def test_a_use_is_noted(self) -> None:
        issued = self.issue()
        self.app.ask(READ, *self.bearing(issued))
        self.assertEqual(self.rows.uses, [(issued.key.id, "203.0.113.7")])

    def test_the_client_behind_a_proxy_is_the_one_that_counts(self) -> None:
        issued = self.issue()
        self.app = self.browser(address="10.0.0.1")
        self.app.ask(READ, *self.bearing(issued, b"X-Forwarded-For: 198.51.100.9"))
        self.pump()
        self.assertEqual(self.rows.uses, [(issued.key.id, "198.51.100.9")])
        self.assertEqual(self.stream.preamble["client"], "198.51.100.9")

    def test_other_sites_pages_may_use_a_key_that_they_have(self) -> None:
        # No browser sends one along by itself, as it does with a cookie.
        lines = (b"Sec-Fetch-Site: cross-site", b"Origin: https://other.example")
        self.app.ask(READ + b"?x", *self.bearing(self.issue(Role.API), *lines))
        self.pump()
        self.assertEqual(len(self.streams), 1)

    def test_no_service_worker_comes_to_this_origin_by_a_key_either(self) -> None:
        lines = self.bearing(self.issue(), b"Service-Worker: script")
        message = self.app.fetch(b"/sw.js", *lines)
        self.assertEqual((message.status, message.body), (403, b""))
        self.assertEqual(self.streams, [])

    def test_an_upload_streams(self) -> None:
        self.app.ask(b"/up", *self.bearing(self.issue(), *CHUNKED), method=b"POST")
        self.app.send(b"5\r\nhello\r\n0\r\n\r\n")
        self.pump()
        self.assertTrue(self.stream.http.endswith(b"5\r\nhello\r\n0\r\n\r\n"))
        self.assertEqual(self.answered().body, b"ok")

    def test_a_websocket_passes_by_a_key_that_may_everything(self) -> None:
        self.app.ask(b"/ws", *self.bearing(self.issue(), *UPGRADE))
        self.pump()
        self.stream.stream.write(SWITCHING + b"hi")
        self.pump()
        self.assertTrue(self.app.wire.take().endswith(b"\r\n\r\nhi"))
        self.app.send(b"ho")
        self.pump()
        self.assertTrue(self.stream.data.endswith(b"\r\n\r\nho"))

    def test_upgrades_that_are_none_of_theirs_do_not(self) -> None:
        lines = (b"Connection: Upgrade", b"Upgrade: cfos-tunnel/1")
        self.app.ask(b"/ws", *self.bearing(self.issue(), *lines))
        self.pump()
        self.assertIsNone(self.stream.requests[0].get(b"upgrade"))

    def test_our_own_addresses_do_not_look_at_keys(self) -> None:
        for token in (self.issue().token, "nonsense"):
            for target in (
                b"/cloud/api/v1/systems",
                b"/ui/en/cloud-login.htm",
                b"/robots.txt",
            ):
                message = self.app.fetch(target, *self.bearing(token))
                self.assertTrue(message.body.startswith(b"ours GET"), target)
        self.assertEqual((self.streams, self.rows.uses), ([], []))

    def test_without_keys_no_bearer_is_one(self) -> None:
        self.gateway.keys = None
        message = self.app.fetch(b"/page", HTML, *self.bearing(self.issue()))
        self.assertEqual(message.status, 303)


class RoleTests(KeyCase):
    def outcome(
        self, issued: Issued, method: bytes, target: bytes, lines: tuple[bytes, ...]
    ) -> str:
        """``device``, ``ours``, or ``refused``, of which nobody saw anything."""
        seen = len(self.streams), len(self.pages.requests)
        app = self.browser()
        app.send(app.head(target, *self.bearing(issued, *lines), method=method))
        if lines == BODY:
            app.send(b"{}")
        elif lines == CHUNKED:
            app.send(b"0\r\n\r\n")
        self.pump()
        answer = app.wire.take()
        if len(self.pages.requests) > seen[1]:
            self.assertEqual(len(self.streams), seen[0])
            return "ours"
        if len(self.streams) > seen[0]:
            self.assertEqual(answer, b"")
            return "device"
        [message] = parse_messages(answer, bodiless=method == b"HEAD")
        self.assertEqual((message.status, message.body), (401, b""))
        self.assertEqual(message.get(b"cache-control"), b"no-store")
        return "refused"

    def test_the_role_decides_by_method_address_and_what_else_there_is(self) -> None:
        keys = (
            self.issue(Role.ADMIN),
            self.issue(Role.API),
            self.issue(Role.ADMIN, None),
            self.issue(Role.API, None),
        )
        for expected, requests in MATRIX.items():
            for method, target, lines in requests:
                found = tuple(self.outcome(key, method, target, lines) for key in keys)
                self.assertEqual(found, expected, (method, target, lines))
        self.assertEqual(
            {stream.preamble["grant"] for stream in self.streams},
            {grant_of(key.token.encode()) for key in keys[:2]},
        )

    def test_the_cloud_s_interface_sees_what_was_asked(self) -> None:
        issued = self.issue(Role.API, None)
        message = self.app.fetch(b"/api/json/systems?x", *self.bearing(issued))
        self.assertEqual(message.body, b"ours GET /api/json/systems 203.0.113.7 https")
        [request] = self.pages.requests
        self.assertIsNone(request.cloud_id)
        # It looks at the key itself: at the operator's port nobody else does.
        token = issued.token.encode()
        self.assertEqual(request.getHeader(b"authorization"), b"Bearer " + token)


class RefusalTests(KeyCase):
    def refuse_all(self, tokens: dict[str, str]) -> None:
        """All tokens have the same answer everywhere, and the device none of them."""
        answers = set()
        for why, token in tokens.items():
            for target in (READ, b"/", b"/page?x", b"/ws"):
                for lines in ((), (HTML,), (JSON,), (b"Accept: */*",), UPGRADE):
                    head = self.app.head(target, *self.bearing(token, *lines))
                    answer = self.used_by(self.app, head)
                    self.assertEqual(answer, REFUSED, (why, target, lines))
                    answers.add(answer)
        self.assertEqual(len(answers), 1)
        self.assertEqual(self.streams, [])
        self.assertEqual(self.pages.requests, [])
        self.assertEqual(self.rows.uses, [])

    def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(self) -> None:
        good = self.issue()
        header, payload, signature = good.token.split(".")
        directory = Path(self.mktemp())
        directory.mkdir(mode=0o700)
        others = SigningKeys.in_directory(directory, self.now)
        strange = KeyIssuer(others, ISSUER, self.now).issue(
            "W00-A", "x", Role.ADMIN, None
        )
        elsewhere = KeyIssuer(self.signing, "https://other.example", self.now).issue(
            "W00-A", "x", Role.ADMIN, None
        )
        for issued in (strange, elsewhere):
            self.rows.put(replace(issued.key, authorised=self.now()))
        revoked, expired = self.issue(), self.issue(seconds=0)
        removed, disabled = self.issue(), self.issue(cloud_id="W00-B")
        self.revoke(revoked)
        self.rows.remove(removed.key)
        self.systems["W00-B"] = Enabled(False)
        turned = ("A" if signature[0] != "A" else "B") + signature[1:]
        self.refuse_all(
            {
                "nonsense": "nonsense",
                "none": "eyJhbGciOiJub25lIn0." + payload + ".",
                "too long": "a" * 20_000,
                "not signed": f"{header}.{payload}.",
                "signature": f"{header}.{payload}.{turned}",
                "padded": good.token + "=",
                "more": good.token + ".x",
                "another server's key": strange.token,
                "another server's name": elsewhere.token,
                "revoked": revoked.token,
                "expired": expired.token,
                "pending": self.issue(authorised=False).token,
                "removed": removed.token,
                "disabled": disabled.token,
                "consent": good.key.consent,
                "grant": grant_of(good.token.encode()),
            }
        )

    def test_a_missing_key_at_the_interface_is_answered_alike(self) -> None:
        for lines in ((), (HTML,), (JSON,), (b"Authorization: Basic eDp5",)):
            answer = self.used_by(self.app, self.app.head(READ, *lines))
            self.assertEqual(answer, REFUSED)

    def test_what_is_spelled_otherwise_is_no_key(self) -> None:
        token = self.issue().token.encode()
        once = b"Authorization: Bearer " + token
        for lines in (
            [b"Authorization: bearer " + token],
            [b"Authorization: BEARER " + token],
            [b"Authorization: Bearer  " + token],
            [b"Authorization: Bearer\t" + token],
            [b"Authorization: Bearer"],
            [b"Authorization: Bearer" + token],
            [b"Authorization: Basic eDp5"],
            [once, once],
            [once, b"Authorization: Basic eDp5"],
            [b"Authorization: Basic eDp5", once],
        ):
            app = self.browser()
            message = app.fetch(b"/page", HTML, *lines)
            self.assertEqual(message.status, 303, lines)
            self.assertEqual(app.fetch(b"/page", JSON, *lines).status, 401)
            self.assertEqual(self.used_by(app, app.head(READ, *lines)), REFUSED)
        self.assertEqual((self.streams, self.rows.uses), ([], []))

    def test_many_bad_keys_lock_nobody_out(self) -> None:
        for _ in range(1_000):
            self.used_by(self.app, self.app.head(READ, *self.bearing("nonsense")))
        self.app.ask(READ, *self.bearing(self.issue()))
        self.pump()
        self.assertEqual(self.answered().status, 200)

    def test_a_refused_upload_is_answered_and_its_rest_dropped(self) -> None:
        head = self.app.head(READ, *self.bearing("x", *BODY), method=b"POST")
        self.app.send(head)
        self.assertEqual(self.app.one().get(b"connection"), b"close")
        self.app.send(b"{}")
        self.assertTrue(self.app.wire.disconnecting)

    def test_who_is_refused_counts_as_sent_away(self) -> None:
        before = self.gateway.metrics.without_session
        self.app.fetch(READ, *self.bearing("nonsense"))
        self.app.ask(READ, *self.bearing(self.issue()))
        self.assertEqual(self.gateway.metrics.without_session, before + 1)


class LogTests(KeyCase):
    def refuse(self, token: str, times: int = 1) -> list[str]:
        """The lines of so many requests with a key that is refused."""
        with capturedLogs() as events:
            for _ in range(times):
                self.app.fetch(b"/x?secret", *self.bearing(token))
        for event in events:
            self.assertEqual(event["log_level"], LogLevel.info)
            for secret in ("secret", token, grant_of(token.encode())):
                self.assertNotIn(secret, str(event))
        return [str(formatEvent(event)) for event in events]

    def test_a_refusal_is_said_with_key_client_and_reason(self) -> None:
        issued = self.issue(authorised=False)
        self.assertEqual(
            self.refuse(issued.token),
            [
                f"access key {issued.key.id} of W00-A refused to 203.0.113.7: "
                "pending; 0 more since the last such line"
            ],
        )

    def test_of_a_token_that_is_none_nothing_is_said(self) -> None:
        [line] = self.refuse("canary.canary.canary")
        self.assertIn("access key that is none of nobody refused", line)

    def test_once_a_minute_for_each_source_and_reason(self) -> None:
        pending = self.issue(authorised=False).token
        self.assertEqual(len(self.refuse(pending, 100)), 1)
        self.assertEqual(len(self.refuse("canary", 100)), 1)
        self.app = self.browser(address="198.51.100.1")
        self.assertEqual(len(self.refuse(pending, 100)), 1)
        self.clock.advance(INTERVAL)
        self.app = self.browser()
        [line] = self.refuse(pending)
        self.assertIn("; 99 more since", line)

    def test_a_role_that_is_not_enough_is_said_too(self) -> None:
        issued = self.issue(Role.API)
        [line] = self.refuse(issued.token)
        self.assertIn(f"{issued.key.id} of W00-A", line)
        self.assertIn("its role", line)
