"""Log-in by an access key: the real keys, and our page from the outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.gateway.key_access import KeyAccesses
from cfos_cloud.gateway.sessions import Ending, Session
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.throttle import Throttle, stranger_keys
from cfos_cloud.web.login.key_logins import KeyLogins
from tests.web.support import LOGIN, LOGOUT, Browser, PagesTestCase, Reply

CLIENT = "192.0.2.1"
SESSION = "__Host-cfos"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Rows:
    """The rows of the keys, in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, AccessKey] = {}
        self.uses: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[AccessKey]:
        return iter(self.rows.values())

    def get(self, key_id: str) -> AccessKey | None:
        return self.rows.get(key_id)

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None:
        of_it = (each for each in self if each.consent == consent)
        return next(of_it, None)

    def used(self, key_id: str, client: str) -> None:
        self.uses.append((key_id, client))


@dataclass(frozen=True)
class Change:
    key: AccessKey


class KeyLoginTestCase(PagesTestCase):
    def make_key_logins(self) -> KeyLogins:
        directory = Path(self.mktemp())
        directory.mkdir()
        signing = SigningKeys.in_directory(directory, self.now)
        self.rows = Rows()
        self.issuer = KeyIssuer(signing, "issuer", self.now)
        authority = KeyAuthority(signing, "issuer", self.rows, self.now)
        self.accesses = KeyAccesses(authority, self.rows, self.systems, self.now)
        self.key_throttle = Throttle(self.clock.seconds)
        return KeyLogins(self.accesses, self.sessions, self.key_throttle, self.kept)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds())

    def issue(
        self,
        cloud_id: str | None = "W00-008J",
        name: str = "Tablet",
        role: Role = Role.ADMIN,
        expires: datetime | None = None,
        **more: Any,
    ) -> str:
        """The token of a key that works."""
        issued = self.issuer.issue(cloud_id, name, role, expires)
        row = replace(issued.key, authorised=self.now())
        self.rows.rows[row.id] = replace(row, **more)
        return issued.token

    def id_of(self, token: str) -> str:
        consent = consent_of(grant_of(token.encode()))
        return next(row.id for row in self.rows if row.consent == consent)

    def change(self, token: str, **changes: Any) -> None:
        key_id = self.id_of(token)
        row = self.rows.rows[key_id] = replace(self.rows.rows[key_id], **changes)
        self.accesses.key_changed(Change(row))

    def revoke(self, token: str) -> None:
        self.change(token, revoked=self.now())

    def present(
        self, token: str, browser: Browser | None = None, **headers: str
    ) -> Reply:
        """By the form; ``accept`` makes it the script."""
        browser = browser or self.browser
        return browser.post(LOGIN, {"key": token, "csrf": browser.token()}, **headers)

    def script(self, token: str, browser: Browser | None = None) -> Reply:
        return self.present(token, browser, accept="application/json")

    def session(self, browser: Browser | None = None) -> Session | None:
        cookie = (browser or self.browser).cookies.get(SESSION, "")
        return self.sessions.find(cookie.encode())

    def open_session(self, browser: Browser | None = None) -> Session:
        session = self.session(browser)
        assert session is not None
        return session


