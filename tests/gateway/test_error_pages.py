"""Errors as pages and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.error_pages import (
    Answer,
    ErrorKind,
    ErrorPages,
    GatewayError,
    Repeat,
    new_error_id,
)
from cfos_cloud.gateway.error_texts import CHECKS, DETAILS, TITLES
from cfos_cloud.gateway.media_ranges import prefers_json
from cfos_cloud.languages import SUPPORTED
from cfos_cloud.pages import Pages
from cfos_cloud.ui import ui_directory

NOW = datetime(2026, 11, 4, 14, 17, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=12)
BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OFFLINE = GatewayError(ErrorKind.OFFLINE, "abcd2345", "Carport <b>", SINCE)


class ErrorPagesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.errors = ErrorPages(Pages(ui_directory()), lambda: NOW)

    def render(
        self,
        error: GatewayError,
        accept: bytes | None = BROWSER,
        language: bytes | None = b"en",
    ) -> Answer:
        return self.errors.render(error, accept, language)

    def test_the_statuses_are_those_that_clients_rely_on(self) -> None:
        for kind, status in (
            (ErrorKind.OFFLINE, 503),
            (ErrorKind.REFUSED, 502),
            (ErrorKind.TIMEOUT, 504),
            (ErrorKind.BUSY, 503),
            (ErrorKind.BAD_GATEWAY, 502),
            (ErrorKind.NOT_ALLOWED, 403),
            (ErrorKind.NO_SUCH_DEVICE, 404),
            (ErrorKind.CROSS_SITE, 403),
            (ErrorKind.BAD_REQUEST, 400),
            (ErrorKind.UNAUTHORISED, 401),
            (ErrorKind.UNAVAILABLE, 503),
        ):
            for accept in (BROWSER, b"application/json"):
                answer = self.render(GatewayError(kind, "id"), accept)
                self.assertEqual(answer.status, status)

    def test_every_kind_has_its_words_in_every_language(self) -> None:
        slugs = {kind.slug for kind in ErrorKind}
        self.assertEqual((set(TITLES), set(DETAILS)), (slugs, slugs))
        for kind in ErrorKind:
            pages = {
                self.render(GatewayError(kind, "id"), language=language.encode()).body
                for language in SUPPORTED
            }
            self.assertEqual(len(pages), len(SUPPORTED))

    def test_an_answer_is_stored_by_nobody(self) -> None:
        for accept in (BROWSER, b"application/json"):
            fields = dict(self.render(OFFLINE, accept).fields)
            self.assertEqual(fields[b"Cache-Control"], b"no-store")
            self.assertEqual(fields[b"X-Content-Type-Options"], b"nosniff")

    def test_offline_says_since_when_and_for_how_long(self) -> None:
        page = self.render(OFFLINE, language=b"de").body.decode()
        self.assertIn("Das Gerät ist offline", page)
        self.assertIn("04.11.2026, 14:05 UTC", page)
        self.assertIn("12 Minuten", page)
        self.assertIn('datetime="2026-11-04T14:05:00Z"', page)
        self.assertIn("abcd2345", page)
        self.assertIn("Carport &lt;b&gt;", page)

    def test_offline_without_a_known_time_says_none(self) -> None:
        page = self.render(GatewayError(ErrorKind.OFFLINE, "id")).body
        self.assertNotIn(b"<time", page)

    def test_what_passes_by_itself_says_when_to_try_again(self) -> None:
        for kind in (ErrorKind.OFFLINE, ErrorKind.BUSY, ErrorKind.UNAVAILABLE):
            fields = dict(self.render(GatewayError(kind, "id")).fields)
            self.assertGreater(int(fields[b"Retry-After"]), 0)
        fields = dict(self.render(GatewayError(ErrorKind.REFUSED, "id")).fields)
        self.assertNotIn(b"Retry-After", fields)

    def test_what_another_site_sent_is_not_offered_again(self) -> None:
        page = self.render(GatewayError(ErrorKind.CROSS_SITE, "id")).body
        self.assertIn(b'href="/"', page)
        self.assertNotIn(b'href=""', page)

    def policy(self, error: GatewayError) -> str:
        fields = dict(self.render(error).fields)
        return fields[b"Content-Security-Policy"].decode()

    def page(self, kind: ErrorKind, repeat: Repeat = Repeat.FREELY) -> str:
        error = GatewayError(kind, "id", "Carport", SINCE, repeat)
        return self.render(error).body.decode()

    def test_offline_a_page_that_was_only_fetched_waits_and_opens_by_itself(
        self,
    ) -> None:
        page = self.page(ErrorKind.OFFLINE)
        self.assertIn('data-waiting="/cloud/session" data-reloads', page)
        self.assertIn('<noscript><meta http-equiv="refresh" content="30">', page)
        self.assertIn("waiting-", page)
        self.assertNotIn("Your last action", page)

    def test_offline_what_may_change_the_device_waits_and_is_left_to_the_person(
        self,
    ) -> None:
        for repeat in (Repeat.BY_HAND, Repeat.NEVER):
            page = self.page(ErrorKind.OFFLINE, repeat)
            self.assertIn("data-waiting", page)
            self.assertNotIn("data-reloads", page)
            self.assertNotIn("refresh", page)
            self.assertIn("did not reach the device", page)

    def test_offline_nobody_without_a_session_is_made_to_ask_for_one(self) -> None:
        error = GatewayError(ErrorKind.OFFLINE, "id", repeat=Repeat.FREELY)
        self.assertNotIn(b"data-waiting", self.render(error).body)
        self.assertNotIn("connect-src", self.policy(error))

    def test_only_the_page_that_asks_the_server_may_connect_to_it(self) -> None:
        offline = GatewayError(ErrorKind.OFFLINE, "id", "Carport")
        self.assertIn("; connect-src 'self';", self.policy(offline))
        for kind in set(ErrorKind) - {ErrorKind.OFFLINE}:
            self.assertNotIn(
                "connect", self.policy(GatewayError(kind, "id", "Carport"))
            )

    def test_no_page_takes_inline_or_foreign_scripts(self) -> None:
        for kind in ErrorKind:
            policy = self.policy(GatewayError(kind, "id", "Carport"))
            self.assertIn("default-src 'none'", policy)
            self.assertIn("script-src 'self';", policy)
            self.assertNotIn("unsafe", policy)

    def test_what_may_pass_tries_again_by_itself_what_was_only_fetched(self) -> None:
        passing = {
            ErrorKind.REFUSED: 15,
            ErrorKind.TIMEOUT: 15,
            ErrorKind.BUSY: 5,
            ErrorKind.UNAVAILABLE: 10,
        }
        for kind in ErrorKind:
            page = self.page(kind)
            if kind in passing:
                self.assertIn(f'data-retry="{passing[kind]}"', page)
            else:
                self.assertNotIn("data-retry", page)
            for repeat in (Repeat.BY_HAND, Repeat.NEVER):
                self.assertNotIn("data-retry", self.page(kind, repeat))

    def test_after_an_action_it_is_said_whether_the_device_has_got_it(self) -> None:
        for repeat in (Repeat.BY_HAND, Repeat.NEVER):
            for kind in (ErrorKind.OFFLINE, ErrorKind.REFUSED, ErrorKind.BUSY):
                self.assertIn("did not reach the device", self.page(kind, repeat))
            for kind in (ErrorKind.TIMEOUT, ErrorKind.BAD_GATEWAY):
                self.assertIn("It is not certain", self.page(kind, repeat))

    def test_what_was_posted_is_not_offered_as_a_link(self) -> None:
        for kind in ErrorKind:
            page = self.page(kind, Repeat.NEVER)
            self.assertNotIn('href=""', page)
        self.assertIn('href=""', self.page(ErrorKind.REFUSED, Repeat.BY_HAND))

    def test_each_trouble_of_the_device_says_what_to_check(self) -> None:
        kinds = [kind for kind in ErrorKind if kind.slug in CHECKS]
        self.assertEqual(len(kinds), len(CHECKS))
        for kind in kinds:
            page = self.page(kind)
            for each in CHECKS[kind.slug]:
                self.assertIn(each, page)

    def test_the_language_of_the_log_in_comes_before_the_browser_s(self) -> None:
        error = GatewayError(ErrorKind.REFUSED, "id", language="pt")
        self.assertIn(b'<html lang="pt">', self.render(error, language=b"de").body)

    def test_a_get_without_a_query_is_repeated_and_nothing_else(self) -> None:
        self.assertIs(Repeat.of(b"GET", b"/ui/en/index.htm"), Repeat.FREELY)
        self.assertIs(Repeat.of(b"HEAD", b"/"), Repeat.FREELY)
        self.assertIs(Repeat.of(b"GET", b"/cnf?cmd=start"), Repeat.BY_HAND)
        self.assertIs(Repeat.of(b"GET", b"/?"), Repeat.BY_HAND)
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS"):
            self.assertIs(Repeat.of(method, b"/"), Repeat.NEVER)

    def test_json_has_the_members_of_a_problem(self) -> None:
        answer = self.render(OFFLINE, b"application/json")
        self.assertEqual(
            dict(answer.fields)[b"Content-Type"], b"application/problem+json"
        )
        self.assertEqual(
            json.loads(answer.body),
            {
                "type": "urn:problem:cfos-cloud:offline",
                "title": "The device is offline",
                "status": 503,
                "detail": DETAILS["offline"],
                "id": "abcd2345",
                "since": "2026-11-04T14:05:00Z",
            },
        )

    def test_times_of_other_zones_are_said_in_utc(self) -> None:
        zone = timezone(timedelta(hours=2))
        error = GatewayError(ErrorKind.OFFLINE, "id", None, SINCE.astimezone(zone))
        answer = self.render(error, b"application/json")
        self.assertEqual(json.loads(answer.body)["since"], "2026-11-04T14:05:00Z")

    def test_ids_are_short_and_random(self) -> None:
        ids = {new_error_id() for _ in range(100)}
        self.assertEqual(len(ids), 100)
        for each in ids:
            self.assertRegex(each, r"\A[a-z2-7]{8}\Z")


class AcceptTests(SynchronousTestCase):
    def test_only_who_names_json_gets_json(self) -> None:
        for accept in (
            b"application/json",
            b"application/problem+json",
            b"application/json, text/plain, */*",
            b"Application/JSON;charset=utf-8",
            b"text/html;q=0.5, application/json",
        ):
            self.assertTrue(prefers_json(accept), accept)

    def test_all_others_get_a_page(self) -> None:
        for accept in (
            None,
            b"",
            b"*/*",
            BROWSER,
            b"text/html, application/json",
            b"text/html, application/json;q=0.9",
            b"application/json;q=0",
            b"application/json;q=x",
            b"application/jsonp",
            b",;,json",
        ):
            self.assertFalse(prefers_json(accept), accept)
