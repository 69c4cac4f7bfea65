"""What the event log learns of browser sessions that end."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.gateway.sessions import Ending, SessionTable
from cfos_cloud.server.session_recorder import record_endings
from tests.server.test_connection_recorder import Kept


class EndingTests(SynchronousTestCase):
    def test_each_end_is_an_event_with_its_reason_and_without_names(self) -> None:
        clock, kept = Clock(), Kept()
        sessions = SessionTable(clock.seconds)
        record_endings(sessions, kept)
        session = sessions.create("Garage", "grant" * 4, "user", "canary", "::1")
        sessions.end(session, Ending.LOGGED_OUT)
        sessions.create("Garage", "grant" * 4, "admin", "canary", "::2")
        clock.advance(sessions.idle + 1)
        sessions.sweep()
        self.assertEqual(
            kept.events,
            [
                (
                    EventKind.LOGGED_OUT,
                    Origin("user", "::1"),
                    "Garage",
                    "logged out",
                ),
                (EventKind.LOGGED_OUT, Origin("admin", "::2"), "Garage", "expired"),
            ],
        )
        self.assertNotIn("canary", str(kept.events))

    def test_of_one_that_an_access_key_has_opened_the_name_is_known(self) -> None:
        kept = Kept()
        sessions = SessionTable(Clock().seconds)
        record_endings(sessions, kept)
        session = sessions.create(
            "Garage", "grant" * 4, "admin", "A browser", "::1", key_id="k"
        )
        sessions.end(session, Ending.KEY_ENDED)
        [(_, by, _, detail)] = kept.events
        self.assertEqual(by, Origin("key:A browser", "::1"))
        self.assertEqual(detail, "key ended")

    def test_other_times_can_be_set_while_sessions_last(self) -> None:
        clock = Clock()
        sessions = SessionTable(clock.seconds)
        token = sessions.create("Garage", "grant" * 4, "user", "", "::1").token
        sessions.idle = 60.0
        clock.advance(61)
        self.assertIsNone(sessions.find(token))