class SuccessTests(KeyLoginTestCase):
    def test_a_key_opens_a_session_that_says_whose_it_is(self) -> None:
        token = self.issue()
        reply = self.present(token)
        self.assertEqual((reply.status, reply.header("location")), (303, "/"))
        session = self.open_session()
        self.assertEqual(
            (session.cloud_id, session.role, session.user, session.key_id),
            ("W00-008J", "admin", "Tablet", self.id_of(token)),
        )
        self.assertEqual((session.client, session.language), (CLIENT, "en"))
        self.assertEqual(session.grant, grant_of(token.encode()))

    def test_the_device_is_not_asked_and_may_be_offline(self) -> None:
        self.assertEqual(self.present(self.issue()).status, 303)
        self.assertEqual(self.present(self.issue("offline")).status, 303)
        self.assertEqual(self.tunnel.asked, [])

    def test_a_key_that_was_broken_into_lines_is_put_together(self) -> None:
        token = self.issue()
        broken = f" \t{token[:80]}\r\n {token[80:]}\u00a0\n"
        self.assertEqual(self.present(broken).status, 303)

    def test_the_browser_gets_what_every_log_in_gives_it(self) -> None:
        by_key = self.present(self.issue(name="Ü"))
        other = Browser(self.root)
        by_password = other.log_in()
        for name in ("set-cookie", "clear-site-data"):
            self.assertEqual(
                [value.partition("=")[0] for value in by_key.all(name)],
                [value.partition("=")[0] for value in by_password.all(name)],
            )
        self.assertEqual(self.browser.cookies["__Host-cfos-last"], "a.W00-008J")

    def test_the_same_key_again_keeps_what_the_device_stored(self) -> None:
        token = self.issue()
        self.present(token)
        first = self.open_session()
        self.browser.cookies["theme"] = "dark"
        again = self.present(token)
        self.assertIsNone(again.header("clear-site-data"))
        self.assertIn("theme", self.browser.cookies)
        self.assertTrue(first.ended)

    def test_another_key_of_the_same_name_finds_nothing_of_the_first(self) -> None:
        self.present(self.issue())
        self.browser.cookies["theme"] = "dark"
        reply = self.present(self.issue())
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')
        self.assertNotIn("theme", self.browser.cookies)

    def test_nor_does_a_key_after_a_password(self) -> None:
        self.browser.log_in()
        reply = self.present(self.issue(name="admin"))
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')

    def test_it_is_an_event_and_a_use_of_the_key(self) -> None:
        token = self.issue()
        self.present(token)
        by = Origin("key:Tablet", CLIENT)
        self.assertEqual(self.kept.events, [(EventKind.LOGGED_IN, by, "W00-008J", "")])
        self.assertEqual(self.rows.uses, [(self.id_of(token), CLIENT)])

    def test_neither_log_nor_events_have_the_token(self) -> None:
        token = self.issue()
        with capturedLogs() as logged:
            self.present(token)
            self.revoke(token)
            self.failure(self.present(token))
        text = "\n".join(str(formatEvent(each)) for each in logged)
        self.assertIn(f"by access key {self.id_of(token)}", text)
        text += str(logged) + str(self.kept.events)
        for part in (*token.split("."), grant_of(token.encode())):
            self.assertNotIn(part, text)


class EndTests(KeyLoginTestCase):
    """The session dies with its key."""

    def setUp(self) -> None:
        super().setUp()
        self.endings: list[Ending] = []
        self.sessions.subscribe(lambda session, ending: self.endings.append(ending))

    def test_a_key_that_is_revoked_ends_all_its_sessions_and_no_others(self) -> None:
        token = self.issue()
        browsers = [Browser(self.root) for _ in range(3)]
        for browser in browsers[:2]:
            self.present(token, browser)
        self.present(self.issue(), browsers[2])
        self.revoke(token)
        self.assertEqual(self.endings, [Ending.KEY_ENDED] * 2)
        self.assertIsNone(self.session(browsers[0]))
        self.assertIsNone(self.session(browsers[1]))
        self.assertIsNotNone(self.session(browsers[2]))

    def test_so_does_one_that_expires(self) -> None:
        self.present(self.issue(expires=START + timedelta(hours=1)))
        self.clock.advance(3599)
        self.accesses.sweep()
        self.assertIsNotNone(self.session())
        self.clock.advance(1)
        self.accesses.sweep()
        self.assertEqual(self.endings, [Ending.KEY_ENDED])
        self.assertIsNone(self.session())

    def test_so_does_one_that_its_device_knows_no_more(self) -> None:
        token = self.issue()
        self.present(token)
        self.accesses.grant_revoked("W00-008J", grant_of(token.encode()))
        self.assertEqual(self.endings, [Ending.KEY_ENDED])

    def test_what_the_session_has_open_ends_with_it(self) -> None:
        class Stream:
            is_aborted = False

            def abort(self) -> None:
                self.is_aborted = True

        token = self.issue()
        self.present(token)
        stream = Stream()
        self.open_session().streams.add(stream)
        self.revoke(token)
        self.assertTrue(stream.is_aborted)

    def test_a_session_is_no_use_of_itself(self) -> None:
        self.present(self.issue())
        self.clock.advance(self.sessions.idle + 1)
        self.sessions.sweep()
        self.assertEqual(self.endings, [Ending.EXPIRED])

    def test_nothing_of_a_session_stays_with_the_key_after_log_out(self) -> None:
        token = self.issue()
        self.present(token)
        access = self.accesses.find(token.encode(), CLIENT)
        self.assertEqual(len(access.streams), 1)
        self.browser.post(LOGOUT, {"csrf": self.browser.token()})
        self.assertEqual(len(access.streams), 0)
        self.assertFalse(access.ended)
        self.assertEqual(self.endings, [Ending.LOGGED_OUT])
        self.assertEqual(self.present(token).status, 303)


