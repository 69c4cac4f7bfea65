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
    new_error_id,
)
from cfos_cloud.gateway.error_texts import DETAILS, TITLES
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
        self.assertIn('datetime="2026-11-04T14:05:00+00:00"', page)
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
