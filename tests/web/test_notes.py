"""What a page says once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.web.notes import Note, Notes


class NotesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notes = Notes()
        self.sessions = SessionTable(lambda: 0.0)
        self.session = self.sessions.create("A", "g", "admin", "admin", "192.0.2.1")

    def test_it_is_said_once_and_to_nobody_else(self) -> None:
        note = Note("added", {"token": "secret"})
        self.notes.put(self.session, note)
        other = self.sessions.create("A", "g", "admin", "admin", "192.0.2.1")
        self.assertIsNone(self.notes.take(other))
        self.assertIs(self.notes.take(self.session), note)
        self.assertIsNone(self.notes.take(self.session))

    def test_a_second_one_takes_the_place_of_the_first(self) -> None:
        second = Note("revoked")
        self.notes.put(self.session, Note("added"))
        self.notes.put(self.session, second)
        self.assertIs(self.notes.take(self.session), second)
        self.assertEqual(len(self.notes), 0)

    def test_it_goes_with_its_session(self) -> None:
        self.notes.put(self.session, Note("added"))
        self.notes.forget(self.session)
        self.assertEqual(len(self.notes), 0)
        self.sessions.end(self.session)
        self.notes.put(self.session, Note("added"))
        self.assertEqual(len(self.notes), 0)