class FailureTests(KeyLoginTestCase):
    def bad_tokens(self) -> dict[str, str]:
        good = self.issue()
        removed = self.issue()
        del self.rows.rows[self.id_of(removed)]
        return {
            "empty": "",
            "no token": "hunter2",
            "huge": good * 50,
            "umlauts": "ä.ö.ü",
            "NUL": f"{good}\0",
            "cut": good[:-1],
            "two": f"{good} {good}",
            "with its scheme": f"Bearer {good}",
            "removed": removed,
            "pending": self.issue(authorised=None),
            "revoked": self.issue(revoked=START),
            "expired": self.issue(expires=START),
            "role api": self.issue(role=Role.API),
            "the operator's": self.issue(None),
            "disabled": self.issue("disabled"),
            "unknown": self.issue("unknown"),
        }

    def test_all_look_the_same_and_as_a_wrong_password(self) -> None:
        first = self.failure(self.browser.log_in(secret="wrong"))
        self.assertEqual(first.status, 401)
        for name, token in self.bad_tokens().items():
            self.clock.advance(60)
            reply = self.failure(self.present(token))
            self.assertEqual(reply.status, 401, name)
            self.assertEqual(reply.body, first.body, name)
            self.assertEqual(reply.all("set-cookie"), [], name)
        self.assertEqual(len(self.sessions), 0)

    def test_a_script_is_told_so_in_json_alike_too(self) -> None:
        bodies = set()
        for name, token in self.bad_tokens().items():
            self.clock.advance(60)
            reply = self.failure(self.script(token))
            self.assertEqual(reply.status, 401, name)
            bodies.add(reply.body)
        self.assertEqual(len(bodies), 1)
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(json.loads(bodies.pop())["status"], 401)

    def test_it_takes_a_form_of_ours(self) -> None:
        form = {"key": self.issue(), "csrf": self.browser.token()}
        for changes, headers in (
            ({"csrf": "wrong"}, {}),
            ({}, {"sec_fetch_site": "cross-site"}),
            ({}, {"origin": "https://evil.example"}),
        ):
            self.clock.advance(60)
            reply = self.browser.post(LOGIN, {**form, **changes}, **headers)
            self.assertEqual(self.failure(reply).status, 401)
        self.assertEqual(self.rows.uses, [])

    def test_a_key_in_the_address_counts_for_nothing(self) -> None:
        path = f"{LOGIN}?key={self.issue()}&csrf={self.browser.token()}"
        self.failure(self.browser.post(path, {}))
        self.assertEqual(self.rows.uses, [])

    def test_the_event_has_the_system_where_the_key_is_beyond_doubt(self) -> None:
        tokens = self.bad_tokens()
        for name, cloud_id, reason in (
            ("no token", None, None),
            ("removed", None, "access key: no such key"),
            ("expired", "W00-008J", "access key: expired"),
            ("role api", "W00-008J", "access key: role api"),
            ("the operator's", None, "access key: of no system"),
        ):
            self.failure(self.present(tokens[name]))
            kind, by, where, detail = self.kept.events[-1]
            self.assertEqual(kind, EventKind.LOGIN_FAILED)
            self.assertEqual((by, where), (Origin("nobody", CLIENT), cloud_id), name)
            self.assertEqual(detail, reason or detail)
            self.assertNotIn("hunter2", detail)

    def test_a_session_that_there_was_stays(self) -> None:
        self.browser.log_in()
        self.failure(self.present("no.such.key"))
        self.assertIsNotNone(self.session())


