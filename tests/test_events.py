"""What an event is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import (
    MAX_ACTOR,
    MAX_DETAIL,
    NO_EVENTS,
    EventKind,
    Origin,
    make_event,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class EventTests(SynchronousTestCase):
    def test_texts_are_cut_and_have_nothing_that_a_database_refuses(self) -> None:
        by = Origin("user:" + "x" * 500, "192.0.2.1\x00")
        event = make_event(NOON, EventKind.LOGGED_IN, by, "Garage", "a\nb\ud800" * 200)
        self.assertEqual(len(event.actor), MAX_ACTOR)
        self.assertEqual(len(event.detail), MAX_DETAIL)
        self.assertEqual(event.client, "192.0.2.1\N{REPLACEMENT CHARACTER}")
        event.detail.encode()
        self.assertTrue(event.detail.startswith("a\N{REPLACEMENT CHARACTER}b"))

    def test_what_nobody_asked_for_is_the_server_s(self) -> None:
        event = make_event(NOON, EventKind.SERVER_STARTED)
        self.assertEqual((event.actor, event.client), ("server", None))
        self.assertEqual((event.time, event.times), (NOON, 1))

    def test_kinds_are_names_for_programs_that_fit_into_their_column(self) -> None:
        for kind in EventKind:
            self.assertRegex(kind.value, re.compile(r"[a-z_]{1,40}\Z"))
            self.assertEqual(kind.value, kind.name.lower())

    def test_who_keeps_none_forgets_them(self) -> None:
        NO_EVENTS.note(EventKind.SERVER_STARTED)