class ThrottleTests(KeyLoginTestCase):
    def guess(self) -> int:
        """How many were looked at before one had to wait."""
        for number in range(50):
            reply = self.script("no.such.key")
            if reply.status:
                self.reply = reply
                return number
        return 50

    def test_who_presents_bad_keys_has_to_wait_and_the_script_learns_it(self) -> None:
        self.assertEqual(self.guess(), 7)
        self.assertEqual(self.reply.status, 429)
        self.assertEqual(self.reply.header("retry-after"), "5")
        self.assertEqual(self.reply.header("content-type"), "application/problem+json")
        self.assertEqual(self.kept.events[-1][0], EventKind.THROTTLED)

    def test_so_does_who_has_no_script(self) -> None:
        self.guess()
        reply = self.present("no.such.key")
        self.assertEqual(reply.status, 429)
        self.assertIn(b"Please wait 5 seconds", reply.body)

    def test_a_good_key_never_has_to_wait_for_another_s_bad_ones(self) -> None:
        self.guess()
        self.assertEqual(self.script(self.issue()).status, 200)
        self.assertEqual(self.script("no.such.key").status, 429)

    def test_secrets_that_are_given_for_keys_do_not_wait_either(self) -> None:
        self.guess()
        source = stranger_keys(self.browser.address, "W00-A")
        self.assertEqual(self.key_throttle.wait(source), 0)

    def test_log_ins_by_password_are_another_table(self) -> None:
        self.guess()
        self.assertEqual(self.browser.log_in().status, 303)
        for _ in range(20):
            self.browser.log_in(secret="wrong")
        self.assertEqual(self.browser.log_in().status, 429)
        self.clock.advance(30)
        self.assertEqual(self.present(self.issue()).status, 303)

    def test_a_success_costs_nothing(self) -> None:
        token = self.issue()
        for _ in range(20):
            self.assertEqual(self.present(token).status, 303)


class ScriptTests(KeyLoginTestCase):
    """What our script is told instead of pages."""

    def test_it_learns_where_to_go_and_the_browser_gets_its_cookies(self) -> None:
        token = self.issue()
        reply = self.script(token)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertEqual(json.loads(reply.body), {"location": "/"})
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')
        self.assertIsNone(reply.header("location"))
        self.assertIsNotNone(self.session())
        again = self.script(token)
        self.assertIsNone(again.header("clear-site-data"))

    def test_who_takes_pages_as_well_gets_a_page(self) -> None:
        for accept in ("*/*", "text/html, application/json;q=0.9"):
            self.assertEqual(self.present(self.issue(), accept=accept).status, 303)

    def test_to_a_password_the_answer_is_a_page_whatever_is_accepted(self) -> None:
        self.assertEqual(self.browser.log_in(accept="application/json").status, 303)
        reply = self.browser.log_in(secret="wrong", accept="application/json")
        self.assertIn(b"did not work", self.failure(reply).body)


class PageTests(KeyLoginTestCase):
    def test_the_page_has_a_second_form_for_a_key(self) -> None:
        page = self.browser.get().body.decode()
        self.assertIn("<summary>Use an access key</summary>", page)
        self.assertIn('name="key"', page)
        self.assertIn('name="keep"', page)
        self.assertIn("The device's own pages can read it there.", page)

    def test_a_page_with_a_session_never_logs_in_by_itself(self) -> None:
        self.assertIn(b"data-kept-key", self.browser.get().body)
        self.present(self.issue())
        page = self.browser.get().body
        self.assertNotIn(b"data-kept-key", page)
        self.assertIn(b'class="logout-form"', page)


class NoKeysTests(PagesTestCase):
    """A server without access keys."""

    def test_its_page_does_not_offer_them(self) -> None:
        page = self.browser.get().body
        for word in (b'name="key"', b"data-kept-key", b"login_key"):
            self.assertNotIn(word, page)

    def test_nor_is_one_taken(self) -> None:
        form = {"key": "a.b.c", "csrf": self.browser.token()}
        self.assertEqual(self.failure(self.browser.post(LOGIN, form)).status, 401)
